//! The loads of the first table, with the aims of each figure.

use super::Aim::{AtLeast, AtMost, Share, Times, TimesOrCeiling};
use super::{Aim, Load, Pace, load, row};

/// All of them, in the order of the table.
pub fn loads(pace: Pace) -> Vec<Load> {
    let mut loads = ports(pace);
    loads.extend(quiet(pace));
    loads.extend(bulk(pace));
    loads.extend(short(pace));
    loads
}

fn seconds(pace: Pace) -> u32 {
    match pace {
        Pace::Full => 10,
        Pace::Quick => 3,
    }
}

fn ports(pace: Pace) -> Vec<Load> {
    let count = if pace == Pace::Full { 100 } else { 20 };
    vec![load(
        &format!("-seconds {} -count {count} events", seconds(pace)),
        false,
        vec![
            row("port opened to event, p50 ms", "together_p50_ms", Aim::None),
            row("port opened to event, p99 ms", "together_p99_ms", AtMost(2.0)),
            row("port opened 50 ms after bind, p50 ms", "late_p50_ms", Aim::None),
            row("port opened 50 ms after bind, p99 ms", "late_p99_ms", AtMost(2.0)),
            row("port closed to event, p50 ms", "closed_p50_ms", Aim::None),
            row("port closed to event, p99 ms", "closed_p99_ms", AtMost(2.0)),
        ],
    )]
}

fn quiet(pace: Pace) -> Vec<Load> {
    let seconds = seconds(pace);
    vec![
        load(
            &format!("-seconds {seconds} idle"),
            false,
            vec![
                row("idle, context switches in 10 s", "switches_in_10", AtMost(0.0)),
                row("idle, system calls in 10 s", "calls_in_10", AtMost(0.0)),
                row("memory, idle and fresh, MiB", "rss_mib", AtMost(4.0)),
            ],
        ),
        load(
            &format!("-seconds {seconds} noise"),
            false,
            vec![row("95 binds and connects a s, CPU s in 10 s", "cpu_s_in_10", AtMost(0.05))],
        ),
        load(
            &format!("-seconds {seconds} elsewhere"),
            false,
            vec![
                row("1,000 listens a s elsewhere, CPU s in 10 s", "cpu_s_in_10", AtMost(0.1)),
                row("1,000 listens a s elsewhere, events", "events", AtMost(0.0)),
            ],
        ),
    ]
}

fn bulk(pace: Pace) -> Vec<Load> {
    let mib = if pace == Pace::Full { 1024 } else { 256 };
    vec![
        load(
            "-connections 500 parallel",
            false,
            vec![
                row("500 streams, one stuck, peak MiB", "peak_mib", AtMost(16.0)),
                row("500 streams, one stuck, whole ones", "whole", AtLeast(500.0)),
                row("memory after that, MiB", "after_mib", Aim::None),
            ],
        ),
        load(
            &format!("-mib {mib} -direction up bulk"),
            true,
            vec![
                row("tunnel up, MiB/s", "mib_s", TimesOrCeiling(2.0)),
                row("tunnel up, CPU s for 1 GiB", "cpu_s_per_gib", AtMost(0.8)),
            ],
        ),
        load(
            &format!("-mib {mib} -direction down bulk"),
            true,
            vec![
                row("tunnel down, MiB/s", "mib_s", TimesOrCeiling(2.0)),
                row("tunnel down, CPU s for 1 GiB", "cpu_s_per_gib", AtMost(0.8)),
            ],
        ),
    ]
}

fn short(pace: Pace) -> Vec<Load> {
    let count = if pace == Pace::Full { 20_000 } else { 5000 };
    vec![
        load(
            &format!("-count {count} answers"),
            true,
            vec![row("64 bytes and back, p50 ms", "p50_ms", Share(0.7))],
        ),
        load(
            &format!("-seconds {} connects", seconds(pace) / 2),
            true,
            vec![row("connect, one byte, close, a second", "per_s", Times(2.0))],
        ),
        load(
            "whole",
            false,
            vec![
                row("answers after a half-close, of 10", "half_close", AtLeast(10.0)),
                row("datagrams of 1 to 65,507 bytes, of 12", "datagrams", AtLeast(12.0)),
            ],
        ),
    ]
}
