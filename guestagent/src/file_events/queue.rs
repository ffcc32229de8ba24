//! What waits for the worker of one share: each path once, with its last time.

use super::reason::Reason;
use rustix::fs::Timespec;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

/// A checkout of a few thousand files fits; with all shares hanging it is 2 MiB.
const MOST: usize = 256 * 1024;
/// What an entry costs beside the bytes of its path.
const OVERHEAD: usize = 96;

/// The paths and times.
#[derive(Debug, Default)]
pub struct Queue {
    times: BTreeMap<PathBuf, Timespec>,
    size: usize,
    /// The path that was taken last: the next is the one after it, so that files
    /// that change all the time do not keep others waiting.
    last: PathBuf,
}

impl Queue {
    /// Adds a path, or gives it another time.
    ///
    /// # Errors
    /// There is no room.
    pub fn put(&mut self, path: PathBuf, time: Timespec) -> Result<(), Reason> {
        if let Some(waiting) = self.times.get_mut(&path) {
            *waiting = time;
            return Ok(());
        }
        let size = self.size + cost(&path);
        if size > MOST {
            return Err(Reason::Full);
        }
        self.size = size;
        self.times.insert(path, time);
        Ok(())
    }

    /// Takes the next path.
    pub fn take(&mut self) -> Option<(PathBuf, Timespec)> {
        let after = (Bound::Excluded(self.last.as_path()), Bound::Unbounded);
        let mut later = self.times.range::<Path, _>(after);
        let path = later.next().or_else(|| self.times.first_key_value())?.0.clone();
        let time = self.times.remove(&path)?;
        self.size = self.size.saturating_sub(cost(&path));
        self.last.clone_from(&path);
        Some((path, time))
    }
}

fn cost(path: &Path) -> usize {
    path.as_os_str().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tv_sec: i64) -> Timespec {
        Timespec { tv_sec, tv_nsec: 0 }
    }

    fn put(queue: &mut Queue, path: &str, time: i64) {
        queue.put(path.into(), at(time)).expect("room");
    }

    fn take(queue: &mut Queue) -> Option<(String, i64)> {
        queue.take().map(|(path, time)| (path.display().to_string(), time.tv_sec))
    }

    #[test]
    fn a_path_waits_once_with_its_last_time() {
        let mut queue = Queue::default();
        for (path, time) in [("b", 1), ("a", 2), ("b", 3), ("b", 2)] {
            put(&mut queue, path, time);
        }
        assert_eq!(take(&mut queue), Some(("a".into(), 2)));
        assert_eq!(take(&mut queue), Some(("b".into(), 2)));
        assert_eq!(take(&mut queue), None);
        assert_eq!(queue.size, 0);
    }

    #[test]
    fn a_busy_file_keeps_no_other_waiting() {
        let mut queue = Queue::default();
        for path in ["a", "b", "c"] {
            put(&mut queue, path, 1);
        }
        let mut order = String::new();
        for _ in 0..5 {
            order += &take(&mut queue).expect("not empty").0;
            put(&mut queue, "a", 1);
        }
        assert_eq!(order, "abcaa");
    }

    #[test]
    fn it_is_bounded_and_a_known_path_always_has_room() {
        let mut queue = Queue::default();
        let name = |index: usize| PathBuf::from(format!("{index:0100}"));
        let fits = (0..100_000).take_while(|i| queue.put(name(*i), at(1)).is_ok()).count();
        assert_eq!(fits, MOST / (100 + OVERHEAD));
        queue.put(name(0), at(2)).expect("known");
        queue.take().expect("not empty");
        queue.put(name(99_999), at(1)).expect("room again");
    }

    #[test]
    fn the_share_itself_can_wait() {
        let mut queue = Queue::default();
        put(&mut queue, "", 1);
        assert_eq!(take(&mut queue), Some((String::new(), 1)));
    }
}
