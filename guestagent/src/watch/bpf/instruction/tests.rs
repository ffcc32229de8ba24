//! Bytes as the kernel's own macros (`linux/filter.h`) give them.

use super::*;
use expect_test::{Expect, expect};

fn check(lines: &[Line], expected: &Expect) {
    let bytes = assemble(lines).expect("labels");
    let text = |slot: &[u8]| slot.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let slots: Vec<String> = bytes.chunks(8).map(text).collect();
    expected.assert_eq(&slots.join("\n"));
}

/// Compared with what the kernel's own macros (`linux/filter.h`) give.
#[test]
#[cfg(target_endian = "little")]
fn instructions_are_those_of_the_kernel() {
    check(
        &[
            load(Size::Double, R6, R1, 16),
            load(Size::Half, R1, STACK, -8),
            load(Size::Word, R1, STACK, -8),
            store(Size::Word, STACK, -12, R1),
            set(R2, -2),
            copy(R3, R6),
            add(R3, 48),
            from_network(R1),
            set_map(R1, 5),
            set_wide(R1, 0x0102_0304_0506_0708),
            call(113),
            exit(),
        ],
        &expect![[r"
            7916100000000000
            69a1f8ff00000000
            61a1f8ff00000000
            631af4ff00000000
            b7020000feffffff
            bf63000000000000
            0703000030000000
            dc01000010000000
            1811000005000000
            0000000000000000
            1801000008070605
            0000000004030201
            8500000071000000
            9500000000000000"]],
    );
}

#[test]
#[cfg(target_endian = "little")]
fn jumps_count_from_the_next_instruction_and_wide_numbers_twice() {
    check(
        &[
            if_equal(R1, 10, Label::Chosen),
            set_wide(R2, 1),
            Line::Here(Label::Chosen),
            unless_equal(R1, 7, Label::End),
            unless_equal_32(R1, 0xf000_0001, Label::Chosen),
            unless_same(R0, R1, Label::End),
            go(Label::End),
            Line::Here(Label::End),
            exit(),
        ],
        &expect![[r"
            150102000a000000
            1802000001000000
            0000000000000000
            5501030007000000
            5601feff010000f0
            5d10010000000000
            0500000000000000
            9500000000000000"]],
    );
}

#[test]
fn a_place_that_is_missing_is_an_error() {
    assert!(assemble(&[go(Label::End)]).is_err());
}
