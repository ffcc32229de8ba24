//! Services of Kubernetes, with a `kubectl` of the test's own.
//!
//! It prints what the real one (1.31) prints: first every service as an
//! addition, in a row and without an end mark, then each change; one object a
//! line, keys in order of the alphabet; it ends without an error when the API
//! closes the watch.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use nixvm_guestagent::watch::address::Addresses;
use nixvm_guestagent::watch::extra::Extras;
use nixvm_guestagent::watch::kubernetes::{self, Places};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use support::{PATIENCE, eventually};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Says what it was called with and what it may, and then what the test says.
const KUBECTL: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 3
echo "$* $(readlink /proc/self/fd/0) $KUBECONFIG" >> log
case "$1" in
config) cat server ;;
auth) cat allowed ;;
get)
    grep CapEff /proc/self/status > rights
    echo $$ > pid
    if [ -e fault ]; then cat fault >&2; exit 1; fi
    exec cat events ;;
esac
"#;
/// Longer than the silence that ends a list.
const AFTER_LIST: Duration = Duration::from_millis(1500);

struct Rig {
    folder: TempDir,
    extras: watch::Receiver<Extras>,
    addresses: watch::Sender<Addresses>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Rig {
    fn new(server: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let file = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect(name);
        };
        file("server", server);
        file("allowed", "yes\n");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let events = folder.path().join("events");
        rustix::fs::mknodat(rustix::fs::CWD, &events, rustix::fs::FileType::Fifo, mode, 0)
            .expect("pipe");
        let places = Places {
            folders: vec![folder.path().to_owned()],
            variable: None,
            configs: vec![folder.path().join("etc/none"), folder.path().join("etc/config")],
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (addresses, known) = watch::channel(Addresses::default());
        let extras = kubernetes::start(places, known, &tasks, &stop);
        Self { folder, extras, addresses, tasks, stop }
    }

    /// With both the program and the kubeconfig.
    fn whole(server: &str) -> Self {
        let rig = Self::new(server);
        rig.install();
        rig.configure();
        rig
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn install(&self) {
        let new = self.at("new");
        fs::write(&new, KUBECTL).expect("program");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("mode");
        fs::rename(&new, self.at("kubectl")).expect("installed");
    }

    fn configure(&self) {
        fs::create_dir(self.at("etc")).expect("folder");
        fs::write(self.at("etc/config"), "kind: Config\n").expect("kubeconfig");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// The running watch, to be told what to print.
    async fn watch(&self) -> pipe::Sender {
        let mut sender = None;
        eventually("watch", || {
            sender = pipe::OpenOptions::new().open_sender(self.at("events")).ok();
            sender.is_some()
        })
        .await;
        sender.expect("watch")
    }

    async fn wait(&mut self, what: &str, expected: &[&str]) {
        let shown = |extras: &Extras| {
            let text = |(port, origin)| format!("{port} {origin}");
            extras.ports.iter().map(text).collect::<Vec<_>>() == expected
        };
        let told = tokio::time::timeout(PATIENCE, self.extras.wait_for(shown)).await;
        told.expect(what).expect("followed");
    }

    async fn noted(&mut self, part: &str) {
        let noted = |extras: &Extras| extras.notes.iter().any(|note| note.contains(part));
        let told = tokio::time::timeout(PATIENCE, self.extras.wait_for(noted)).await;
        told.expect(part).expect("followed");
    }

    async fn ended(&self, pid: &str) {
        assert!(!pid.is_empty());
        let path = PathBuf::from("/proc").join(pid.trim());
        eventually("the end of kubectl", || !path.exists()).await;
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn event(kind: &str, name: &str, node: u16) -> String {
    format!(
        r#"{{"type":"{kind}","object":{{"apiVersion":"v1","kind":"Service","metadata":{{"annotations":{{"note":"a }} and a \" in a text"}},"creationTimestamp":"2026-01-01T00:00:00Z","name":"{name}","namespace":"web","resourceVersion":"7","uid":"3b0ac0d7"}},"spec":{{"clusterIP":"10.43.0.9","clusterIPs":["10.43.0.9"],"externalTrafficPolicy":"Cluster","ipFamilies":["IPv4"],"ports":[{{"name":"http","nodePort":{node},"port":80,"protocol":"TCP","targetPort":8080}}],"selector":{{"app":"{name}"}},"sessionAffinity":"None","type":"NodePort"}},"status":{{"loadBalancer":{{}}}}}}}}
"#
    )
}

async fn tell(watch: &mut pipe::Sender, text: &str) {
    watch.write_all(text.as_bytes()).await.expect("told");
}

const A: &str = "tcp 0.0.0.0:30001 kubernetes service web/a";
const B: &str = "tcp 0.0.0.0:30002 kubernetes service web/b";

#[tokio::test]
async fn kubectl_runs_only_while_it_and_a_kubeconfig_are_there() {
    let mut rig = Rig::new("https://127.0.0.1:6443");
    rig.install();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(rig.text("log"), "");
    rig.configure();
    let mut watch = rig.watch().await;
    tell(&mut watch, &event("ADDED", "a", 30001)).await;
    rig.wait("a service", &[A]).await;

    let config = rig.at("etc/config").display().to_string();
    let expected = [
        "config view --minify --output jsonpath={.clusters[0].cluster.server}",
        "auth can-i get service",
        "get --all-namespaces service --watch --output-watch-events --output json",
    ]
    .map(|line| format!("{line} /dev/null {config}\n"))
    .concat();
    assert_eq!(rig.text("log"), expected);
    assert_eq!(rig.text("rights"), "CapEff:\t0000000000000000\n");

    let pid = rig.text("pid");
    fs::remove_file(rig.at("kubectl")).expect("removed");
    rig.wait("no services", &[]).await;
    rig.ended(&pid).await;
}

/// The unit leaves the agent no `CAP_SETPCAP`.
#[tokio::test]
async fn kubectl_has_no_capabilities_where_the_agent_may_not_change_their_rules() {
    let mut own = capabilities(None).expect("capabilities");
    for set in [&mut own.effective, &mut own.permitted, &mut own.inheritable] {
        set.remove(CapabilitySet::SETPCAP);
    }
    set_capabilities(None, own).expect("fewer capabilities");
    let mut rig = Rig::whole("https://127.0.0.1:6443");
    let mut watch = rig.watch().await;
    tell(&mut watch, &event("ADDED", "a", 30001)).await;
    rig.wait("a service", &[A]).await;
    assert_eq!(rig.text("rights"), "CapEff:\t0000000000000000\n");
}

#[tokio::test]
async fn what_went_while_the_watch_was_down_does_not_stay() {
    let mut rig = Rig::whole("https://localhost:6443");
    let mut watch = rig.watch().await;
    tell(&mut watch, &event("ADDED", "a", 30001)).await;
    tell(&mut watch, &event("ADDED", "b", 30009)).await;
    tell(&mut watch, &event("MODIFIED", "b", 30002)).await;
    rig.wait("two services", &[A, B]).await;
    tokio::time::sleep(AFTER_LIST).await;
    let pid = rig.text("pid");
    drop(watch);
    // The pipe must not be opened for the one that is about to end.
    rig.ended(&pid).await;

    let mut watch = rig.watch().await;
    rig.wait("what was known", &[A, B]).await;
    // In two parts, as a pipe may give it.
    let text = event("ADDED", "b", 30002);
    let (first, second) = text.split_at(100);
    tell(&mut watch, first).await;
    tell(&mut watch, second).await;
    rig.wait("only what the new list has", &[B]).await;
    tell(&mut watch, &event("DELETED", "b", 30002)).await;
    rig.wait("nothing", &[]).await;
}

#[tokio::test]
async fn while_the_api_is_down_services_stay_and_the_reason_is_noted() {
    let mut rig = Rig::whole("https://127.0.0.1:6443");
    let mut watch = rig.watch().await;
    tell(&mut watch, &event("ADDED", "a", 30001)).await;
    rig.wait("a service", &[A]).await;
    fs::write(rig.at("fault"), "Unable to connect:\n\x1b[31mrefused\n").expect("fault");
    drop(watch);
    rig.noted("kubernetes: no services: Unable to connect: [31mrefused").await;
    rig.wait("what was known", &[A]).await;
    fs::remove_file(rig.at("fault")).expect("healed");
    let mut watch = rig.watch().await;
    tell(&mut watch, &event("ADDED", "a", 30001)).await;
    let healed = |extras: &Extras| extras.notes.is_empty();
    tokio::time::timeout(PATIENCE, rig.extras.wait_for(healed)).await.expect("told").expect("on");

    let pid = rig.text("pid");
    rig.stop.cancel();
    rig.tasks.close();
    tokio::time::timeout(PATIENCE, rig.tasks.wait()).await.expect("ended");
    rig.ended(&pid).await;
}

#[tokio::test]
async fn a_cluster_elsewhere_is_left_alone() {
    let mut rig = Rig::whole("https://192.168.5.15:6443");
    rig.noted("kubernetes: https://192.168.5.15:6443 is another machine").await;
    assert_eq!(rig.text("log").lines().count(), 1);
    let own = ["192.168.5.15".parse().expect("address")];
    rig.addresses.send_replace(std::sync::Arc::new(own.into()));
    let mut watch = rig.watch().await;
    tell(&mut watch, &event("ADDED", "a", 30001)).await;
    rig.wait("a service", &[A]).await;
}

#[tokio::test]
async fn a_kubeconfig_without_the_right_is_noted() {
    let mut rig = Rig::new("https://127.0.0.1:6443");
    fs::write(rig.at("allowed"), "no\n").expect("answer");
    rig.install();
    rig.configure();
    rig.noted("kubernetes: this kubeconfig may not get services").await;
}
