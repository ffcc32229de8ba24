use super::*;

#[test]
fn without_an_owner_unix_sockets_are_refused() {
    let wanted =
        Handshake { protocol: "unix".into(), target: "/run/x".into(), ..Handshake::default() };
    let refused = Policy::new(0, &Tunnel::default()).try_dial(None, &wanted).expect_err("refused");
    let expected = "dial unix /run/x: no owner is known by whose rights it could be judged";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn the_flag_comes_before_the_settings() {
    for (flag, setting, expected) in
        [(7, Some("8"), Some(7)), (0, Some("8"), Some(8)), (0, Some("0"), None)]
    {
        let settings = Tunnel { owner: setting.map(Into::into), ..Tunnel::default() };
        let policy = Policy::new(flag, &settings);
        assert_eq!(policy.accounts.borrow_mut().owner(), expected, "{flag} {setting:?}");
    }
}

/// Sockets that each one of two users may open, dialled for both by two
/// threads at once: every server sees its own user, every time.
#[test]
fn two_owners_at_once_never_get_each_others_rights() {
    if !rustix::process::geteuid().is_root() {
        return println!("SKIP two_owners_at_once_never_get_each_others_rights: needs root");
    }
    let folder = tempfile::tempdir().expect("folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode;
    std::fs::set_permissions(folder.path(), mode(0o755)).expect("mode");
    std::thread::scope(|scope| {
        for uid in [501, 502] {
            let path = folder.path().join(uid.to_string());
            let server = std::os::unix::net::UnixListener::bind(&path).expect("socket");
            std::os::unix::fs::chown(&path, Some(uid), None).expect("owner");
            std::fs::set_permissions(&path, mode(0o600)).expect("mode");
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let _entered = runtime.as_ref().expect("runtime").enter();
                let policy = Policy::new(0, &Tunnel::default());
                let protocol = "unix".to_owned();
                let target = path.display().to_string();
                let wanted = Handshake { protocol, target, ..Handshake::default() };
                for _ in 0..500 {
                    let _socket = policy.dial(&Peer::user(uid), &wanted).expect("own socket");
                    let (stream, _) = server.accept().expect("connection");
                    let seen = rustix::net::sockopt::socket_peercred(&stream).expect("peer");
                    assert_eq!(seen.uid.as_raw(), uid);
                    let other = &Peer::user(if uid == 501 { 502 } else { 501 });
                    let refused = policy.dial(other, &wanted).expect_err("the other's socket");
                    assert!(refused.to_string().ends_with("permission denied"), "{refused}");
                }
            });
        }
    });
}
