use super::*;

fn accounts(setting: Option<&str>, folder: &Path) -> Accounts {
    let accounts = Accounts::new(setting.map(Into::into));
    Accounts { etc: folder.into(), lima_env: folder.join("lima.env"), ..accounts }
}

#[test]
fn the_user_of_limas_medium_must_be_said_by_root() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("lima.env");
    assert_eq!(lima_uid(&file), None);
    for (text, expected) in [
        ("LIMA_CIDATA_NAME=x\nLIMA_CIDATA_UID=501\n", Some(501)),
        ("LIMA_CIDATA_UID=0\n", None),
        ("LIMA_CIDATA_UID=me\n", None),
        ("", None),
    ] {
        std::fs::write(&file, text).expect("file");
        let ours = rustix::process::getuid().is_root();
        assert_eq!(lima_uid(&file), expected.filter(|_| ours), "{text:?}");
    }
}

#[test]
fn a_group_that_is_joined_counts_a_moment_later() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("passwd"), "me:x:501:20::/:/bin/sh\n").expect("passwd");
    std::fs::write(folder.path().join("group"), "docker:x:991:\n").expect("group");
    let mut accounts = accounts(Some("501"), folder.path());
    let before = accounts.find(Some(501)).expect("user");
    std::fs::write(folder.path().join("group"), "docker:x:991:me\n").expect("group");
    assert_eq!(accounts.find(Some(501)).expect("user"), before, "looked a moment ago");
    accounts.looked = None;
    assert_ne!(accounts.find(Some(501)).expect("user"), before);
}

#[test]
fn the_setting_comes_before_the_medium() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("passwd"), "ada:x:1815:20::/:/bin/sh\n").expect("passwd");
    std::fs::write(folder.path().join("lima.env"), "LIMA_CIDATA_UID=501\n").expect("env");
    let of_medium = rustix::process::getuid().is_root().then_some(501);
    for (setting, expected) in [
        (Some("ada"), Some(1815)),
        (Some("42"), Some(42)),
        (Some("nobody-there"), None),
        (Some("0"), None),
        (None, of_medium),
    ] {
        assert_eq!(accounts(setting, folder.path()).owner(), expected, "{setting:?}");
    }
}

#[test]
fn an_owner_by_number_needs_no_account_files() {
    let folder = tempfile::tempdir().expect("folder");
    assert_eq!(accounts(Some("501"), folder.path()).owner(), Some(501));
}
