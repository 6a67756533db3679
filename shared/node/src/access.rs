//! Who may call which method: one line per method, and what has no line is refused. The layer that asks is in `net`.

use supplysync_net::{AccessTable, Caller, Role};

use Caller::{Operator, Primary, Site, Visitor};
use Role::{Admin, Editor, Viewer};

/// Service, its methods, and who may call them (operators with a higher role too).
const RULES: &[(&str, &[&str], &[Caller])] = &[
    ("supplysync.v1.SyncService", &["Sync"], &[Site]),
    (
        "supplysync.v1.MasterDataService",
        &[
            "GetUnit",
            "ListUnits",
            "GetItem",
            "ListItems",
            "GetName",
            "ListNames",
            "GetStore",
            "ListStores",
        ],
        &[Operator(Viewer)],
    ),
    (
        "supplysync.v1.MasterDataService",
        &[
            "CreateUnit",
            "UpdateUnit",
            "DeleteUnit",
            "CreateItem",
            "UpdateItem",
            "DeleteItem",
            "CreateName",
            "UpdateName",
            "DeleteName",
            "CreateStore",
            "UpdateStore",
            "DeleteStore",
            "ImportMasterData",
        ],
        &[Operator(Editor)],
    ),
    (
        "supplysync.v1.StockService",
        &[
            "ListStockLines",
            "GetStockLine",
            "ListTransactions",
            "GetTransaction",
        ],
        &[Operator(Viewer)],
    ),
    (
        "supplysync.v1.StockService",
        &[
            "UpdateStockLine",
            "DeleteStockLine",
            "CreateTransaction",
            "UpdateTransaction",
            "ConfirmTransaction",
            "FinaliseTransaction",
            "DeleteTransaction",
        ],
        &[Operator(Editor)],
    ),
    (
        "supplysync.v1.ReportService",
        &["StockOnHand"],
        &[Operator(Viewer)],
    ),
    (
        "supplysync.v1.DiagnosticsService",
        &[
            "GetSyncStatus",
            "WatchSyncStatus",
            "ListChannels",
            "ListQuarantine",
            "Verify",
            "GetLedger",
            "TraceRecord",
        ],
        &[Operator(Viewer)],
    ),
    // The primary wakes satellites.
    (
        "supplysync.v1.DiagnosticsService",
        &["SyncNow"],
        &[Operator(Editor), Primary],
    ),
    // It names people and addresses, and says who tried what.
    (
        "supplysync.v1.DiagnosticsService",
        &[
            "ListAuditLog",
            "ResolveQuarantine",
            "Repair",
            "RebuildProjections",
        ],
        &[Operator(Admin)],
    ),
    (
        "supplysync.v1.SiteService",
        &["ListSites", "GetSite", "ListMoves"],
        &[Operator(Viewer)],
    ),
    (
        "supplysync.v1.SiteService",
        &[
            "AddSite",
            "AssignStore",
            "MoveStore",
            "CancelMove",
            "SetCopies",
            "UpdateSite",
            "RemoveSite",
        ],
        &[Operator(Admin)],
    ),
    (
        "supplysync.v1.SiteService",
        &["CreateJoinToken", "RevokeSite", "RevokeOperator"],
        &[Operator(Admin)],
    ),
    // On a port of its own, where what is shown is a join token, or a certificate that may have expired.
    ("supplysync.v1.EnrolmentService", &["Enrol", "Renew"], &[Visitor]),
    // Whoever holds the authorisation code may unlock, and change what it unlocks, admin or not: the code is what is
    // asked for.
    (
        "supplysync.v1.PreferenceService",
        &[
            "Unlock",
            "Lock",
            "GetPreferences",
            "UpdatePreferences",
            "ChangeAuthorisationCode",
        ],
        &[Operator(Viewer)],
    ),
    (
        "grpc.health.v1.Health",
        &["Check", "Watch", "List"],
        &[Operator(Viewer)],
    ),
    (
        "grpc.reflection.v1.ServerReflection",
        &["ServerReflectionInfo"],
        &[Operator(Viewer)],
    ),
    (
        "grpc.reflection.v1alpha.ServerReflection",
        &["ServerReflectionInfo"],
        &[Operator(Viewer)],
    ),
];

/// Every line: service, method, and who may call it (operators with a higher role too).
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str, &'static [Caller])> {
    RULES
        .iter()
        .flat_map(|(service, methods, callers)| methods.iter().map(|method| (*service, *method, *callers)))
}

/// The table of both services: a method that a service does not have stays unimplemented there.
pub fn table() -> AccessTable {
    let mut table = AccessTable::new();
    for (service, method, callers) in rules() {
        table = table.allow(&format!("/{service}/{method}"), callers);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;
    use supplysync_api::FILE_DESCRIPTOR_SET;
    use supplysync_model::SyncId;
    use supplysync_net::PeerIdentity;

    use super::*;

    fn described() -> BTreeSet<String> {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut paths = BTreeSet::new();
        for file in &set.file {
            for service in &file.service {
                let methods = service.method.iter();
                let path = |method| format!("/{}.{}/{method}", file.package(), service.name());
                paths.extend(methods.map(|method| path(method.name())));
            }
        }
        paths
    }

    #[test]
    fn every_method_has_one_line_and_every_line_a_method() {
        let table = table();
        let described = described();
        assert!(described.len() > 40, "{described:?}");
        for path in &described {
            assert!(table.lists(path), "no line for {path}");
        }
        let mut ruled = BTreeSet::new();
        for (service, methods, _) in RULES {
            for method in *methods {
                let path = format!("/{service}/{method}");
                let ours = service.starts_with("supplysync");
                assert!(!ours || described.contains(&path), "there is no {path}");
                assert!(ruled.insert(path), "two lines for {service}/{method}");
            }
        }
    }

    #[test]
    fn readers_do_not_write_and_sites_only_synchronise() {
        let table = table();
        let viewer = PeerIdentity::operator(Viewer, "vera").unwrap();
        let editor = PeerIdentity::operator(Editor, "ed").unwrap();
        let (site, primary) = (
            PeerIdentity::Site(SyncId::new(2).unwrap()),
            PeerIdentity::Site(SyncId::PRIMARY),
        );
        for path in described() {
            let method = path.rsplit('/').next().unwrap();
            let reads = [
                "Get",
                "List",
                "Watch",
                "Verify",
                "Trace",
                "Stock",
                "Unlock",
                "Lock",
                "UpdatePreferences",
                "ChangeAuthorisationCode",
            ];
            let for_admins = [
                "AddSite",
                "AssignStore",
                "MoveStore",
                "CancelMove",
                "SetCopies",
                "CreateJoinToken",
                "RevokeSite",
                "RevokeOperator",
                "UpdateSite",
                "RemoveSite",
                "ListAuditLog",
                "ResolveQuarantine",
                "Repair",
                "RebuildProjections",
            ]
            .contains(&method);
            let for_visitors = path.contains("EnrolmentService");
            assert_eq!(table.check_visitor(&path).is_ok(), for_visitors, "{path}");
            let reads = !for_admins && reads.iter().any(|start| method.starts_with(start));
            assert_eq!(table.check(&path, &viewer).is_ok(), reads, "{path}");
            let others = for_admins || for_visitors || method == "Sync";
            assert_eq!(table.check(&path, &editor).is_ok(), !others, "{path}");
            assert_eq!(table.check(&path, &site).is_ok(), method == "Sync", "{path}");
            let wakes = ["Sync", "SyncNow"].contains(&method);
            assert_eq!(table.check(&path, &primary).is_ok(), wakes, "{path}");
        }
    }
}
