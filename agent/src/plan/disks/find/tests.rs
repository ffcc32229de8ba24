use nixvm_system::{Entry, Signature};

use super::*;

const NAMES: [&str; 4] = ["vda", "vdb", "vdc", "vdd"];

fn wanted(names: &[&str]) -> Wanted {
    let disks = names.iter().enumerate().map(|(index, name)| WantedDisk {
        index,
        name: (*name).to_owned(),
        device: NAMES[index + 1].to_owned(),
        format: true,
        fstype: "ext4".to_owned(),
        args: Vec::new(),
    });
    Wanted { count: names.len(), disks: disks.collect() }
}

fn marked(kind: &'static str, label: &str) -> Content {
    Content::Marked(vec![Signature { kind, label: label.to_owned() }])
}

fn disk(name: &str, content: Content) -> Disk {
    Disk {
        name: name.to_owned(),
        device: format!("/dev/{name}"),
        bytes: 1 << 30,
        sector: 512,
        read_only: false,
        removable: false,
        claimed: Vec::new(),
        content,
        parts: Vec::new(),
    }
}

/// A disk with one partition, called so in its table.
fn divided(name: &str, entry: &str, content: Content) -> Disk {
    let part = Part {
        device: format!("/dev/{name}1"),
        number: 1,
        start: 1 << 20,
        bytes: 1 << 29,
        entry: Some(Entry { id: [9; 16], name: entry.to_owned() }),
        content,
    };
    Disk { parts: vec![part], ..disk(name, marked("gpt", "")) }
}

fn root() -> Disk {
    let disk = divided("vda", "root", marked("ext4", "cloudimg-rootfs"));
    Disk { claimed: vec!["vda1".to_owned()], ..disk }
}

fn blank(name: &str) -> Disk {
    disk(name, Content::Blank)
}

