//! Which calls of a connection have something to do.
//!
//! Every call waits with a waker of its own, which puts the call's stream on a
//! list and wakes the one task of the connection. So the task looks only at
//! calls that can go on, however many there are.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// The list of one connection.
#[derive(Debug, Default)]
pub struct Ready(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    streams: Vec<u32>,
    task: Option<Waker>,
}

impl Ready {
    /// Moves the streams that were woken to `streams`, and wakes this task when
    /// there are more.
    pub fn take(&self, streams: &mut Vec<u32>, context: &Context<'_>) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        streams.append(&mut list.streams);
        match &mut list.task {
            Some(task) => task.clone_from(context.waker()),
            None => list.task = Some(context.waker().clone()),
        }
    }

    fn push(&self, stream: u32) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.streams.push(stream);
        if let Some(task) = list.task.take() {
            drop(list);
            task.wake();
        }
    }
}

/// The waker of one call.
#[derive(Debug)]
pub struct CallWaker {
    ready: Arc<Ready>,
    stream: u32,
    queued: AtomicBool,
}

impl CallWaker {
    /// A waker for the call on a stream.
    pub fn new(ready: &Arc<Ready>, stream: u32) -> Arc<Self> {
        Arc::new(Self { ready: ready.clone(), stream, queued: AtomicBool::new(false) })
    }

    /// Says that the call is being looked at: whatever happens from now on
    /// puts it on the list again.
    pub fn seen(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.stream);
        }
    }
}
