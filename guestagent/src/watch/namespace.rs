//! Whether a thread lives in our network namespace.
//!
//! Tracepoints fire for all namespaces and do not say for which. The links in
//! `/proc/PID/ns` would tell, but reading them takes the right to trace the
//! process. `/proc/PID/net` needs no right: below it are the files of the
//! thread's own namespace, and each namespace has its own inode numbers.
//!
//! An answer may be wrong: a thread can change its namespace, and a socket can
//! belong to another one than who uses it. So it only ever decides how soon to
//! look, and it is forgotten after [`FRESH`].

use std::os::linux::fs::MetadataExt;
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer is believed.
const FRESH: Duration = Duration::from_secs(1);
/// Answers that are kept.
const ROOM: usize = 32;

/// Where a thread lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In our network namespace, or in one that could not be found out.
    Here,
    /// In another one.
    Elsewhere,
}

/// The threads that were asked about.
#[derive(Debug)]
pub struct Namespace {
    ours: Option<u64>,
    known: Vec<(u32, Place, Instant)>,
}

impl Namespace {
    /// That of the calling thread.
    pub fn of_this_thread() -> Self {
        Self { ours: inode("thread-self"), known: Vec::new() }
    }

    /// Where a thread lives.
    pub fn place(&mut self, thread: u32, now: Instant) -> Place {
        self.known.retain(|(_, _, until)| *until > now);
        if let Some((_, place, _)) = self.known.iter().find(|(known, _, _)| *known == thread) {
            return *place;
        }
        let place = self.ask(thread);
        if self.known.len() < ROOM {
            self.known.push((thread, place, now + FRESH));
        }
        place
    }

    fn ask(&self, thread: u32) -> Place {
        match (self.ours, inode(&thread.to_string())) {
            (Some(ours), Some(theirs)) if ours != theirs => Place::Elsewhere,
            _ => Place::Here,
        }
    }
}

/// A number that the namespace of a thread has for itself. None if there is no
/// such thread any more, or `/proc` hides it.
fn inode(thread: &str) -> Option<u64> {
    let status = std::fs::metadata(format!("/proc/{thread}/net/netlink"));
    // Whatever the reason is, we are left with not knowing.
    status.ok().map(|status| status.st_ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};

    fn thread() -> u32 {
        u32::try_from(gettid().as_raw_nonzero().get()).expect("positive")
    }

    #[test]
    fn threads_of_our_namespace_and_unknown_ones_are_here() {
        let mut namespace = Namespace::of_this_thread();
        let now = Instant::now();
        for thread in [thread(), std::process::id(), 0, u32::MAX] {
            assert_eq!(namespace.place(thread, now), Place::Here, "{thread}");
        }
    }

    #[test]
    fn a_thread_that_leaves_is_elsewhere_after_a_while() {
        let mut namespace = Namespace::of_this_thread();
        let (send, threads) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            send.send(Ok(thread())).expect("test waits");
            wait.recv().expect("test goes on");
            // SAFETY: a thread that does nothing else, and shares no file
            // system state that changes with its network.
            let left = unsafe { unshare_unsafe(UnshareFlags::NEWNET) };
            send.send(left.map(|()| 0)).expect("test waits");
            // Lives until the test has seen it.
            let _ = ended.recv();
        });
        let id = threads.recv().expect("thread runs").expect("number");
        let now = Instant::now();
        assert_eq!(namespace.place(id, now), Place::Here);
        go.send(()).expect("thread waits");
        if let Err(error) = threads.recv().expect("thread runs") {
            println!("SKIP a_thread_that_leaves_is_elsewhere_after_a_while: {error}");
        } else {
            assert_eq!(namespace.place(id, now), Place::Here);
            assert_eq!(namespace.place(id, now + FRESH), Place::Elsewhere);
        }
        drop(end);
        other.join().expect("thread ends");
    }
}
