use super::*;

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nme:x:501:20::/home/me:/bin/zsh\n\
    +nis\nnobody:x:99:98::/:/bin/false\n";
const GROUP: &str = "root:x:0:\nstaff:x:20:\ndocker:x:991:you,me\nmen:x:7:men\nsudo:x:27:me\n";

#[test]
fn groups_come_from_the_account_files() {
    let owner = |uid| Owner::in_files(uid, PASSWD, GROUP);
    assert_eq!(owner(501), Owner { uid: 501, gid: 20, groups: vec![20, 991, 27] });
    assert_eq!(owner(7), Owner { uid: 7, gid: OVERFLOW, groups: vec![] });
}

#[test]
fn nobody_is_who_the_account_files_say() {
    let etc = tempfile::tempdir().expect("folder");
    let nobody = |uid, gid| Owner { uid, gid, groups: vec![] };
    assert_eq!(Owner::nobody(etc.path()).expect("none"), nobody(OVERFLOW, OVERFLOW));
    std::fs::write(etc.path().join("passwd"), PASSWD).expect("passwd");
    assert_eq!(Owner::nobody(etc.path()).expect("read"), nobody(99, 98));
    std::fs::write(etc.path().join("passwd"), "nobody:x:0:0::/:/bin/sh\n").expect("passwd");
    assert_eq!(Owner::nobody(etc.path()).expect("read"), nobody(OVERFLOW, OVERFLOW));
}

/// Effective user and group, groups and capabilities of this thread.
fn rights() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("status");
    let wanted = ["Uid:", "Gid:", "Groups:", "CapEff:"];
    let line = |line: &&str| wanted.iter().any(|name| line.starts_with(name));
    let words = status.lines().filter(line).map(|line| line.split_whitespace());
    words.map(|words| words.collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
}

fn without_groups(rights: &str) -> Vec<&str> {
    rights.split("; ").filter(|part| !part.starts_with("Groups")).collect()
}

#[test]
fn rights_are_taken_whole_and_given_back() {
    if !geteuid().is_root() {
        return println!("SKIP rights_are_taken_whole_and_given_back: needs root");
    }
    let before = rights();
    for owner in [
        Owner { uid: 501, gid: 20, groups: vec![20, 991] },
        Owner { uid: 502, gid: 21, groups: vec![] },
    ] {
        let during = owner.act(rights).expect("rights");
        let Owner { uid, gid, groups } = &owner;
        let groups: String = groups.iter().map(|gid| format!(" {gid}")).collect();
        let expected = format!(
            "Uid: 0 {uid} 0 {uid}; Gid: 0 {gid} 0 {gid}; Groups:{groups}; CapEff: 0000000000000000"
        );
        assert_eq!(during, expected);
        assert_eq!(without_groups(&rights()), without_groups(&before));
    }
}

#[test]
fn rights_come_back_after_a_panic() {
    if !geteuid().is_root() {
        return println!("SKIP rights_come_back_after_a_panic: needs root");
    }
    let before = rights();
    let owner = Owner { uid: 501, gid: 20, groups: vec![] };
    let panicked = std::panic::catch_unwind(|| owner.act(|| panic!("on purpose")));
    assert!(panicked.is_err());
    assert_eq!(without_groups(&rights()), without_groups(&before));
}
