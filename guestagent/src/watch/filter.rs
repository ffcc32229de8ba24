//! Filters on sockets: classic BPF, which the kernel runs before it queues a
//! message (`linux/filter.h`). A step's two numbers say how many steps to leave
//! out if its condition holds, and if not.

use libc::sock_filter;
use std::io;
use std::mem::size_of_val;
use std::os::fd::{AsRawFd, OwnedFd};

/// Takes the 16-bit number in network order at this offset of the message.
pub const fn load_half(offset: u32) -> sock_filter {
    step(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, 0, 0, offset)
}

/// Takes the 32-bit number in network order at this offset of the message.
pub const fn load_word(offset: u32) -> sock_filter {
    step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Whether the number is this one.
pub const fn if_equal(number: u32, yes: u8, no: u8) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, yes, no, number)
}

/// Whether the number is this one or more.
pub const fn if_at_least(number: u32, yes: u8, no: u8) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, yes, no, number)
}

/// Whether the number is more than this one.
pub const fn if_greater(number: u32, yes: u8, no: u8) -> sock_filter {
    step(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, yes, no, number)
}

/// Ends with the whole message.
pub const fn keep() -> sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX)
}

/// Ends with nothing.
pub const fn drop() -> sock_filter {
    step(libc::BPF_RET | libc::BPF_K, 0, 0, 0)
}

/// The codes of classic BPF are 16-bit numbers; libc declares them wider.
#[allow(clippy::cast_possible_truncation, reason = "the codes are below 256")]
const fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Puts a filter on a socket, in the place of the one it has.
///
/// # Errors
/// The kernel refuses the program.
pub fn attach(socket: &OwnedFd, program: &[sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    // The kernel only reads the steps.
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    let size = libc::socklen_t::try_from(size_of_val(&program)).map_err(io::Error::other)?;
    // SAFETY: `program` and the instructions it points to outlive the call, and
    // `len` is their number; the kernel copies and checks them.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
