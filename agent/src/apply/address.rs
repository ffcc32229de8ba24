//! Waiting for an address, which scripts of mode `boot` may count on.

use std::time::Duration;

use nixvm_system::{Change, GuestPath, System};

use super::Fault;

/// The folder in which networkd tells how it goes, file by file, each replaced when it changes.
const FOLDER: &str = "/run/systemd/netif";
/// A change that comes between the look and the wait is seen this much later.
const STEP: Duration = Duration::from_secs(2);

/// Where none comes, the scripts run all the same.
pub(super) fn wait(system: &mut dyn System, limit: u64) -> Result<Change, Fault> {
    let folder = GuestPath::new(FOLDER)?;
    let state = folder.join("state")?;
    let mut left = Duration::from_secs(limit);
    loop {
        let text = system.read(&state, 1 << 20)?.unwrap_or_default();
        if has_address(&String::from_utf8_lossy(&text)) {
            return Ok(Change::Unchanged);
        }
        if left.is_zero() {
            let reason = format!("there is no IPv4 address after {limit} s");
            return Err(Fault::new("no-address", reason)
                .hint("see networkctl status; scripts of mode boot ran without the network"));
        }
        let (before, step) = (system.uptime(), left.min(STEP));
        let is_changed = system.wait_for_change(&folder, step)?;
        let took = system.uptime().saturating_sub(before);
        left = left.saturating_sub(if is_changed { took } else { took.max(step) });
    }
}

/// `IPV4_ADDRESS_STATE` is there since systemd 249.
fn has_address(state: &str) -> bool {
    state.lines().any(|line| line == "IPV4_ADDRESS_STATE=routable")
}

#[cfg(test)]
mod tests {
    use nixvm_system::Scratch;

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the test plays networkd")]
    fn an_address_is_seen_when_it_comes_and_not_waited_for_without_end() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("run/systemd/netif");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("state"), "IPV4_ADDRESS_STATE=off\n").unwrap();
        let mut system = Scratch::open(place.path().to_str().unwrap()).unwrap();
        assert_eq!(wait(&mut system, 1).unwrap_err().code, "no-address");
        let networkd = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            std::fs::write(folder.join("new"), "IPV4_ADDRESS_STATE=routable\n").unwrap();
            std::fs::rename(folder.join("new"), folder.join("state")).unwrap();
        });
        assert_eq!(wait(&mut system, 30).unwrap(), Change::Unchanged);
        networkd.join().unwrap();
    }
}
