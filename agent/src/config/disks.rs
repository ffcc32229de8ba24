//! Additional disks of a Lima guest: `LIMA_CIDATA_DISKS` and `LIMA_CIDATA_DISK_<n>_*`.
//!
//! A disk is known by its name, in three ways that other programs see too: the label of its file
//! system is `lima-NAME`, cut to what the type allows; so is the name of its partition, up to 36
//! letters; and the ids of a disk that was formatted here are made from the whole name, which tells
//! names apart that are the same after cutting. A disk outlives the guest that formatted it, so
//! nothing about it is kept in the guest.

use nixvm_system::Fresh;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::env_file::Variables;
use super::finding::Finding;
use super::lima::{number, value};

/// More disks than QEMU has letters for are a slip.
const MOST: u32 = 256;

/// All additional disks.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Wanted {
    /// How many the host attached, in its order.
    pub count: usize,
    /// Those whose entry can be used.
    pub disks: Vec<WantedDisk>,
}

/// An additional disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WantedDisk {
    /// Its place in the host's order, from 0.
    pub index: usize,
    /// Its name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// What the host believes that the kernel calls it: `vdb` for the first, whatever else there is.
    pub device: String,
    /// Whether it may be formatted if it is blank.
    pub format: bool,
    /// Type that it gets then.
    pub fstype: String,
    /// Further arguments of the program that makes the file system.
    pub args: Vec<String>,
}

/// Reads `lima.env`.
pub fn parse(variables: &Variables, findings: &mut Vec<Finding>) -> Wanted {
    let count = number(variables, "DISKS", findings).unwrap_or(0).min(MOST);
    let mut wanted = Wanted { count: count as usize, disks: Vec::new() };
    for index in 0..wanted.count {
        let key = format!("DISK_{index}_NAME");
        match name(value(variables, &key), &wanted.disks) {
            Ok(name) => wanted.disks.push(disk(variables, index, name, findings)),
            Err((code, message)) => findings.push(at(Finding::error(code, FILE, message), &key)),
        }
    }
    wanted
}

const FILE: &str = "lima.env";

fn at(mut finding: Finding, key: &str) -> Finding {
    finding.key = format!("LIMA_CIDATA_{key}");
    finding
}

fn name(text: Option<&str>, others: &[WantedDisk]) -> Result<String, (&'static str, String)> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Err(("missing-key", "is missing; the disk is left alone".to_owned()));
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !begins_well || !text.bytes().all(is_plain) || text.len() > 200 {
        return Err(("bad-name", format!("{text:?} is no name of a disk; it is left alone")));
    }
    if others.iter().any(|other| other.name == text) {
        return Err(("bad-name", format!("{text:?} is the name of another disk already")));
    }
    Ok(text.to_owned())
}

fn disk(
    variables: &Variables,
    index: usize,
    name: String,
    findings: &mut Vec<Finding>,
) -> WantedDisk {
    let get = |what: &str| value(variables, &format!("DISK_{index}_{what}")).unwrap_or_default();
    let fstype = if get("FSTYPE").is_empty() { "ext4" } else { get("FSTYPE") };
    let mut args: Vec<String> = get("FSARGS").split_whitespace().map(str::to_owned).collect();
    if fstype == "swap" && !args.is_empty() {
        let message = "is of no use for swap space, which is made without a program; it is ignored";
        let finding = Finding::warning("disk-args-ignored", FILE, message);
        findings.push(at(finding, &format!("DISK_{index}_FSARGS")));
        args.clear();
    }
    WantedDisk {
        index,
        name,
        device: get("DEVICE").to_owned(),
        format: get("FORMAT") == "true",
        fstype: fstype.to_owned(),
        args,
    }
}

impl WantedDisk {
    /// `lima-NAME`: the label, and the name of the partition.
    pub fn full_label(&self) -> String {
        format!("lima-{}", self.name)
    }

    /// The label as it is on a file system of this type. FAT has 11 capitals, and no full stop.
    pub fn label(&self, fstype: &str) -> String {
        let full = self.full_label();
        let length = match fstype {
            "ext2" | "ext3" | "ext4" => 16,
            "xfs" => 12,
            "vfat" => 11,
            "swap" => 15,
            _ => 255,
        };
        let label: String = full.chars().take(length).collect();
        if fstype == "vfat" { label.to_uppercase().replace('.', "_") } else { label }
    }

    /// Id of its partition, as bytes on the disk.
    pub fn part_id(&self) -> [u8; 16] {
        id("partition", &self.name)
    }

    /// How it is to be formatted.
    ///
    /// # Errors
    /// Why it cannot be: for people.
    pub fn fresh(&self, disk: &str) -> Result<Fresh, String> {
        Ok(Fresh {
            disk: disk.to_owned(),
            disk_id: id("disk", &self.name),
            part_id: self.part_id(),
            part_name: self.full_label(),
            fstype: self.fstype.clone(),
            label: self.label(&self.fstype),
            maker: self.maker()?,
        })
    }

