//! What the service manager is told: ready, still alive, stopping.

use sd_notify::NotifyState;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Says that the daemon is ready, feeds the watchdog at half its time, which is
/// the only thing that wakes an idle daemon, and says that it stops.
pub async fn keep_informed(stop: &CancellationToken) {
    tell(NotifyState::Ready);
    match sd_notify::watchdog_enabled() {
        Some(limit) if !limit.is_zero() => {
            stop.run_until_cancelled(feed(limit / 2)).await;
        }
        _ => stop.cancelled().await,
    }
    tell(NotifyState::Stopping);
}

async fn feed(pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        tell(NotifyState::Watchdog);
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "service manager not told");
    }
}
