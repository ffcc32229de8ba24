//! Any life of a guest: jitter, late calls, a counter that is too fast or slow,
//! pauses, sleeps, somebody who sets the clock.

use super::{FAR, MS, NOISE, Nanos, S, World};
use proptest::prelude::*;

/// The usual latency of a call, at most.
const USUAL: Nanos = 8 * MS;
/// Millionths: worse than any crystal, better than a kernel can slew.
const PPM: i64 = 100;
/// What a counter gains over a window and a pause between calls.
const GAINED: Nanos = 10 * MS;

#[derive(Clone, Debug)]
enum Event {
    Nothing,
    Pause(Nanos),
    Suspend(Nanos, Nanos),
    Set(Nanos),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => Just(Event::Nothing),
        1 => (0..100_000 * S).prop_map(Event::Pause),
        1 => (0..100_000 * S, -3 * S..3 * S).prop_map(|(time, off)| Event::Suspend(time, off)),
        1 => (-100_000 * S..100_000 * S).prop_map(Event::Set),
    ]
}

/// Calls after each event: up to two that are late by as much as Lima's pause,
/// and some usual ones. Never three late ones in a row: if they agreed, that could
/// not be told from a wrong clock.
fn calls() -> impl Strategy<Value = Vec<Nanos>> {
    let late = prop::collection::vec(0..10 * S, 0..=2);
    let usual = prop::collection::vec(0..USUAL, 3..8);
    (late, usual).prop_map(|(late, usual)| [late, usual].concat())
}

/// A call; and that it sets the clock for no other reason than an error.
fn call(world: &mut World, latency: Nanos) {
    let (before, steps) = (world.error(), world.steps().len());
    world.call(latency);
    for by in &world.steps()[steps..] {
        // While the call was on its way the counter gained a little.
        let error = before + latency / 1_000_000 * PPM;
        assert!(*by != 0 && (*by > 0) == (error < 0), "set by {by} at an error of {error}");
        assert!(error.abs() >= 100 * MS - GAINED, "set by {by} at an error of {error}");
        assert!(*by > 0 || error > FAR - USUAL - GAINED, "set by {by} at an error of {error}");
        assert!(by.abs() <= error.abs() + USUAL + GAINED, "set by {by} at an error of {error}");
    }
    world.pass(10 * S - latency);
}

fn happen(world: &mut World, event: &Event) {
    match event {
        Event::Nothing => {}
        Event::Pause(time) => world.pause(*time),
        Event::Suspend(time, off) => world.suspend(*time, *off),
        Event::Set(by) => {
            world.now().guest += by;
            world.now().slewing = 0;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_life_keeps_the_clock_close_and_calm(
        error in -100_000 * S..100_000 * S,
        ppm in -PPM..=PPM,
        life in prop::collection::vec((event(), calls()), 1..40),
    ) {
        let mut world = World { ppm, ..World::new(error) };
        for (event, latencies) in &life {
            happen(&mut world, event);
            for latency in latencies {
                call(&mut world, *latency);
            }
            prop_assert!(world.error().abs() <= FAR + USUAL + GAINED, "{}", world.error());
        }
        // An hour in which nothing happens: it converges, and nothing is set.
        let steps = world.steps().len();
        for _ in 0..360 {
            call(&mut world, USUAL);
        }
        prop_assert!(world.error().abs() <= NOISE + USUAL + GAINED, "{}", world.error());
        prop_assert_eq!(world.steps().len(), steps);
    }
}
