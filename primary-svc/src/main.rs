//! The program of a primary; everything it does is in the library, so that tests share it.

use std::process::ExitCode;

fn main() -> ExitCode {
    primary_svc::cli::main()
}
