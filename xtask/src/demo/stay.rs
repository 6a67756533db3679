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
    let folder = cast.network.folder().display();
    stage.say("");
    stage.say("Everything is still running. These lines work in any shell:");
    stage.say("");
    stage.say(&format!("  cd {folder}"));
    stage.say(&format!("  {} list", grpcurl(cast, PRIMARY, "")?));
    for (site, method, request) in QUESTIONS {
        let request = format!(" -d '{}'", request.replace("STORE", COPIED_STORE));
        let call = grpcurl(cast, *site, &request)?;
        stage.say(&format!("  {call} supplysync.v1.{method}"));
    }
    stage.say("");
    for site in cast.network.sites() {
        stage.say(&format!(
            "  site {}  {}  {}",
            site.sync_id(),
            site.url(),
            site.name()
        ));
    }
    let code = cast.network.authorisation_code();
    stage.say(&format!("  authorisation code  {code}"));
    stage.say("");
    stage.say(&format!(
        "Ctrl-C ends all {} processes and removes the folder.",
        1 + SATELLITES.len()
    ));
    std::future::pending().await
}

/// A call of a site with its operator's certificate; paths are relative to the demo's folder, to keep the line short.
fn grpcurl(cast: &Cast, sync_id: u16, data: &str) -> Outcome<String> {
    let site = cast.network.sites().find(|site| site.sync_id() == sync_id);
    let site = site.ok_or_else(|| format!("no site {sync_id}"))?;
    let operator = site.operator();
    let short = |path: &std::path::Path| {
        path.strip_prefix(cast.network.folder())
            .unwrap_or(path)
            .display()
            .to_string()
    };
    Ok(format!(
        "grpcurl -cacert {} -cert {} -key {}{data} localhost:{}",
        short(&operator.authority),
        short(&operator.certificate),
        short(&operator.key),
        site.grpc().port()
    ))
}
