//! The program of a satellite; everything it does is in the library, so that tests share it.

use std::process::ExitCode;

fn main() -> ExitCode {
    satellite_svc::cli::main()
}
