//! Any datagram: reading the kernel's list of sockets ends, and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixvm_guestagent::port::Protocol;
use nixvm_guestagent::watch::{netlink, sock_diag};

fuzz_target!(|datagram: &[u8]| {
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let mut found = Vec::new();
        let _ =
            netlink::read(datagram, 1, |answer| found.extend(sock_diag::socket(answer, protocol)));
        // Each has a head of 16 bytes and a body that reaches its inode at 68.
        assert!(found.len() * (16 + 72) <= datagram.len());
        assert!(found.iter().all(|socket| socket.port.number != 0));
    }
});
