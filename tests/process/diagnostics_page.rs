//! `docs/diagnostics.md` against the real programs: its questions, typed as they are written, by a client in Python that knows
//! nothing of them but what reflection says. `tests/diagnostics/run` says which Python; without it there is nothing to do here.

use std::path::Path;

use supplysync_tests::run;
use tokio::process::Command;

use crate::moves::move_to;
use crate::proposals::late_work;
use crate::world::COMMAND_LIMIT;

/// Which Python has grpcio.
const PYTHON: &str = "SUPPLYSYNC_TEST_PYTHON";

#[tokio::test]
async fn every_question_is_answered_in_words_that_people_know() {
    let Ok(python) = std::env::var(PYTHON) else {
        eprintln!("!!! SKIPPED: docs/diagnostics.md is not asked: tests/diagnostics/run does it");
        return;
    };
    // Two changes in the primary's quarantine, and a move that waits for a decision on them.
    let (mut world, primary, ..) = late_work().await;
    move_to(&primary, 2, false).await.unwrap();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let address = |address: std::net::SocketAddr| format!("localhost:{}", address.port());
    let operator = world.network.primary().operator();
    let tls = format!(
        "-cacert {} -cert {} -key {}",
        operator.authority.display(),
        operator.certificate.display(),
        operator.key.display()
    );
    let mut ask = Command::new(python);
    ask.arg(tree.join("tests/diagnostics/check.py"))
        .arg(tree.join("docs/diagnostics.md"))
        .args(std::env::var("SUPPLYSYNC_TEST_SHOW").ok())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TLS", tls)
        .env("PRIMARY", address(world.network.primary().grpc()))
        .env("SATELLITE", address(world.network.satellite(3).unwrap().grpc()));
    let asked = run(ask, COMMAND_LIMIT).await.unwrap();
    print!("{}", asked.stdout);
    assert_eq!(asked.code, Some(0), "{}{}", asked.stdout, asked.stderr);
}
