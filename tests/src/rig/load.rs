//! How busy this machine is with other things: a time limit means something only where there is
//! nothing else to do.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};

/// Ticks of `/proc` in a second, on every Linux that we know of.
const TICKS: f64 = 100.0;

/// A stretch of time in which this machine is watched.
pub struct Watch {
    begin: Instant,
    busy: f64,
}

impl Watch {
    /// Begins now.
    pub fn begin() -> Result<Self> {
        Ok(Self { begin: Instant::now(), busy: busy()? })
    }

    /// How many processors were busy, on average since the beginning, with anything but the process
    /// `pid`, which was started since.
    pub fn others(&self, pid: u32) -> Result<f64> {
        let all = busy()? - self.busy;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("reading its times")?;
        Ok((all - own(&stat).context("its times")?) / self.begin.elapsed().as_secs_f64())
    }
}

/// Seconds that all processors together were busy since the machine was started.
fn busy() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    total(&stat).context("the times in /proc/stat")
}

/// user, nice, system, idle, iowait, irq, softirq, steal.
fn total(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((ticks.iter().take(8).sum::<f64>() - idle) / TICKS)
}

/// User and system time are the 14th and 15th field; the second may hold blanks, in brackets.
fn own(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_proc() {
        let stat = "cpu  100 0 50 7000 30 5 5 40 9 9\ncpu0 1 1 1\n";
        assert_eq!(total(stat), Some(2.0));
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 100\n";
        assert_eq!(own(stat), Some(3.0));
    }
}
