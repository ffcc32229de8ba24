//! A script of truths, one per line, against the messages they cause.

use super::*;
use expect_test::{Expect, expect};
use std::fmt::Write;

fn port(text: &str) -> Port {
    let (protocol, rest) = text.split_once('/').expect(text);
    let protocol = if protocol == "tcp" { Protocol::Tcp } else { Protocol::Udp };
    let at: std::net::SocketAddr = rest.parse().expect(text);
    Port::new(protocol, at.ip(), at.port())
}

fn list(ports: &[Port]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Each step: milliseconds since the start, and what listens then.
fn check(steps: &[(u64, &str)], expected: &Expect) {
    let start = Instant::now();
    let mut announced = Announced::default();
    let mut out = String::new();
    for (at, truth) in steps {
        let truth = truth.split_whitespace().map(port).collect();
        let batch = announced.advance(&truth, start + Duration::from_millis(*at));
        for (sign, ports) in [('-', &batch.removed), ('+', &batch.added)] {
            if !ports.is_empty() {
                writeln!(out, "{at} {sign} {}", list(ports)).expect("string");
            }
        }
        if let Some(again) = batch.again {
            writeln!(out, "{at} again at {}", (again - start).as_millis()).expect("string");
        }
    }
    expected.assert_eq(&out);
}

#[test]
fn first_batch_is_the_full_list_and_an_equal_one_is_silent() {
    check(
        &[(0, "tcp/127.0.0.1:80 udp/0.0.0.0:53"), (1, "tcp/127.0.0.1:80 udp/0.0.0.0:53")],
        &expect![[r"
            0 + tcp 127.0.0.1:80, udp 0.0.0.0:53
        "]],
    );
}

#[test]
fn a_port_that_comes_back_rests_first() {
    check(
        &[
            (0, "tcp/127.0.0.1:80"),
            (10, ""),
            (20, "tcp/127.0.0.1:80 tcp/127.0.0.1:81"),
            (110, "tcp/127.0.0.1:80 tcp/127.0.0.1:81"),
        ],
        &expect![[r"
            0 + tcp 127.0.0.1:80
            10 - tcp 127.0.0.1:80
            20 + tcp 127.0.0.1:81
            20 again at 110
            110 + tcp 127.0.0.1:80
        "]],
    );
}

#[test]
fn a_move_to_another_address_rests_too() {
    check(
        &[(0, "tcp/127.0.0.1:80"), (10, "tcp/0.0.0.0:80"), (110, "tcp/0.0.0.0:80")],
        &expect![[r"
            0 + tcp 127.0.0.1:80
            10 - tcp 127.0.0.1:80
            10 again at 110
            110 + tcp 0.0.0.0:80
        "]],
    );
}

#[test]
fn wildcards_of_one_port_are_one_and_the_survivor_is_announced() {
    check(
        &[
            (0, "tcp/0.0.0.0:80 tcp/[::]:80"),
            (10, "tcp/[::]:80"),
            (110, "tcp/[::]:80"),
            (200, "tcp/0.0.0.0:80 tcp/[::]:80"),
        ],
        &expect![[r"
            0 + tcp 0.0.0.0:80
            10 - tcp 0.0.0.0:80
            10 again at 110
            110 + tcp [::]:80
        "]],
    );
}
