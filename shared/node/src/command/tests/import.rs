//! Imports: all or nothing, dry runs, again and again, and the sample data.

use supplysync_model::Reason;

use super::site::TestSite;
use crate::command::import::{FileKind, ImportFile, ImportOutcome, import};

const UNITS: &str = "name,description,index\ntablet,,1\nvial,,2\n";
const HEADING: &str =
    "code,name,type,unit,strength,atc_code,ven_category,default_pack_size,vaccine,critical,active\n";

async fn run(site: &TestSite, kind: FileKind, text: &str, dry_run: bool) -> ImportOutcome {
    import(&site.store, vec![file(kind, text)], dry_run)
        .await
        .unwrap()
}

fn file(kind: FileKind, text: &str) -> ImportFile {
    let text = text.as_bytes().to_vec();
    ImportFile { kind, text }
}

fn counts(outcome: &ImportOutcome) -> (u64, u64, u64, usize, bool) {
    let file = &outcome.files[0];
    let errors = file.errors.len();
    (
        file.created,
        file.updated,
        file.unchanged,
        errors,
        outcome.applied,
    )
}

#[tokio::test]
async fn one_bad_row_keeps_everything_out() {
    let site = TestSite::primary().await;
    run(&site, FileKind::Units, UNITS, false).await;
    let good = format!("{HEADING}M1,Aspirin,stock,tablet,,,,1,,,\nM2,BCG vaccine,stock,vial,,,,1,true,,\n");
    let bad = format!("{good}M3,Quinine,stock,drum,,,,1,,,\nm1,Aspirin again,stock,tablet,,,,-2,,,\n");
    let head = *site.store.heads().borrow();
    let refused = run(&site, FileKind::Items, &bad, false).await;
    let found: Vec<_> = refused.files[0]
        .errors
        .iter()
        .map(|e| (e.line, e.column.as_str()))
        .collect();
    assert_eq!(found, [(4, "unit"), (5, "code"), (5, "default_pack_size")]);
    assert!(!refused.applied && !refused.accepted);
    assert_eq!(*site.store.heads().borrow(), head);
    let dry = run(&site, FileKind::Items, &good, true).await;
    assert_eq!(counts(&dry), (2, 0, 0, 0, false));
    assert_eq!(*site.store.heads().borrow(), head);
    assert_eq!(
        counts(&run(&site, FileKind::Items, &good, false).await),
        (2, 0, 0, 0, true)
    );
    let head = *site.store.heads().borrow();
    assert_eq!(
        counts(&run(&site, FileKind::Items, &good, false).await),
        (0, 0, 2, 0, true)
    );
    assert_eq!(
        *site.store.heads().borrow(),
        head,
        "importing again writes nothing"
    );
    let changed = good.replace("Aspirin", "Acetylsalicylic acid");
    assert_eq!(
        counts(&run(&site, FileKind::Items, &changed, false).await),
        (0, 1, 1, 0, true)
    );
}

#[tokio::test]
async fn a_satellite_imports_nothing() {
    let site = TestSite::new(supplysync_model::SyncId::new(3).unwrap()).await;
    let fault = import(&site.store, vec![file(FileKind::Units, UNITS)], false)
        .await
        .unwrap_err();
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
    let read = |(kind, name)| {
        let text = std::fs::read_to_string(format!("{folder}/{name}.csv")).unwrap();
        file(kind, &text)
    };
    let files: Vec<_> = files.into_iter().map(read).collect();
    let outcome = import(&site.store, files.clone(), true).await.unwrap();
    assert!(outcome.accepted && !outcome.applied, "{outcome:?}");
    let outcome = import(&site.store, files.clone(), false).await.unwrap();
    assert!(outcome.applied, "{outcome:?}");
    assert!(outcome.files.iter().all(|file| file.created > 10));
    let again = import(&site.store, files, false).await.unwrap();
    assert!(
        again.files.iter().all(|file| file.created + file.updated == 0),
        "{again:?}"
    );
}

#[tokio::test]
async fn one_bad_file_keeps_the_others_out() {
    let site = TestSite::primary().await;
    let head = *site.store.heads().borrow();
    let items = format!("{HEADING}M1,Aspirin,stock,tablet,,,,1,,,\nM2,Ether,stock,barrel,,,,1,,,\n");
    let files = vec![file(FileKind::Units, UNITS), file(FileKind::Items, &items)];
    let outcome = import(&site.store, files, false).await.unwrap();
    assert!(!outcome.accepted && !outcome.applied);
    assert_eq!((outcome.files[0].created, outcome.files[0].total_errors), (2, 0));
    assert_eq!((outcome.files[1].created, outcome.files[1].total_errors), (1, 1));
    assert_eq!(*site.store.heads().borrow(), head);
    assert_eq!(
        counts(&run(&site, FileKind::Units, UNITS, true).await),
        (2, 0, 0, 0, false)
    );
}

#[tokio::test]
async fn twenty_thousand_rows_go_in_at_once() {
    let site = TestSite::primary().await;
    run(&site, FileKind::Units, UNITS, false).await;
    let rows: Vec<_> = (0..20_000)
        .map(|n| format!("G{n:05},Generated {n},stock,tablet,,,,1,,,"))
        .collect();
    let text = format!("{HEADING}{}", rows.join("\n"));
    assert_eq!(
        counts(&run(&site, FileKind::Items, &text, false).await),
        (20_000, 0, 0, 0, true)
    );
}
