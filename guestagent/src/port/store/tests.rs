//! Ends of streams and of the agent, and what the next one says.

use super::*;
use crate::port::Protocol;
use crate::port::announced::REST;

fn port(number: u16) -> Port {
    Port::new(Protocol::Udp, [127, 0, 0, 1].into(), number)
}

/// What a stream says first, and after the rest.
fn told(telling: &mut Telling, truth: &PortSet) -> [Batch; 2] {
    let now = Instant::now();
    let first = telling.advance(truth, now);
    [first, telling.advance(truth, now + REST)]
}

fn batch(removed: &[Port], added: &[Port]) -> (Vec<Port>, Vec<Port>) {
    (removed.to_vec(), added.to_vec())
}

fn both(batches: [Batch; 2]) -> [(Vec<Port>, Vec<Port>); 2] {
    batches.map(|batch| (batch.removed, batch.added))
}

#[tokio::test(start_paused = true)]
async fn state_survives_a_restart_in_limas_form() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path());
    let truth = PortSet::from([port(53)]);
    let mut telling = store.begin();
    telling.advance(&truth, Instant::now());
    telling.sent();
    tokio::time::advance(SETTLE + REST).await;
    let stop = CancellationToken::new();
    stop.cancel();
    store.keep(stop).await;

    let text = std::fs::read_to_string(folder.path().join("event-state.json")).expect("file");
    assert_eq!(text, r#"{"ports":[{"protocol":"udp","ip":"127.0.0.1","port":53}]}"#);
    let next = Store::open(folder.path());
    assert_eq!(next.ports(), truth);
    let quiet = batch(&[], &[]);
    assert_eq!(both(told(&mut next.begin(), &truth)), [quiet.clone(), quiet]);
}

#[test]
fn what_was_told_before_a_kill_is_forgotten_and_told_again() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path());
    let truth = PortSet::from([port(53)]);
    store.begin().advance(&truth, Instant::now());
    // The agent is killed here: nothing is saved.
    let mut next = Store::open(folder.path()).begin();
    let expected = [batch(&[port(53)], &[]), batch(&[], &[port(53)])];
    assert_eq!(both(told(&mut next, &truth)), expected);
}

#[test]
fn a_removal_before_a_kill_is_told_again() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path());
    let mut telling = store.begin();
    telling.advance(&PortSet::from([port(53)]), Instant::now());
    store.save(Instant::now() + SETTLE + REST);
    telling.advance(&PortSet::new(), Instant::now());
    let mut next = Store::open(folder.path()).begin();
    assert_eq!(both(told(&mut next, &PortSet::new()))[0], batch(&[port(53)], &[]));
}

#[test]
fn only_what_was_not_sent_is_doubted_after_a_broken_stream() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path());
    let (old, new) = (PortSet::from([port(1)]), PortSet::from([port(1), port(2)]));
    let mut first = store.begin();
    first.advance(&old, Instant::now());
    first.sent();
    first.advance(&new, Instant::now());
    drop(first);
    let expected = [batch(&[port(2)], &[]), batch(&[], &[port(2)])];
    let mut second = store.begin();
    assert_eq!(both(told(&mut second, &new)), expected);
    second.sent();
    let quiet = batch(&[], &[]);
    assert_eq!(both(told(&mut store.begin(), &new)), [quiet.clone(), quiet]);
}

#[test]
fn a_port_rests_over_a_reconnect() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path());
    let truth = PortSet::from([port(1)]);
    let mut first = store.begin();
    first.advance(&truth, Instant::now());
    first.advance(&PortSet::new(), Instant::now());
    first.sent();
    let again = store.begin().advance(&truth, Instant::now());
    assert!(again.added.is_empty() && again.again.is_some(), "{again:?}");
}

#[test]
fn with_broken_state_everything_is_forgotten_first() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("event-state.json"), "{").expect("file");
    let truth = PortSet::from([port(1)]);
    let mut telling = Store::open(folder.path()).begin();
    let expected = [batch(&[port(1)], &[]), batch(&[], &[port(1)])];
    assert_eq!(both(told(&mut telling, &truth)), expected);
}

#[test]
fn an_unknown_entry_loses_itself_only() {
    let folder = tempfile::tempdir().expect("folder");
    let text = r#"{"ports":[{"protocol":"sctp","ip":"::1","port":9},
        {"protocol":"udp","ip":"127.0.0.1","port":53}, 7]}"#;
    std::fs::write(folder.path().join("event-state.json"), text).expect("file");
    std::fs::write(folder.path().join("event-state.journal"), "udp 127.0.0.1:5").expect("file");
    assert_eq!(Store::open(folder.path()).ports(), PortSet::from([port(53)]));
    std::fs::write(folder.path().join("event-state.json"), r#"{"ports":null}"#).expect("file");
    assert!(Store::open(folder.path()).ports().is_empty());
}
