//! Imports: all or nothing, dry runs, again and again, and the sample data.

use supplysync_model::Reason;

use super::site::TestSite;
use crate::command::import::{FileKind, ImportOutcome, import};

const UNITS: &str = "name,description,index\ntablet,,1\nvial,,2\n";
const HEADING: &str = "code,name,type,unit,strength,atc_code,ven_category,default_pack_size,vaccine,critical,active\n";

async fn run(site: &TestSite, kind: FileKind, text: &str, dry_run: bool) -> ImportOutcome {
    import(&site.store, kind, text.as_bytes(), dry_run).await.unwrap()
}

fn counts(outcome: &ImportOutcome) -> (u64, u64, u64, usize, bool) {
    let errors = outcome.errors.len();
    (outcome.created, outcome.updated, outcome.unchanged, errors, outcome.applied)
}

#[tokio::test]
async fn one_bad_row_keeps_everything_out() {
    let site = TestSite::primary().await;
    run(&site, FileKind::Units, UNITS, false).await;
    let good = format!("{HEADING}M1,Aspirin,stock,tablet,,,,1,,,\nM2,BCG vaccine,stock,vial,,,,1,true,,\n");
    let bad = format!("{good}M3,Quinine,stock,drum,,,,1,,,\nm1,Aspirin again,stock,tablet,,,,-2,,,\n");
    let head = *site.store.heads().borrow();
    let refused = run(&site, FileKind::Items, &bad, false).await;
    let found: Vec<_> = refused.errors.iter().map(|e| (e.line, e.column.as_str())).collect();
    assert_eq!(found, [(4, "unit"), (5, "code"), (5, "default_pack_size")]);
    assert!(!refused.applied);
    assert_eq!(*site.store.heads().borrow(), head);
    let dry = run(&site, FileKind::Items, &good, true).await;
    assert_eq!(counts(&dry), (2, 0, 0, 0, false));
    assert_eq!(*site.store.heads().borrow(), head);
    assert_eq!(counts(&run(&site, FileKind::Items, &good, false).await), (2, 0, 0, 0, true));
    let head = *site.store.heads().borrow();
    assert_eq!(counts(&run(&site, FileKind::Items, &good, false).await), (0, 0, 2, 0, true));
    assert_eq!(*site.store.heads().borrow(), head, "importing again writes nothing");
    let changed = good.replace("Aspirin", "Acetylsalicylic acid");
    assert_eq!(counts(&run(&site, FileKind::Items, &changed, false).await), (0, 1, 1, 0, true));
}

#[tokio::test]
async fn a_satellite_imports_nothing() {
    let site = TestSite::new(supplysync_model::SyncId::new(3).unwrap()).await;
    let fault = import(&site.store, FileKind::Units, UNITS.as_bytes(), false).await.unwrap_err();
    assert_eq!(fault.reason(), Reason::MASTER_DATA_IS_PRIMARY_ONLY);
}

#[tokio::test]
async fn the_sample_data_go_in_whole() {
    let site = TestSite::primary().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/sample-data");
    let files = [
        (FileKind::Units, "units"),
        (FileKind::Items, "items"),
        (FileKind::Names, "names"),
        (FileKind::Stores, "stores"),
    ];
    for (kind, file) in files {
        let text = std::fs::read_to_string(format!("{folder}/{file}.csv")).unwrap();
        let outcome = run(&site, kind, &text, false).await;
        assert_eq!(outcome.errors, [], "{file}");
        assert!(outcome.applied && outcome.created > 10, "{file}: {outcome:?}");
        let again = run(&site, kind, &text, false).await;
        assert_eq!((again.created, again.updated), (0, 0), "{file} again");
    }
}

#[tokio::test]
async fn twenty_thousand_rows_go_in_at_once() {
    let site = TestSite::primary().await;
    run(&site, FileKind::Units, UNITS, false).await;
    let rows: Vec<_> = (0..20_000)
        .map(|n| format!("G{n:05},Generated {n},stock,tablet,,,,1,,,"))
        .collect();
    let text = format!("{HEADING}{}", rows.join("\n"));
    assert_eq!(counts(&run(&site, FileKind::Items, &text, false).await), (20_000, 0, 0, 0, true));
}
