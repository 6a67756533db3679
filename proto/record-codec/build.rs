//! Compiles the stored bodies' `.proto` files, without an installed protoc.

use std::error::Error;

const FILES: [&str; 4] = ["master", "proposal", "site", "stock"];

fn main() -> Result<(), Box<dyn Error>> {
    let files = FILES.map(|name| format!("../supplysync/record/v1/{name}.proto"));
    for file in &files {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(&files, [".."])?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .compile_fds(descriptors)?;
    Ok(())
}
