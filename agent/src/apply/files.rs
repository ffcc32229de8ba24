//! Provisioning of mode `data` and `yq`.

use nixvm_system::{Attrs, Change, FileKind, Owner, System};
use nixvm_yq::{Format, Options, evaluate_with};

use super::Fault;
use super::owner::Who;
use super::place::Place;
use super::secrets::Secrets;
use crate::config::provision::Method;
use crate::step::provision::FileStep;

/// Largest file that is edited, in bytes: more than `nixvm-yq` takes.
const LIMIT: u64 = 16 << 20;

pub(super) fn provide(system: &mut dyn System, step: &FileStep) -> Result<Change, Fault> {
    let who = Who::find(system, &step.owner)?;
    let place = Place::of(system, &step.path)?;
    let there = system.stat(&place.path)?;
    if there.is_some() && step.method == Method::Create {
        return Ok(Change::Unchanged);
    }
    let (text, owner) = match &step.method {
        Method::Edit(format) => {
            let there = place.file(system)?;
            if there.is_some_and(|stat| !who.may(stat, 0o2)) {
                let reason = format!("{} may not write {}", step.owner.user, place.path);
                return Err(Fault::new("not-writable", reason)
                    .hint("name the owner of the file as owner of the edit"));
            }
            let now = place.read(system, LIMIT)?;
            (edit(step, format, now)?, who.owner_of(there, who.owner()))
        }
        Method::Create | Method::Replace => {
            // A link in a folder of a user's gives way; it is not followed.
            let is_link = |stat: &nixvm_system::Stat| stat.kind == FileKind::Link;
            let there =
                if there.as_ref().is_some_and(is_link) { None } else { place.file(system)? };
            (step.text.reveal().clone(), who.owner_of(there, Owner::ROOT))
        }
    };
    place.make_parents(system, &who)?;
    Ok(system.write(&place.path, &text, Attrs { mode: step.mode, owner }, place.links())?)
}

/// The new text. After any fault the file is as it was.
fn edit(step: &FileStep, format: &str, now: Option<Vec<u8>>) -> Result<Vec<u8>, Fault> {
    let utf8 = |bytes: Vec<u8>, what: &str| {
        String::from_utf8(bytes).map_err(|_| Fault::new("not-text", format!("{what} is not UTF-8")))
    };
    let expression = utf8(step.text.reveal().clone(), "the expression")?.replace("\r\n", "\n");
    let input = now.map(|bytes| utf8(bytes, step.path.as_str())).transpose()?;
    let wrong = |error: nixvm_yq::Error| {
        let reason = Secrets::of(step.env.reveal()).hide(&error.to_string());
        Fault::new("yq-failed", reason).hint("docs/reference/yq.md lists what is understood")
    };
    let format = Format::from_name(format).map_err(wrong)?;
    let variable = |name: &str| {
        let found = step.env.reveal().iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone())
    };
    let input = input.as_deref().map(|text| (text, format));
    let done = evaluate_with(&expression, input, format, &Options::for_format(format), &variable);
    Ok(done.map_err(wrong)?.text.into_bytes())
}
