//! Any sequence of truths, ends of streams and kills of the agent, against a
//! model of Lima's host: in the end it has exactly the right listeners.
//!
//! The model is harsher than the host: whatever may go wrong there, does.

use super::*;
use crate::port::store::{Store, Telling};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The host's late cleanup of a closed listener: what is opened meanwhile for
/// the same port is lost.
const CLEANUP: Duration = Duration::from_millis(50);

/// Lima's forwarder with its default rules.
#[derive(Default)]
struct Host {
    known: BTreeSet<Port>,
    /// Which guest port a host port leads to.
    listeners: BTreeMap<(Protocol, u16), Port>,
    closed: BTreeMap<(Protocol, u16), Instant>,
}

impl Host {
    fn add(&mut self, port: Port, now: Instant) {
        if !competes(port.address) {
            return;
        }
        let slot = port.slot();
        if !self.known.insert(port) {
            // A second UDP announcement closes the forward and is not retried.
            if port.protocol == Protocol::Udp && self.listeners.get(&slot) == Some(&port) {
                self.listeners.remove(&slot);
            }
            return;
        }
        let late = self.closed.get(&slot).is_some_and(|closed| now < *closed + CLEANUP);
        if !late && !self.listeners.contains_key(&slot) {
            self.listeners.insert(slot, port);
        }
    }

    fn remove(&mut self, port: Port, now: Instant) {
        if self.known.remove(&port) {
            self.closed.insert(port.slot(), now);
        }
        if self.listeners.get(&port.slot()) == Some(&port) {
            self.listeners.remove(&port.slot());
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Truth(PortSet),
    Wait(u64),
    /// The stream breaks, or the agent is killed, after this many messages.
    Break(PortSet, usize),
    Kill(PortSet, usize),
    Save,
}

fn truth() -> impl Strategy<Value = PortSet> {
    let addresses = ["0.0.0.0", "::", "127.0.0.1", "::1", "192.168.5.15"];
    let port = (any::<bool>(), 0..addresses.len(), 1_u16..4).prop_map(move |(tcp, at, number)| {
        let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
        Port::new(protocol, addresses[at].parse().expect("address"), number)
    });
    proptest::collection::vec(port, 0..7).prop_map(PortSet::from_iter)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => truth().prop_map(Step::Truth),
        3 => (0_u64..150).prop_map(Step::Wait),
        1 => (truth(), 0_usize..3).prop_map(|(truth, count)| Step::Break(truth, count)),
        1 => (truth(), 0_usize..3).prop_map(|(truth, count)| Step::Kill(truth, count)),
        1 => Just(Step::Save),
    ]
}

struct World {
    folder: tempfile::TempDir,
    store: Store,
    telling: Option<Telling>,
    truth: PortSet,
    host: Host,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path());
        let telling = Some(store.begin());
        Self { folder, store, telling, truth: PortSet::new(), host: Host::default() }
    }

    /// Tells the host the first `count` messages of what is to be told.
    fn tell(&mut self, count: usize) -> Option<Instant> {
        let now = Instant::now();
        let telling = self.telling.get_or_insert_with(|| self.store.begin());
        let batch = telling.advance(&self.truth, now);
        if count >= 2 {
            telling.sent();
        }
        let mut messages = Vec::new();
        if !batch.removed.is_empty() {
            messages.push((false, batch.removed));
        }
        if !batch.added.is_empty() {
            messages.push((true, batch.added));
        }
        for (added, ports) in messages.into_iter().take(count) {
            for port in ports {
                if added { self.host.add(port, now) } else { self.host.remove(port, now) }
            }
        }
        batch.again
    }

    /// Follows the times at which there is more to tell, for this long.
    async fn settle(&mut self, milliseconds: u64) {
        let end = Instant::now() + Duration::from_millis(milliseconds);
        while let Some(again) = self.tell(2).filter(|again| *again <= end) {
            tokio::time::sleep_until(again).await;
        }
        tokio::time::sleep_until(end).await;
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Truth(truth) => {
                self.truth = truth;
                self.tell(2);
            }
            Step::Wait(milliseconds) => self.settle(milliseconds).await,
            Step::Break(truth, count) => {
                self.truth = truth;
                self.tell(count);
                self.telling = None;
            }
            Step::Kill(truth, count) => {
                self.truth = truth;
                self.tell(count);
                self.store = Store::open(self.folder.path());
                self.telling = None;
            }
            Step::Save => {
                self.store.save(Instant::now());
            }
        }
    }

    fn check(&self) {
        let slots = |ports: &mut dyn Iterator<Item = &Port>| -> BTreeSet<_> {
            ports.filter(|port| competes(port.address)).map(Port::slot).collect()
        };
        let wanted = slots(&mut self.truth.iter());
        assert_eq!(slots(&mut self.host.listeners.values()), wanted);
        for port in self.host.listeners.values() {
            assert!(self.truth.contains(port), "{port} leads nowhere");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn the_host_ends_with_the_right_listeners(
        steps in proptest::collection::vec(step(), 1..24),
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("runtime");
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.step(step).await;
            }
            world.settle(1_000).await;
            world.check();
        });
    }
}
