//! What is done in each situation. `any_life` is about all of them at once.

use super::decide::{FAR, NOISE};
use super::fake::{BEGIN, MS, S, World, timestamp};
use super::{Nanos, Step};
use std::time::{Duration, UNIX_EPOCH};

mod any_life;

/// A guest so far off, and calls with these latencies: what is set, and the last
/// slew that is asked for.
#[track_caller]
fn check(error: Nanos, latencies: &[Nanos], steps: &[Nanos], slew: Option<Nanos>) {
    let mut world = World::new(error);
    world.calls(latencies);
    assert_eq!(world.steps(), steps, "steps");
    assert_eq!(world.slews().last().copied(), slew, "slews");
}

#[test]
fn a_guest_that_is_behind_is_set_forward_at_once() {
    check(-3600 * S, &[0], &[3600 * S], None);
    check(-FAR - MS, &[0], &[FAR + MS], None);
    check(-101 * MS, &[0], &[101 * MS], None);
}

#[test]
fn a_small_lag_is_slewed_and_a_tiny_one_is_noise() {
    check(-100 * MS, &[0], &[], Some(100 * MS));
    check(-NOISE, &[0], &[], Some(NOISE));
    check(-NOISE + 1, &[0; 20], &[], None);
    check(NOISE - 1, &[0; 20], &[], None);
}

#[test]
fn a_guest_that_looks_ahead_waits_for_three_calls_that_agree() {
    check(3600 * S, &[0, 0], &[], None);
    check(3600 * S, &[0, 0, 0], &[-3600 * S], None);
    check(3600 * S, &[9 * S, 0, 9 * S, 9 * S], &[-3600 * S], None);
    check(400 * MS, &[0, 0], &[], None);
    check(400 * MS, &[0, 0, 0], &[], Some(-400 * MS));
}

#[test]
fn late_calls_set_nothing_back() {
    check(0, &[9 * S], &[], None);
    check(0, &[9 * S, 9 * S, 0, 9 * S], &[], None);
    check(0, &[S, 4 * S, 9 * S], &[], None);
    check(0, &[0, 9 * S, 9 * S, 9 * S, 9 * S, 9 * S, 9 * S, 9 * S], &[], None);
    // A late call hides a part of the lag; the next one shows it.
    check(-3600 * S, &[9 * S, 0], &[3591 * S, 9 * S], None);
}

#[test]
fn a_slew_ends_at_the_hosts_time() {
    for error in [-90 * MS, 90 * MS, -400 * MS, 400 * MS] {
        let mut world = World::new(error);
        world.calls(&[0]);
        if error < -100 * MS {
            assert_eq!(world.steps(), [-error]);
            continue;
        }
        world.calls(&[MS; 120]);
        assert!(world.error().abs() <= 2 * MS, "{error}: {}", world.error());
        assert!(world.steps().is_empty());
    }
}

#[test]
fn after_a_pause_or_sleep_the_guest_is_set_at_once_and_history_is_forgotten() {
    let mut world = World::new(0);
    world.calls(&[MS; 10]);
    world.pause(8 * 3600 * S);
    world.calls(&[0]);
    assert_eq!(world.steps(), [8 * 3600 * S]);
    assert_eq!(world.error(), 0);
    world.suspend(3600 * S, -300 * MS);
    world.calls(&[0]);
    assert_eq!(world.steps().last(), Some(&(300 * MS)));
    // A short pause is below the bound of a guest that is known, and is slewed.
    world.calls(&[MS; 10]);
    world.pause(300 * MS);
    world.calls(&[0]);
    assert_eq!((world.steps().len(), world.slews().last()), (2, Some(&(300 * MS))));
}

#[test]
fn an_ntp_service_is_left_alone_while_it_is_close() {
    let mut world = World::new(-400 * MS);
    world.now().discipline.synchronised = true;
    world.calls(&[0; 50]);
    assert!(world.steps().is_empty() && world.slews().is_empty());
}

