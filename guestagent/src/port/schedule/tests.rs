//! Hints in, moments of dumps out.

use super::*;

fn dumped(begun: Instant, cost: Duration) -> Dumped {
    Dumped { changed: false, begun, cost }
}

/// Runs every TCP dump that comes due until `end`, and says when and of what.
fn looks(schedule: &mut Schedule, start: Instant, end: u64, there: &[u16]) -> Vec<(u128, Look)> {
    let mut at = Vec::new();
    while let Some(now) = schedule.next().filter(|t| *t <= start + Duration::from_millis(end)) {
        if let Some(look) = schedule.take(Protocol::Tcp, 1_000, now) {
            at.push(((now - start).as_micros(), look));
            schedule.saw(Protocol::Tcp, |port| count(there, port), dumped(now, Duration::ZERO));
        }
        if schedule.take(Protocol::Udp, 0, now).is_some() {
            schedule.saw(Protocol::Udp, |_| 0, dumped(now, Duration::ZERO));
        }
    }
    at
}

fn count(sockets: &[u16], port: u16) -> usize {
    sockets.iter().filter(|socket| **socket == port).count()
}

fn dumps(schedule: &mut Schedule, start: Instant, end: u64, there: &[u16]) -> Vec<u128> {
    looks(schedule, start, end, there).into_iter().map(|(at, _)| at).collect()
}

fn idle() -> (Schedule, Instant) {
    let start = Instant::now();
    let mut schedule = Schedule::new(Hinted::Yes, Hinted::Yes, start);
    assert_eq!(looks(&mut schedule, start, 10_000, &[]), [(0, Look::All)]);
    (schedule, start + Duration::from_secs(20))
}

#[test]
fn many_hints_are_one_dump_of_one_port() {
    let (mut schedule, start) = idle();
    for _ in 0..100 {
        schedule.note(Hint::Listening(80), 0, start);
    }
    let expected = [(0, Look::Ports(vec![80]))];
    assert_eq!(looks(&mut schedule, start, 10_000, &[80; 100]), expected);
}

#[test]
fn many_ports_are_one_dump_of_all() {
    let (mut schedule, start) = idle();
    let ports: Vec<u16> = (1..=500).collect();
    for port in &ports {
        schedule.note(Hint::Listening(*port), 0, start);
    }
    assert_eq!(looks(&mut schedule, start, 10_000, &ports), [(0, Look::All)]);
}

#[test]
fn a_port_not_yet_visible_is_looked_for_again() {
    let (mut schedule, start) = idle();
    schedule.note(Hint::Listening(80), 0, start);
    let expected = [0, 200, 1_200, 6_200, 31_200, 156_200].map(|at| (at, Look::Ports(vec![80])));
    assert_eq!(looks(&mut schedule, start, 10_000, &[81]), expected);
}

#[test]
fn a_port_that_left_is_not_looked_for() {
    let (mut schedule, start) = idle();
    schedule.note(Hint::Listening(80), 0, start);
    schedule.note(Hint::NotListening(80), 0, start);
    assert_eq!(dumps(&mut schedule, start, 10_000, &[]), [0]);
}

#[test]
fn of_two_sockets_of_a_port_the_second_is_still_looked_for() {
    let (mut schedule, start) = idle();
    for hint in [Hint::Listening(80), Hint::Listening(80), Hint::NotListening(80)] {
        schedule.note(hint, 0, start);
    }
    assert_eq!(dumps(&mut schedule, start, 10_000, &[]).len(), 6);
}

#[test]
fn a_flood_is_two_dumps_a_millisecond_and_a_quiet_hint_is_served_at_once() {
    let (mut schedule, start) = idle();
    let mut count = 0;
    for tick in 0..10_000_u64 {
        let now = start + Duration::from_micros(tick * 100);
        schedule.note(Hint::Bound(Families::Both), 0, now);
        if schedule.take(Protocol::Udp, 0, now).is_some() {
            count += 1;
            schedule.saw(Protocol::Udp, |_| 0, dumped(now, Duration::ZERO));
        }
    }
    assert!((2_120..=2_132).contains(&count), "{count}");
    let later = start + Duration::from_secs(2);
    schedule.note(Hint::Bound(Families::Both), 0, later);
    assert!(schedule.take(Protocol::Udp, 0, later).is_some());
}