/// One word a name: the device that was found, `+` before one that is to be formatted, or a code.
fn found_with(names: &[&str], all: Vec<Disk>, cidata: &str, begun: &[(&str, &str)]) -> String {
    let begun = begun.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let (wanted, disks) = (wanted(names), Disks { all, begun });
    let search =
        Search { wanted: &wanted, disks: &disks, cidata: Some(cidata), root: Some("/dev/vda1") };
    let words = search.all().into_iter().map(|found| match found {
        Found::Volume(volume) => volume.device.trim_start_matches("/dev/").to_owned(),
        Found::Blank(disk) => format!("+{}", disk.name),
        Found::Nothing { code, .. } => code.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn found(names: &[&str], all: Vec<Disk>) -> String {
    found_with(names, all, "/dev/sr0", &[])
}

#[test]
fn blank_disks_are_taken_in_the_order_of_the_host() {
    assert_eq!(found(&["a", "b"], vec![root(), blank("vdb"), blank("vdc")]), "+vdb +vdc");
    let carries_b = divided("vdc", "", marked("ext4", "lima-b"));
    assert_eq!(found(&["a", "b"], vec![root(), blank("vdb"), carries_b]), "+vdb vdc1");
    let carries_a = divided("vdc", "", marked("ext4", "lima-a"));
    assert_eq!(
        found(&["a", "b"], vec![root(), blank("vdb"), carries_a]),
        "vdc1 +vdb",
        "attached in another order: the one blank disk is for the one name that is left"
    );
}

#[test]
fn the_seed_is_known_by_content_and_not_by_its_letter() {
    // krunkit: the seed is the second disk, and the host's guesses are off by one.
    let seed = || disk("vdb", marked("iso9660", "cidata"));
    let all = || vec![root(), seed(), blank("vdc"), blank("vdd")];
    assert_eq!(found_with(&["a", "b"], all(), "/dev/vdb", &[]), "+vdc +vdd");
    assert_eq!(found_with(&["a", "b"], all(), "/dev/other", &[]), "+vdc +vdd");
    // vz: the seed is the last disk.
    let last = disk("vdd", marked("iso9660", "cidata"));
    let all = vec![root(), blank("vdb"), blank("vdc"), last];
    assert_eq!(found_with(&["a", "b"], all, "/dev/vdd", &[]), "+vdb +vdc");
    // One disk more than the host speaks of: place and guess agree, the seed taken out.
    let all = || vec![root(), seed(), blank("vdc"), blank("vdd")];
    assert_eq!(found_with(&["a"], all(), "/dev/vdb", &[]), "+vdc");
}

#[test]
fn a_disk_more_or_less_is_doubt_unless_place_and_guess_agree() {
    let more = || vec![root(), blank("vdb"), blank("vdc"), blank("vdd")];
    assert_eq!(found(&["a", "b"], more()), "+vdb +vdc");
    let shifted = vec![root(), blank("vdc"), blank("vdd"), blank("vde")];
    assert_eq!(found(&["a", "b"], shifted), "disk-not-found disk-not-found");
    assert_eq!(found(&["a", "b"], vec![root(), blank("vdb")]), "disk-not-found disk-not-found");
    assert_eq!(found(&["a"], vec![root()]), "disk-not-found");
}

#[test]
fn what_is_not_blank_is_never_formatted() {
    for content in [
        marked("ext4", ""),
        marked("ext4", "lima-other"),
        marked("LVM2_member", ""),
        marked("crypto_LUKS", ""),
        marked("gpt", ""),
        marked("dos", ""),
        marked("swap", ""),
        Content::Unknown(4711),
        Content::Unreadable("input/output error".to_owned()),
    ] {
        let got = found(&["a"], vec![root(), disk("vdb", content.clone())]);
        assert_eq!(got, "disk-not-found", "{content:?}");
    }
    let got = found(&["a"], vec![root(), divided("vdb", "", Content::Blank)]);
    assert_eq!(got, "disk-not-found", "a partition without a name of ours");
    for change in [
        |disk: &mut Disk| disk.claimed = vec!["vdb".to_owned()],
        |disk: &mut Disk| disk.read_only = true,
        |disk: &mut Disk| disk.removable = true,
    ] {
        let mut disk = blank("vdb");
        change(&mut disk);
        assert_eq!(found(&["a"], vec![root(), disk.clone()]), "disk-not-found", "{disk:?}");
    }
}

#[test]
fn a_whole_disk_with_the_label_is_taken_as_it_is() {
    assert_eq!(found(&["a"], vec![root(), disk("vdb", marked("xfs", "lima-a"))]), "vdb");
}

#[test]
fn two_disks_with_one_name_are_both_left_alone() {
    let twin = |name| divided(name, "", marked("ext4", "lima-a"));
    assert_eq!(found(&["a"], vec![root(), twin("vdb"), twin("vdc")]), "disk-ambiguous");
    let by_table = divided("vdc", "lima-a", marked("ext4", ""));
    assert_eq!(found(&["a"], vec![root(), twin("vdb"), by_table]), "disk-ambiguous");
}

#[test]
fn a_cut_label_counts_only_where_it_fits_one_name_and_one_disk() {
    let cut = |name| divided(name, "", marked("ext4", "lima-mycompany-d"));
    let one = ["mycompany-data"];
    assert_eq!(found(&one, vec![root(), cut("vdb")]), "vdb1");
    assert_eq!(found(&one, vec![root(), cut("vdb"), cut("vdc")]), "disk-ambiguous");
    let two = ["mycompany-data", "mycompany-dump"];
    assert_eq!(
        found(&two, vec![root(), cut("vdb"), blank("vdc")]),
        "disk-ambiguous disk-ambiguous",
        "and nothing is formatted"
    );
    let named = divided("vdc", "lima-mycompany-dump", marked("ext4", "lima-mycompany-d"));
    assert_eq!(found(&two, vec![root(), cut("vdb"), named]), "vdb1 vdc1");
    let swap = divided("vdb", "", marked("swap", "lima-mycompany-"));
    assert_eq!(found(&one, vec![root(), swap]), "vdb1");
    let fat = divided("vdb", "", marked("vfat", "LIMA-MYCOMP"));
    assert_eq!(found(&one, vec![root(), fat]), "vdb1");
}

#[test]
fn ids_of_our_own_tell_long_names_apart() {
    let long = |end: char| format!("{}{end}", "x".repeat(70));
    let names = [long('a'), long('b')];
    let names = [names[0].as_str(), names[1].as_str()];
    let part = |name: &str, whose: &WantedDisk| {
        let mut disk = divided(name, "", marked("ext4", "lima-xxxxxxxxxxx"));
        disk.parts[0].entry = Some(Entry { id: whose.part_id(), name: "cut".to_owned() });
        disk
    };
    let of = wanted(&names).disks;
    let all = vec![root(), part("vdb", &of[1]), part("vdc", &of[0])];
    assert_eq!(found(&names, all), "vdc1 vdb1");
}

#[test]
fn a_disk_that_was_begun_is_gone_on_with_and_one_of_another_name_is_not() {
    let half = || divided("vdb", "lima-a", Content::Blank);
    let all = || vec![root(), half(), blank("vdc")];
    assert_eq!(found_with(&["a", "b"], all(), "", &[("vdb", "a")]), "+vdb +vdc");
    assert_eq!(
        found(&["a", "b"], all()),
        "vdb1 +vdc",
        "not begun: it is used as it is, or refused"
    );
    let both = vec![root(), half(), divided("vdc", "lima-a", Content::Blank)];
    let begun = [("vdb", "a"), ("vdc", "a")];
    assert_eq!(found_with(&["a"], both, "", &begun), "disk-ambiguous");
}

#[test]
fn the_root_is_no_additional_disk_whatever_it_is_called() {
    let mut root = root();
    root.parts[0].content = marked("ext4", "lima-a");
    assert_eq!(found(&["a"], vec![root, blank("vdb")]), "+vdb");
}

#[test]
fn a_name_that_was_lost_keeps_its_disk() {
    let mut wanted = wanted(&["a", "b"]);
    wanted.disks.remove(0);
    let disks = Disks { all: vec![root(), blank("vdb"), blank("vdc")], begun: Vec::new() };
    let search = Search { wanted: &wanted, disks: &disks, cidata: None, root: Some("/dev/vda1") };
    assert_eq!(search.all(), [Found::Blank(&disks.all[2])]);
    let disks = Disks { all: vec![root(), blank("vdb")], begun: Vec::new() };
    let search = Search { wanted: &wanted, disks: &disks, cidata: None, root: Some("/dev/vda1") };
    assert!(matches!(search.all()[..], [Found::Nothing { .. }]));
}
