//! Cases that mount: each runs as root in a mount namespace of its own, so that the machine's mounts
//! stay as they are.

/// Runs a case so, in a process of its own.
pub fn in_namespace(name: &str, case: impl FnOnce()) {
    if std::env::var_os("NIXVM_IN_NAMESPACE").is_some() {
        return case();
    }
    if !rustix::process::geteuid().is_root() {
        println!("SKIP {name}: mounting needs root");
        return;
    }
    let status = std::process::Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("NIXVM_IN_NAMESPACE", "1")
        .status()
        .unwrap();
    assert!(status.success());
}
