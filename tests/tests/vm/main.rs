//! Tests on real guests. `cargo xtask test` runs them; alone: `cargo test -p nixvm-e2e --features vm
//! --test vm`, with words after `--` to choose scenarios.

#![allow(missing_docs)]

mod bad_seed;
mod boots;
mod compare;
mod lima_host;
mod nixos_shaped;
mod owner_policy;
mod power_cuts;
mod resolver;
mod service;
mod shares;
mod stock_lima;
mod virtio_serial;
mod vsock;

use std::process::ExitCode;

use nixvm_e2e::rig::suite;

fn main() -> ExitCode {
    suite::run(&[
        ("first_boot", boots::first),
        ("later_boots", boots::later),
        ("virtiofs", shares::virtiofs),
        ("vsock_and_owner_policy", vsock::guest_agent),
        ("virtio_serial", virtio_serial::guest_agent),
        ("bad_scripts_and_a_taken_uid", bad_seed::scripts_and_uid),
        ("no_medium", bad_seed::no_medium),
        ("real_lima_host", lima_host::start_stop_start),
        ("lima_reverse_sshfs", lima_host::reverse_sshfs),
        ("lima_plain", lima_host::plain),
        ("stock_lima", stock_lima::drop_in),
        ("compare", compare::with_cloud_init),
        ("power_cuts", power_cuts::cuts),
        ("nixos_shaped", nixos_shaped::boot),
    ])
}
