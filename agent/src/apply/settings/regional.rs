//! Keyboard and language: keyboard(5), vconsole.conf(5), locale(5), locale.conf(5).

use std::time::Duration;

use nixvm_system::{Change, Command, FileKind, GuestPath, System};

use super::{Fault, run_tool, write};
use crate::config::regional::{Keyboard, KeyboardName, LocaleName};
use crate::step::{Family, KeyboardStep, LocaleStep};

const LIMIT: u64 = 1 << 20;
/// Where maps of the console's keyboard are.
const KEYMAPS: [&str; 3] = ["/usr/lib/kbd/keymaps", "/usr/share/kbd/keymaps", "/usr/share/keymaps"];
/// Making one locale takes seconds, under emulation a minute.
const LOCALE_GEN: Duration = Duration::from_mins(10);

pub fn keyboard(system: &mut dyn System, step: &KeyboardStep) -> Result<Change, Fault> {
    let Keyboard { layout, model, variant, options } = &step.keyboard;
    let [layout, model, variant, options] =
        [layout, model, variant, options].map(KeyboardName::as_str);
    let mut values = vec![
        ("XKBLAYOUT", layout.to_owned()),
        ("XKBMODEL", model.to_owned()),
        ("XKBVARIANT", variant.to_owned()),
        ("XKBOPTIONS", options.to_owned()),
    ];
    if step.family == Family::Debian {
        return debian_keyboard(system, &values);
    }
    let first = |text: &str| text.split(',').next().unwrap_or_default().to_owned();
    let (layout, variant) = (first(layout), first(variant));
    let wanted = if variant.is_empty() { layout } else { format!("{layout}-{variant}") };
    let is_there = has_keymap(system, &wanted)?;
    if is_there {
        values.push(("KEYMAP", wanted.clone()));
    }
    let change = assign(system, &GuestPath::new("/etc/vconsole.conf")?, &values)?;
    if is_there {
        return Ok(change);
    }
    Err(Fault::new("no-such-keymap", format!("the console has no map {wanted}; X is told of it"))
        .hint("localectl list-keymaps shows those that are there"))
}

/// `setupcon` makes the console's map of it, where the package of that name is installed.
fn debian_keyboard(system: &mut dyn System, values: &[(&str, String)]) -> Result<Change, Fault> {
    let change = assign(system, &GuestPath::new("/etc/default/keyboard")?, values)?;
    if system.has("setupcon") {
        run_tool(system, &Command::tool("setupcon", &["--keyboard-only", "--save"]))?;
    }
    Ok(change)
}

fn has_keymap(system: &dyn System, name: &str) -> Result<bool, Fault> {
    let ends = [format!("{name}.map.gz"), format!("{name}.map")];
    for base in KEYMAPS {
        if holds(system, &GuestPath::new(base)?, &ends, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds(
    system: &dyn System,
    folder: &GuestPath,
    ends: &[String],
    depth: u8,
) -> Result<bool, Fault> {
    for name in system.list(folder)?.unwrap_or_default() {
        let path = folder.join(&name)?;
        let is_folder = system.stat(&path)?.is_some_and(|stat| stat.kind == FileKind::Dir);
        if ends.contains(&name) || is_folder && depth < 3 && holds(system, &path, ends, depth + 1)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn locale(system: &mut dyn System, step: &LocaleStep) -> Result<Change, Fault> {
    if step.family == Family::Debian && !step.name.is_built_in() {
        make_locale(system, &step.name)?;
    }
    assign(system, &step.file, &[("LANG", step.name.as_str().to_owned())])
}

/// A line of `/etc/locale.gen` names a locale to make; most of them stand there as comments.
fn make_locale(system: &mut dyn System, name: &LocaleName) -> Result<(), Fault> {
    if !system.has("locale-gen") {
        return Err(Fault::new("no-such-program", "there is no locale-gen to make the locale")
            .hint("install the package locales, or use C.UTF-8"));
    }
    let file = GuestPath::new("/etc/locale.gen")?;
    let now = system.read(&file, LIMIT)?.unwrap_or_default();
    let now = String::from_utf8_lossy(&now);
    let wanted = format!("{} {}", name.as_str(), name.charset());
    let has = |line: &str| line.split_whitespace().eq(wanted.split_whitespace());
    if !now.lines().any(has) {
        let end = if now.is_empty() || now.ends_with('\n') { "" } else { "\n" };
        write(system, file.as_str(), format!("{now}{end}{wanted}\n").as_bytes(), 0o644)?;
    }
    let command = Command::tool("locale-gen", &[]);
    run_tool(system, &Command { limit: LOCALE_GEN, ..command })
}

/// Sets `NAME="value"` lines; others stay, and so does their order. Newer releases of Debian have links
/// between these files, so what is written is what the link leads to.
fn assign(
    system: &mut dyn System,
    path: &GuestPath,
    values: &[(&str, String)],
) -> Result<Change, Fault> {
    let path = &system.resolve(path)?.unwrap_or_else(|| path.clone());
    let now = system.read(path, LIMIT)?.unwrap_or_default();
    let mut text = Vec::with_capacity(now.len() + 128);
    let is_ours = |line: &[u8]| {
        let name = line.trim_ascii().split(|byte| *byte == b'=').next().unwrap_or_default();
        values.iter().any(|(wanted, _)| name == wanted.as_bytes())
    };
    for line in now.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_ours(line)) {
        text.extend(line);
    }
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    for (name, value) in values {
        text.extend(format!("{name}=\"{value}\"\n").bytes());
    }
    write(system, path.as_str(), &text, 0o644)
}
