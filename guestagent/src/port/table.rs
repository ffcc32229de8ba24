//! The one writer of what listens: hints in, snapshots out.
//!
//! A dump that fails changes no port: it becomes the snapshot's fault, which
//! the host shows, and is tried again. "Cannot be read" is not "all gone".

use super::schedule::{Hint, Hinted, Schedule};
use super::{PortSet, Protocol, Snapshot};
use std::io;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::time::{Duration, Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long after a failed dump it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Something that can list what listens now.
pub trait Dump {
    /// All ports of one protocol.
    ///
    /// # Errors
    /// The list is not known or not whole.
    fn dump(&mut self, protocol: Protocol) -> io::Result<PortSet>;
}

/// What listens, as last seen.
#[derive(Debug)]
pub struct Table<D> {
    dump: D,
    schedule: Schedule,
    tcp: PortSet,
    udp: PortSet,
    faults: [Option<Arc<str>>; 2],
    snapshots: watch::Sender<Snapshot>,
}

impl<D: Dump> Table<D> {
    /// Dumps once, so that there is an answer from the first moment.
    pub fn new(dump: D, tcp: Hinted, udp: Hinted) -> Self {
        let mut table = Self {
            dump,
            schedule: Schedule::new(tcp, udp, Instant::now()),
            tcp: PortSet::new(),
            udp: PortSet::new(),
            faults: [None, None],
            snapshots: watch::Sender::new(Snapshot::default()),
        };
        table.work();
        table
    }

    /// The snapshots from now on.
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.subscribe()
    }

    /// Follows the hints until `stop`.
    pub async fn run(mut self, mut hints: mpsc::Receiver<Hint>, stop: CancellationToken) {
        loop {
            let due = self.schedule.next();
            let hint = tokio::select! {
                () = stop.cancelled() => return,
                Some(hint) = hints.recv() => Some(hint),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => None,
            };
            let more = std::iter::from_fn(|| hints.try_recv().ok());
            for hint in hint.into_iter().chain(more) {
                self.schedule.note(hint, Instant::now());
            }
            self.work();
        }
    }

    fn work(&mut self) {
        let mut changed = false;
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            if self.schedule.take(protocol, Instant::now()) {
                changed |= self.refresh(protocol);
            }
        }
        if changed {
            self.publish();
        }
    }

    /// Whether anything is different, the fault included.
    fn refresh(&mut self, protocol: Protocol) -> bool {
        let dumped = self.dump.dump(protocol);
        let (ports, [tcp_fault, udp_fault]) = match protocol {
            Protocol::Tcp => (&mut self.tcp, &mut self.faults),
            Protocol::Udp => (&mut self.udp, &mut self.faults),
        };
        let fault = if protocol == Protocol::Tcp { tcp_fault } else { udp_fault };
        match dumped {
            Ok(fresh) => {
                let changed = *ports != fresh;
                *ports = fresh;
                self.schedule.saw(protocol, ports, changed, Instant::now());
                fault.take().is_some() || changed
            }
            Err(error) => {
                let text = format!("listing the {protocol} ports of the guest: {error}");
                tracing::warn!(%protocol, %error, "listening ports could not be read");
                self.schedule.retry(protocol, Instant::now() + RETRY);
                fault.replace(text.as_str().into()).as_deref() != Some(&text)
            }
        }
    }

    fn publish(&self) {
        let ports: PortSet = self.tcp.iter().chain(&self.udp).copied().collect();
        let faults: Vec<&str> = self.faults.iter().flatten().map(AsRef::as_ref).collect();
        let fault = (!faults.is_empty()).then(|| faults.join("; ").into());
        tracing::debug!(ports = ports.len(), "listening ports changed");
        self.snapshots.send_replace(Snapshot { ports: Arc::new(ports), fault });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;

    /// Answers in turn, and then always the last one.
    struct Script(Vec<Option<u16>>);

    impl Dump for Script {
        fn dump(&mut self, protocol: Protocol) -> io::Result<PortSet> {
            if protocol == Protocol::Udp {
                return Ok(PortSet::new());
            }
            let answer = if self.0.len() > 1 { self.0.remove(0) } else { self.0[0] };
            let number = answer.ok_or_else(|| io::Error::other("no buffer space"))?;
            Ok(PortSet::from([Port::new(protocol, [127, 0, 0, 1].into(), number)]))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_dump_keeps_the_ports_and_is_tried_again() {
        let table = Table::new(Script(vec![Some(80), None, Some(81)]), Hinted::Yes, Hinted::Yes);
        let mut snapshots = table.subscribe();
        let (hint, hints) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let task = tokio::spawn(table.run(hints, stop.clone()));
        let known = snapshots.borrow_and_update().ports.clone();
        assert_eq!(known.len(), 1);

        hint.send(Hint::Lost).await.expect("table runs");
        snapshots.changed().await.expect("table runs");
        let broken = snapshots.borrow_and_update().clone();
        assert_eq!(broken.ports, known);
        let fault = "listing the tcp ports of the guest: no buffer space";
        assert_eq!(broken.fault.as_deref(), Some(fault));

        snapshots.changed().await.expect("table runs");
        let healed = snapshots.borrow_and_update().clone();
        assert_eq!(healed.fault, None);
        assert_eq!(healed.ports.first().map(|port| port.number), Some(81));
        stop.cancel();
        task.await.expect("table ends");
    }
}
