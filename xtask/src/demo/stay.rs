//! `--stay`: the network stays up until Ctrl-C, with grpcurl lines that work against it.

use supplysync_tests::Outcome;

use super::cast::{Cast, PRIMARY, SATELLITES};
use super::script::COPIED_STORE;
use super::stage::Stage;

/// What is worth asking: the site, the method, the request.
const QUESTIONS: &[(u16, &str, &str)] = &[
    (PRIMARY, "ReportService/StockOnHand", "{}"),
    (PRIMARY, "DiagnosticsService/GetSyncStatus", "{}"),
    (PRIMARY, "DiagnosticsService/GetLedger", "{}"),
    (PRIMARY, "SiteService/ListSites", "{}"),
    (3, "DiagnosticsService/Verify", r#"{"deep": true}"#),
    (3, "StockService/ListStockLines", r#"{"store": "STORE"}"#),
    (4, "DiagnosticsService/TraceRecord", r#"{"record": "M0024"}"#),
];

/// Prints the lines, and waits for ever: Ctrl-C ends the demo from outside.
pub async fn stay(cast: &Cast, stage: &Stage) -> Outcome<()> {
    stage.say("");
    stage.say("Everything is still running. The operator's certificate of each site opens it:");
    for site in cast.network.sites() {
        let operator = site.operator();
        stage.say("");
        stage.say(&format!("  # site {}, {}", site.sync_id(), site.name()));
        stage.say(&format!(
            "  S{}=\"-cacert {} -cert {} -key {} localhost:{}\"",
            site.sync_id(),
            operator.authority.display(),
            operator.certificate.display(),
            operator.key.display(),
            site.grpc().port()
        ));
    }
    stage.say("");
    stage.say(&format!("  grpcurl $S{PRIMARY} list"));
    for (site, method, request) in QUESTIONS {
        let request = request.replace("STORE", COPIED_STORE);
        stage.say(&format!(
            "  grpcurl -d '{request}' $S{site} supplysync.v1.{method}"
        ));
    }
    stage.say("");
    stage.say(&format!(
        "The authorisation code is {}. {} processes and {} are gone at Ctrl-C.",
        cast.network.authorisation_code(),
        1 + SATELLITES.len(),
        cast.network.folder().display()
    ));
    std::future::pending().await
}
