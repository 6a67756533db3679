//! Compiles the services' `.proto` files, without an installed protoc, and keeps the descriptors for reflection.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 8] = [
    "sync",
    "master_data",
    "stock",
    "report",
    "site",
    "preference",
    "enrolment",
    "diagnostics",
];

fn main() -> Result<(), Box<dyn Error>> {
    let files = FILES.map(|name| format!("../supplysync/v1/{name}.proto"));
    for file in &files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(&files, [".."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Bodies are forwarded byte for byte: slices of the frame, not copies.
        .bytes(".supplysync.v1.Record.body")
        .bytes(".supplysync.v1.Batch.payload")
        .skip_debug([
            ".supplysync.v1.UnlockRequest",
            ".supplysync.v1.UnlockResponse",
            ".supplysync.v1.LockRequest",
            ".supplysync.v1.EnrolRequest",
            ".supplysync.v1.FirstSettings",
            ".supplysync.v1.JoinToken",
        ])
        .compile_fds(descriptors)?;
    Ok(())
}
