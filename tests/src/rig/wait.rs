//! The one way to wait: with a limit, and with a name for what was waited for.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

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
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
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
