//! The instructions of eBPF, as many of them as our programs need, and how they
//! become bytes (RFC 9669). Pure.
//!
//! A program has registers of 64 bits: [`R0`] is what a function or the program
//! returns, [`R1`] to [`R5`] are arguments and lost in a call, [`R6`] to [`R9`]
//! are kept, [`STACK`] is the end of a stack of 512 bytes. An instruction is
//! eight bytes: an operation, two registers of four bits, an offset of 16 bits
//! and a number of 32 bits. A number of 64 bits takes two of them.

use std::io;

/// What a call, or the program, returns.
pub const R0: u8 = 0;
/// The first argument.
pub const R1: u8 = 1;
/// The second argument.
pub const R2: u8 = 2;
/// The third argument.
pub const R3: u8 = 3;
/// The fourth argument.
pub const R4: u8 = 4;
/// The first of those that calls leave alone.
pub const R6: u8 = 6;
/// Calls leave it alone.
pub const R7: u8 = 7;
/// Calls leave it alone.
pub const R8: u8 = 8;
/// The end of the stack, which grows down.
pub const STACK: u8 = 10;

const LOAD: u8 = 0x61;
const STORE: u8 = 0x63;
const LOAD_WIDE: u8 = 0x18;
const ADD: u8 = 0x07;
const SET: u8 = 0xb7;
const COPY: u8 = 0xbf;
const TO_BIG_ENDIAN: u8 = 0xdc;
const GO: u8 = 0x05;
const IF_EQUAL: u8 = 0x15;
const UNLESS_EQUAL: u8 = 0x55;
const UNLESS_EQUAL_32: u8 = 0x56;
const UNLESS_EQUAL_REGISTER: u8 = 0x5d;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// Says of a wide number that it is the descriptor of a map.
const MAP: u8 = 1;

/// How many bytes are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Two.
    Half = 0x08,
    /// Four.
    Word = 0x00,
    /// Eight.
    Double = 0x18,
}

/// A place in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Where what has been chosen goes on.
    Chosen,
    /// Where all ends.
    End,
}

/// A line of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// An instruction: operation, target, source, offset, number.
    Do(u8, u8, u8, i16, i32),
    /// A number of 64 bits for a register; the first field is [`MAP`] or zero.
    Wide(u8, u8, u64),
    /// A jump: operation, target, source, number, where to.
    Jump(u8, u8, u8, i32, Label),
    /// A place to jump to.
    Here(Label),
}

/// `to = *(from + offset)`.
pub const fn load(size: Size, to: u8, from: u8, offset: i16) -> Line {
    Line::Do(LOAD | size as u8, to, from, offset, 0)
}

/// `*(to + offset) = from`.
pub const fn store(size: Size, to: u8, offset: i16, from: u8) -> Line {
    Line::Do(STORE | size as u8, to, from, offset, 0)
}

/// `to = number`.
pub const fn set(to: u8, number: i32) -> Line {
    Line::Do(SET, to, 0, 0, number)
}

/// `to = from`.
pub const fn copy(to: u8, from: u8) -> Line {
    Line::Do(COPY, to, from, 0, 0)
}

/// `to += number`.
pub const fn add(to: u8, number: i32) -> Line {
    Line::Do(ADD, to, 0, 0, number)
}

/// A number of 16 bits in network order becomes one in the machine's.
pub const fn from_network(register: u8) -> Line {
    Line::Do(TO_BIG_ENDIAN, register, 0, 0, 16)
}

/// `to = number`, with all its 64 bits.
pub const fn set_wide(to: u8, number: u64) -> Line {
    Line::Wide(0, to, number)
}

/// `to = the map of this descriptor`.
pub fn set_map(to: u8, descriptor: std::os::fd::RawFd) -> Line {
    Line::Wide(MAP, to, u64::from(descriptor.cast_unsigned()))
}

/// Goes on elsewhere.
pub const fn go(label: Label) -> Line {
    Line::Jump(GO, 0, 0, 0, label)
}

/// Goes on elsewhere if the register has this number.
pub const fn if_equal(register: u8, number: i32, label: Label) -> Line {
    Line::Jump(IF_EQUAL, register, 0, number, label)
}

/// Goes on elsewhere unless the register has this number.
pub const fn unless_equal(register: u8, number: i32, label: Label) -> Line {
    Line::Jump(UNLESS_EQUAL, register, 0, number, label)
}

/// The same, of the lower 32 bits.
pub const fn unless_equal_32(register: u8, number: u32, label: Label) -> Line {
    Line::Jump(UNLESS_EQUAL_32, register, 0, number.cast_signed(), label)
}

/// Goes on elsewhere unless both registers have the same number.
pub const fn unless_same(register: u8, other: u8, label: Label) -> Line {
    Line::Jump(UNLESS_EQUAL_REGISTER, register, other, 0, label)
}

/// Calls a function of the kernel.
pub const fn call(function: i32) -> Line {
    Line::Do(CALL, 0, 0, 0, function)
}

/// Ends, with what is in [`R0`].
pub const fn exit() -> Line {
    Line::Do(EXIT, 0, 0, 0, 0)
}

/// The bytes of a program.
///
/// # Errors
/// It jumps to a place that it does not have.
pub fn assemble(lines: &[Line]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(lines.len() * 8);
    for line in lines {
        let next = bytes.len() / 8 + 1;
        match *line {
            Line::Do(operation, to, from, offset, number) => {
                bytes.extend(encoded(operation, to, from, offset, number));
            }
            Line::Wide(kind, to, number) => {
                let [low, high] = halves(number);
                bytes.extend(encoded(LOAD_WIDE, to, kind, 0, low));
                bytes.extend(encoded(0, 0, 0, 0, high));
            }
            Line::Jump(operation, to, from, number, label) => {
                let distance = place(lines, label)?.wrapping_sub(next);
                let offset = i16::try_from(distance.cast_signed()).map_err(io::Error::other)?;
                bytes.extend(encoded(operation, to, from, offset, number));
            }
            Line::Here(_) => {}
        }
    }
    Ok(bytes)
}

fn place(lines: &[Line], label: Label) -> io::Result<usize> {
    let before = lines.iter().position(|line| *line == Line::Here(label));
    let before = before.and_then(|at| lines.get(..at));
    let before = before.ok_or_else(|| io::Error::other(format!("no place {label:?}")))?;
    Ok(before.iter().map(Line::slots).sum())
}

impl Line {
    fn slots(&self) -> usize {
        match self {
            Self::Do(..) | Self::Jump(..) => 1,
            Self::Wide(..) => 2,
            Self::Here(_) => 0,
        }
    }
}

fn halves(number: u64) -> [i32; 2] {
    [number & u64::from(u32::MAX), number >> 32]
        .map(|half| u32::try_from(half).unwrap_or_default().cast_signed())
}

/// The registers are fields of four bits, the target's being the first; which
/// half of the byte that is depends on the machine.
fn encoded(operation: u8, to: u8, from: u8, offset: i16, number: i32) -> Vec<u8> {
    let registers = if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from };
    [&[operation, registers][..], &offset.to_ne_bytes(), &number.to_ne_bytes()].concat()
}

#[cfg(test)]
mod tests;
