//! yq by itself; in the guest it is a part of the guest agent.

use std::process::ExitCode;

fn main() -> ExitCode {
    nixvm_yq::run(std::env::args_os().skip(1))
}