    /// Words that are no options might be devices: a slip there costs another disk.
    fn maker(&self) -> Result<Option<(String, Vec<String>)>, String> {
        let label_option = match self.fstype.as_str() {
            "swap" => return Ok(None),
            "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" => "-L",
            "vfat" => "-n",
            other => return Err(format!("file systems of type {other} are not made here")),
        };
        if let Some(word) = self.args.iter().find(|word| word.contains('/')) {
            return Err(format!("the argument {word} names a file or a device"));
        }
        let mut args = self.args.clone();
        args.extend([label_option.to_owned(), self.label(&self.fstype)]);
        Ok(Some((format!("mkfs.{}", self.fstype), args)))
    }
}

/// An id of version 8 (RFC 9562) from a digest: the version is in the third field, which on a disk is
/// little-endian.
fn id(what: &str, name: &str) -> [u8; 16] {
    let digest = Sha256::digest(format!("nixvm {what} {name}"));
    let mut id = [0; 16];
    for (place, (to, from)) in id.iter_mut().zip(digest).enumerate() {
        *to = match place {
            7 => from & 0x0f | 0x80,
            8 => from & 0x3f | 0x80,
            _ => from,
        };
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Wanted, Vec<String>) {
        let mut findings = Vec::new();
        let lines: String =
            text.split_whitespace().map(|word| format!("LIMA_CIDATA_{word}\n")).collect();
        let lines = lines.replace('+', " ");
        let variables = super::super::env_file::plain("lima.env", lines.as_bytes(), &mut findings);
        let wanted = parse(&variables, &mut findings);
        (wanted, findings.iter().map(|it| format!("{} {}", it.code, it.key)).collect())
    }

    #[test]
    fn a_bad_entry_loses_itself_and_keeps_its_place() {
        let (wanted, findings) = read(
            "DISKS=5 DISK_0_NAME=a/b DISK_1_NAME=data DISK_1_FORMAT=true DISK_2_FORMAT=true \
             DISK_3_NAME=data DISK_4_NAME=swap DISK_4_FSTYPE=swap DISK_4_FSARGS=-f",
        );
        let places: Vec<_> = wanted.disks.iter().map(|it| (it.index, it.name.as_str())).collect();
        assert_eq!((wanted.count, places), (5, vec![(1, "data"), (4, "swap")]));
        assert!(wanted.disks[0].format && !wanted.disks[1].format);
        assert_eq!(
            findings,
            [
                "bad-name LIMA_CIDATA_DISK_0_NAME",
                "missing-key LIMA_CIDATA_DISK_2_NAME",
                "bad-name LIMA_CIDATA_DISK_3_NAME",
                "disk-args-ignored LIMA_CIDATA_DISK_4_FSARGS",
            ]
        );
        assert_eq!(read("DISKS=x").1, ["bad-value LIMA_CIDATA_DISKS"]);
    }

    fn disk(fstype: &str, args: &str) -> WantedDisk {
        let line = format!(
            "DISKS=1 DISK_0_NAME=my.Long-data-disk DISK_0_FSTYPE={fstype} DISK_0_FSARGS={args}"
        );
        read(&line).0.disks.remove(0)
    }

    #[test]
    fn labels_are_cut_to_what_the_type_holds() {
        for (fstype, label) in [
            ("ext4", "lima-my.Long-dat"),
            ("xfs", "lima-my.Long"),
            ("btrfs", "lima-my.Long-data-disk"),
            ("vfat", "LIMA-MY_LON"),
            ("swap", "lima-my.Long-da"),
        ] {
            assert_eq!(disk("", "").label(fstype), label);
        }
    }

    #[test]
    fn arguments_are_divided_at_blanks_and_may_name_no_device() {
        let maker = |fstype, args| disk(fstype, args).fresh("vdb").map(|fresh| fresh.maker);
        let (program, args) = maker("", "-E+nodiscard++-m+0").unwrap().unwrap();
        assert_eq!(program, "mkfs.ext4");
        assert_eq!(args, ["-E", "nodiscard", "-m", "0", "-L", "lima-my.Long-dat"]);
        assert_eq!(maker("swap", ""), Ok(None));
        for args in ["/dev/vda", "-d+name=/dev/vda", "dev/vda"] {
            assert!(maker("xfs", args).is_err(), "{args}");
        }
        assert!(maker("zfs", "").is_err());
    }

    #[test]
    fn ids_are_of_the_whole_name_and_never_change() {
        assert_eq!(id("disk", "data"), id("disk", "data"));
        assert_ne!(id("disk", "data"), id("partition", "data"));
        assert_ne!(id("disk", "data"), id("disk", "datb"));
        let text: String = id("disk", "data").iter().map(|byte| format!("{byte:02x}")).collect();
        expect_test::expect!["b1e1aec1567eb38d8c8e208af95bf449"].assert_eq(&text);
    }
}