#[test]
fn slow_dumps_take_a_quarter_of_the_time() {
    let (mut schedule, start) = idle();
    let (mut now, end) = (start, start + Duration::from_secs(10));
    let mut busy = Duration::ZERO;
    while now < end {
        schedule.note(Hint::Bound(Families::Both), 0, now);
        now = schedule.next().expect("asked").max(now);
        if schedule.take(Protocol::Udp, 0, now).is_some() {
            let took = Duration::from_millis(5);
            schedule.saw(Protocol::Udp, |_| 0, dumped(now, took));
            (now, busy) = (now + took, busy + took);
        }
    }
    assert!(busy < Duration::from_millis(2_600), "{busy:?}");
}

#[test]
fn unlikely_news_share_a_late_dump() {
    let (mut schedule, start) = idle();
    for millisecond in 0..100 {
        let now = start + Duration::from_millis(millisecond);
        schedule.note(Hint::Unlikely(Protocol::Tcp), 0, now);
    }
    assert_eq!(looks(&mut schedule, start, 10_000, &[]), [(100_000, Look::All)]);
}

#[test]
fn without_hints_the_pause_grows_to_the_longest() {
    let start = Instant::now();
    let no = Hinted::No(Duration::from_secs(1));
    let mut schedule = Schedule::new(no, Hinted::Yes, start);
    let at = dumps(&mut schedule, start, 3_500, &[]);
    assert_eq!(at, [0, 200_000, 600_000, 1_400_000, 2_400_000, 3_400_000]);
}

#[test]
fn a_dump_that_was_dear_once_does_not_hold_up_the_next_for_long() {
    let (mut schedule, start) = idle();
    schedule.note(Hint::Bound(Families::Both), 0, start);
    schedule.take(Protocol::Udp, 0, start).expect("due");
    schedule.saw(Protocol::Udp, |_| 0, dumped(start, Duration::from_secs(9)));
    schedule.note(Hint::Bound(Families::Both), 0, start);
    assert!(schedule.next().expect("asked") <= start + Duration::from_millis(200));
}

#[test]
fn a_bind_of_ipv4_is_looked_at_alone_and_doubted_once_later() {
    let (mut schedule, start) = idle();
    schedule.note(Hint::Bound(Families::V4), 0, start);
    assert_eq!(schedule.take(Protocol::Udp, 0, start), Some(Look::V4));
    assert_eq!(schedule.next(), Some(start + DOUBT));
    assert_eq!(schedule.take(Protocol::Udp, 0, start + DOUBT), Some(Look::All));
    assert_eq!(schedule.next(), None);
}

#[test]
fn unlikely_news_are_not_put_off_for_seconds_by_a_dear_dump() {
    let (mut schedule, start) = idle();
    schedule.note(Hint::Bound(Families::Both), 0, start);
    schedule.take(Protocol::Udp, 0, start).expect("due");
    schedule.saw(Protocol::Udp, |_| 0, dumped(start, Duration::from_secs(9)));
    schedule.note(Hint::Unlikely(Protocol::Udp), 0, start);
    assert!(schedule.next().expect("asked") <= start + Duration::from_secs(1));
}

#[test]
fn a_udp_socket_not_yet_listed_is_looked_for_twice_more() {
    let (mut schedule, start) = idle();
    schedule.note(Hint::Binding(53), 1, start);
    let mut at = Vec::new();
    while let Some(now) = schedule.next() {
        assert_eq!(schedule.take(Protocol::Udp, 0, now), Some(Look::All));
        at.push((now - start).as_millis());
        schedule.saw(Protocol::Udp, |_| 1, dumped(now, Duration::ZERO));
    }
    assert_eq!(at, [0, 1, 26]);
    schedule.note(Hint::Binding(53), 1, start);
    schedule.take(Protocol::Udp, 0, start).expect("due");
    schedule.saw(Protocol::Udp, |_| 2, dumped(start, Duration::ZERO));
    assert_eq!(schedule.next(), None);
}
