//! `nixvm-agent collect`.

use anyhow::Context;
use clap::Args;
use nixvm_system::{Attrs, Files, GuestPath, Host, Links, Owner, System};

use super::Machine;
use crate::collect;

#[derive(Debug, Args)]
/// Put what a bug report needs into one archive, without secrets.
pub struct Collect {
    #[command(flatten)]
    machine: Machine,
    /// Where the archive goes. Only its owner may read it.
    #[arg(long, value_name = "FILE", default_value = "/var/tmp/nixvm-report.tar")]
    output: String,
}

pub fn run(arguments: &Collect) -> anyhow::Result<u8> {
    let mut system = arguments.machine.open()?;
    if !super::is_root(system.as_ref()) {
        anyhow::bail!(
            "the journal and the seed can be read by root alone: sudo nixvm-agent collect"
        );
    }
    // A seed that is lost is a reason to report, and no reason to have no report.
    let read = super::read(arguments.machine.seed.as_deref(), system.as_ref());
    let read = read.map_or_else(
        |error| {
            eprintln!("nixvm-agent: without the seed: {error:#}");
            None
        },
        |(read, _)| read,
    );
    let members = collect::gather(read.as_ref(), arguments.machine.options(), system.as_mut());
    let archive = collect::archive(&members, system.now());
    let path = write(&arguments.output, &archive)?;
    let mut text = String::new();
    for member in &members {
        text.push_str(&format!("{:>9}  {}\n", member.text.len(), member.name));
    }
    text.push_str(&format!("{:>9}  in all: {path}\n", archive.len()));
    text.push_str(
        "Passwords, parameters and scripts are not in it. Look through it before you send it.\n",
    );
    super::print(&text)?;
    Ok(0)
}

fn write(output: &str, archive: &[u8]) -> anyhow::Result<GuestPath> {
    let full = std::path::absolute(output).with_context(|| format!("finding {output}"))?;
    let full = full.to_str().with_context(|| format!("{output} is not UTF-8"))?;
    let path = GuestPath::new(full).with_context(|| format!("writing {output}"))?;
    let mut host = Host::new().context("opening /")?;
    let attrs = Attrs { mode: 0o600, owner: own(&host) };
    host.write(&path, archive, attrs, Links::Follow)?;
    Ok(path)
}

/// Who runs this program: its own files in /proc are this user's.
fn own(system: &dyn System) -> Owner {
    let stat = GuestPath::new("/proc/self/stat").map(|path| system.stat(&path));
    match stat {
        Ok(Ok(Some(stat))) => stat.owner,
        _ => Owner::ROOT,
    }
}
