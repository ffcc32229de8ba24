//! Compiles the wire contract to Rust, without `protoc` on the machine.

use std::error::Error;

const CONTRACT: &str = "proto/guestservice.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CONTRACT}");
    let files = protox::compile([CONTRACT], ["proto"])?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_client(std::env::var_os("CARGO_FEATURE_CLIENT").is_some())
        .build_transport(false)
        .bytes(".TunnelMessage.data")
        .compile_fds(files)?;
    Ok(())
}
