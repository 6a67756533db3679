//! Temporary: prints the shrunk failure of a plan.
use supplysync_sync_core::simulator;
fn main() {
    let plan = std::env::args().nth(1).unwrap().parse().unwrap();
    match simulator::run_plan(&plan) {
        Ok(c) => println!("{c}"),
        Err(f) => println!("{f}"),
    }
}