#[test]
fn an_ntp_service_that_begins_ends_our_slew_and_only_ours() {
    let mut world = World::new(-90 * MS);
    world.calls(&[0]);
    world.now().discipline.synchronised = true;
    world.calls(&[0, 0]);
    assert_eq!(world.slews(), [90 * MS, 0]);
    world.now().slewing = 30 * MS;
    world.calls(&[0, 0]);
    assert_eq!(world.slews().len(), 2);
}

#[test]
fn a_paused_guest_is_set_even_under_ntp() {
    let mut world = World::new(0);
    world.now().discipline.synchronised = true;
    world.calls(&[MS; 5]);
    world.pause(3600 * S);
    world.calls(&[0]);
    assert_eq!(world.steps(), [3600 * S]);
}

#[test]
fn ntp_that_disagrees_is_overruled_once_and_again_after_a_pause() {
    let mut world = World::new(-3 * S);
    world.now().discipline.synchronised = true;
    world.calls(&[0]);
    assert_eq!(world.steps(), [3 * S]);
    world.now().guest -= 3 * S;
    world.now().discipline.synchronised = true;
    world.calls(&[0; 100]);
    assert_eq!(world.steps(), [3 * S]);
    world.pause(60 * S);
    world.calls(&[0]);
    assert_eq!(world.steps(), [3 * S, 63 * S]);
}

#[test]
fn a_clock_that_somebody_set_is_set_again() {
    let mut world = World::new(0);
    world.calls(&[MS; 10]);
    world.now().guest += 3600 * S;
    world.calls(&[0]);
    assert_eq!(world.steps(), [-3600 * S]);
}

#[test]
fn a_hosts_time_that_runs_backwards_is_believed_the_second_time() {
    let mut world = World::new(0);
    world.calls(&[0; 5]);
    let right = world.host;
    world.host -= 3600 * S;
    let answer = world.call(0);
    let expected = "the host's time went back by 3590000 ms, waiting for a second call like this";
    assert_eq!((answer.error.as_str(), answer.drift_ms), (expected, 3_600_000));
    // Only once: a mistake.
    world.host = right;
    world.calls(&[0]);
    assert!(world.steps().is_empty());
    // Twice: believed; and set back, like any guest that is ahead, by the third.
    world.host -= 3600 * S;
    assert!(!world.call(0).error.is_empty());
    world.pass(10 * S);
    assert_eq!(world.call(0).error, "");
    assert!(world.steps().is_empty());
    world.pass(10 * S);
    world.calls(&[0]);
    assert_eq!(world.steps(), [-3600 * S]);
}

#[test]
fn answers_say_what_lima_expects() {
    let mut world = World::new(-3600 * S - 1);
    let answer = world.call(0);
    assert_eq!((answer.adjusted, answer.drift_ms), (true, -3_600_000));
    assert_eq!(answer.error, "");
    let step =
        Step { at: UNIX_EPOCH + Duration::from_nanos(BEGIN.unsigned_abs()), by_ms: 3_600_000 };
    assert_eq!(world.clock.last_step(), Some(step));
    // A slew is not said to be an adjustment.
    world.now().guest -= 50 * MS;
    let answer = world.call(0);
    assert_eq!((answer.adjusted, answer.drift_ms), (false, -50));
    assert_eq!(world.slews(), [50 * MS]);
}

#[test]
fn what_is_not_permitted_is_told_in_the_answer() {
    let mut world = World::new(-3600 * S);
    world.clock.kernel.forbidden = true;
    let answer = world.call(0);
    assert_eq!((answer.adjusted, answer.drift_ms), (false, -3_600_000));
    assert_eq!(answer.error, "setting the guest's clock: permission denied");
    assert_eq!(world.clock.last_step(), None);
    // As soon as it is permitted it is done.
    world.clock.kernel.forbidden = false;
    assert!(world.call(0).adjusted);
}

#[test]
fn implausible_times_change_nothing() {
    let mut world = World::new(0);
    for time in [None, Some(timestamp(0)), Some(timestamp(BEGIN * 3))] {
        let answer = world.clock.sync(time);
        assert!(!answer.adjusted && !answer.error.is_empty(), "{time:?}: {answer:?}");
    }
    assert!(world.steps().is_empty());
}
