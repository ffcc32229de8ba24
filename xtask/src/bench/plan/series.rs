//! The loads that show how cost grows: with connections, open ports and open tunnels.

use super::{Aim, Growth, Load, Pace, Row, Series, load};
use Growth::{Flat, Linear, Rate};

/// All of them.
pub fn all(pace: Pace) -> Vec<Series> {
    let mut all = connections(pace);
    all.extend(ports(pace));
    all.push(tunnels(pace));
    all
}

fn seconds(pace: Pace) -> u32 {
    match pace {
        Pace::Full => 3,
        Pace::Quick => 1,
    }
}

fn connections(pace: Pace) -> Vec<Series> {
    let (mib, seconds) = if pace == Pace::Full { (512, 3) } else { (128, 1) };
    let one = |flags: String, rows: &[Figure]| {
        series("connections", pace, [1, 8, 64], rows, |n| {
            load(&format!("-connections {n} {flags}"), true, vec![])
        })
    };
    vec![
        one(
            format!("-mib {mib} -direction up bulk"),
            &[("up, MiB/s", "mib_s", Rate), ("up, CPU s for 1 GiB", "cpu_s_per_gib", Linear)],
        ),
        one(
            format!("-mib {mib} -direction down bulk"),
            &[("down, MiB/s", "mib_s", Rate), ("down, CPU s for 1 GiB", "cpu_s_per_gib", Linear)],
        ),
        one("-count 10000 answers".into(), &[("64 bytes and back, p50 ms", "p50_ms", Linear)]),
        one(
            format!("-seconds {seconds} connects"),
            &[("connect, one byte, close, a second", "per_s", Rate)],
        ),
    ]
}

fn ports(pace: Pace) -> Vec<Series> {
    let (seconds, numbers) = (seconds(pace), [100, 1000, 10_000]);
    let events = [
        ("port opened to event, p50 ms", "together_p50_ms", Linear),
        ("port opened to event, p99 ms", "together_p99_ms", Linear),
        ("port closed to event, p50 ms", "closed_p50_ms", Linear),
        ("CPU ms for one port", "cpu_ms_of_one", Linear),
    ];
    let idle = [
        ("idle, context switches in 10 s", "switches_in_10", Flat),
        ("idle, system calls in 10 s", "calls_in_10", Flat),
        ("idle, memory MiB", "rss_mib", Linear),
    ];
    vec![
        series("open ports", pace, numbers, &events, |n| {
            let line =
                format!("-ports {n} -seconds {} -count {} events", 2 * seconds, 10 * seconds);
            load(&line, false, vec![])
        }),
        series("open ports", pace, numbers, &idle, |n| {
            load(&format!("-ports {n} -seconds {seconds} idle"), false, vec![])
        }),
    ]
}

fn tunnels(pace: Pace) -> Series {
    let seconds = seconds(pace);
    let rows = [
        ("idle, context switches in 10 s", "switches_in_10", Flat),
        ("idle, system calls in 10 s", "calls_in_10", Flat),
        ("idle, memory MiB", "rss_mib", Linear),
        ("64 bytes and back, p50 ms", "p50_ms", Linear),
    ];
    series("open tunnels", pace, [20, 200, 2000], &rows, |n| {
        load(&format!("-tunnels {n} -seconds {seconds} idle"), false, vec![])
    })
}

type Figure = (&'static str, &'static str, Growth);

/// A quick run leaves out the middle.
fn series(
    of: &'static str,
    pace: Pace,
    [few, more, many]: [u32; 3],
    rows: &[Figure],
    load: impl Fn(u32) -> Load,
) -> Series {
    let points = if pace == Pace::Full { vec![few, more, many] } else { vec![few, many] };
    let row = |(title, key, growth): &Figure| (Row { title, key, aim: Aim::None }, *growth);
    let loads = points.iter().map(|n| load(*n)).collect();
    Series { of, points, loads, rows: rows.iter().map(row).collect() }
}
