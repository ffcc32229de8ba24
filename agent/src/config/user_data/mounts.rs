//! `mounts`: a list of lists `[source, target, type, options, freq, passno]`.

use nixvm_system::GuestPath;

use super::FILE;
use crate::config::Config;
use crate::config::finding::Finding;
use crate::config::types::MountEntry;
use crate::config::yaml::{Map, Node};

/// Reads all mounts; one that cannot be read is lost by name.
pub fn parse(map: &Map, config: &mut Config, findings: &mut Vec<Finding>) {
    let Some(node) = map.get("mounts").filter(|node| !node.is_null()) else { return };
    let Some(items) = node.as_seq() else {
        findings.push(
            Finding::error("bad-value", FILE, format!("is {}, not a list of mounts", node.kind()))
                .at(node.mark, "mounts"),
        );
        return;
    };
    for (index, item) in items.iter().enumerate() {
        match entry(item) {
            Ok(entry) => config.mounts.push(entry),
            Err(message) => findings.push(
                Finding::error("bad-value", FILE, message)
                    .at(item.mark, format!("mounts[{index}]"))
                    .hint("write [source, mount point, type, options]; quote names with , ] or #"),
            ),
        }
    }
}

fn entry(item: &Node) -> Result<MountEntry, String> {
    let fields =
        item.as_seq().ok_or_else(|| format!("is {}, not a list of fields", item.kind()))?;
    let field = |index: usize| fields.get(index).filter(|node| !node.is_null()).map(Node::text);
    let text = |index: usize, default: &str| match field(index) {
        None => Ok(default.to_owned()),
        Some(Some(text)) if !text.contains('\0') => Ok(text.to_owned()),
        Some(_) => Err(format!("field {} is not a text", index + 1)),
    };
    let source = text(0, "")?;
    if source.is_empty() {
        return Err("has no source".to_owned());
    }
    if text(2, "")? == "swap" {
        return Err("is swap space, which is switched on only for Lima's own disks".to_owned());
    }
    let target = text(1, "")?;
    let target =
        GuestPath::new(&target).map_err(|error| format!("mount point {target:?}: {error}"))?;
    Ok(MountEntry {
        source: device(source),
        target,
        fstype: text(2, "auto")?,
        options: text(3, "defaults,nofail")?,
        mark: item.mark,
    })
}

/// A bare name of a disk or a drive, for example `vdb1`, is one in `/dev`, as for cloud-init.
fn device(source: String) -> String {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_disk = |name: &str| {
        let name = name.strip_prefix('x').unwrap_or(name);
        let rest = ["sd", "hd", "vd"].iter().find_map(|kind| name.strip_prefix(kind));
        let rest =
            rest.and_then(|rest| rest.strip_prefix(|letter: char| letter.is_ascii_lowercase()));
        rest.is_some_and(is_number)
    };
    let is_drive =
        source.strip_prefix("sr").is_some_and(|rest| !rest.is_empty() && is_number(rest));
    if is_drive || is_disk(&source) { format!("/dev/{source}") } else { source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_of_disks_are_in_dev() {
        for (source, expected) in [
            ("vdb", "/dev/vdb"),
            ("xvda1", "/dev/xvda1"),
            ("sr0", "/dev/sr0"),
            ("sr", "sr"),
            ("vdb.2", "vdb.2"),
            ("nvme0n1", "nvme0n1"),
            ("lima-0", "lima-0"),
            ("LABEL=x", "LABEL=x"),
        ] {
            assert_eq!(device(source.to_owned()), expected);
        }
    }
}
