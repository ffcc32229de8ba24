//! The one way to wait: with a limit, with a name for what was waited for, and so that Ctrl-C ends
//! it. A stop makes every wait fail, so that the values on the way out clean up behind themselves.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

static STOPPED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IN_PEACE: Cell<bool> = const { Cell::new(false) };
}

/// Asks `probe` again and again until it gives a value. An error of the probe ends the wait at
/// once; `None` means "not yet". The pauses grow from 2 to 100 ms.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begin = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(value) = probe().with_context(|| format!("waiting for {what}"))? {
            return Ok(value);
        }
        if begin.elapsed() >= limit {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        if stopped() {
            bail!("stopped while waiting for {what}");
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// Whether somebody asked this program to end.
pub fn stopped() -> bool {
    STOPPED.load(Ordering::Relaxed) && !IN_PEACE.get()
}

/// Runs what must not be stopped: cleaning up.
pub fn in_peace<T>(body: impl FnOnce() -> T) -> T {
    let before = IN_PEACE.replace(true);
    let value = body();
    IN_PEACE.set(before);
    value
}

/// From now on Ctrl-C and SIGTERM make all waits fail instead of ending the program. A second one
/// ends it at once.
pub fn stop_on_signals() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let listen = async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if STOPPED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(listen))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_ends_says_what_it_waited_for() {
        let error = until("the moon", Duration::ZERO, || Ok(None::<()>)).unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s for the moon");
    }

    #[test]
    fn a_probe_that_fails_ends_the_wait() {
        let error =
            until::<()>("the moon", Duration::from_mins(1), || bail!("clouds")).unwrap_err();
        assert_eq!(format!("{error:#}"), "waiting for the moon: clouds");
    }
}
