//! The import itself: one transaction that looks up, plans and writes all, or writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::BoxFuture;
use supplysync_model::{Fault, FaultCode, Item, Name, Reason, Store, StoreId, Unit};
use supplysync_record_codec::RecordBody;
use supplysync_store::{OwnChange, Queries, Store as RecordStore, WriteTx};
use uuid::Uuid;

use super::plan::{Importable, Plan, Planned, References, folded, plan};
use super::store_names;
use super::table::{self, MAX_FILE_BYTES, Row, RowError, RowErrors};
use crate::command::lookup;
use crate::command::master::Master;
use crate::command::ownership::require_primary;

/// Records in one call of the write function, which bounds its statements.
const WRITE_CHUNK: usize = 1_000;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Units of measure.
    Units,
    /// The catalogue.
    Items,
    /// Suppliers, customers, manufacturers, donors.
    Names,
    /// Stores.
    Stores,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportOutcome {
    /// Records created, or that would be.
    pub created: u64,
    /// Records updated, or that would be.
    pub updated: u64,
    /// Rows that say what is on record already.
    pub unchanged: u64,
    /// Everything that is wrong; if there is anything, nothing was written.
    pub errors: Vec<RowError>,
    /// Whether it is on record now: no errors, and not a dry run.
    pub applied: bool,
}

/// Imports a file: all of it or nothing. A dry run checks the same and writes nothing.
pub async fn import(
    store: &RecordStore,
    kind: FileKind,
    text: &[u8],
    dry_run: bool,
) -> Result<ImportOutcome, Fault> {
    match kind {
        FileKind::Units => import_kind::<Unit>(store, text, dry_run).await,
        FileKind::Items => import_kind::<Item>(store, text, dry_run).await,
        FileKind::Names => import_kind::<Name>(store, text, dry_run).await,
        FileKind::Stores => import_kind::<Store>(store, text, dry_run).await,
    }
}

/// The records that are on record under the folded keys of a file, and the references of its rows.
type Lookups<T> = (BTreeMap<String, T>, References);

/// What differs between kinds in an import.
trait ImportKind: Importable + Master {
    fn look_up<'a>(tx: &'a Queries, rows: &'a [Row]) -> BoxFuture<'a, Result<Lookups<Self>, Fault>>;

    /// Other records that change with these.
    fn follow<'a>(
        _tx: &'a Queries,
        _plan: &'a Plan<Self>,
        _existing: &'a BTreeMap<String, Self>,
        _errors: &'a mut RowErrors,
    ) -> BoxFuture<'a, Result<Vec<RecordBody>, Fault>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

async fn import_kind<T: ImportKind>(
    store: &RecordStore,
    text: &[u8],
    dry_run: bool,
) -> Result<ImportOutcome, Fault> {
    if text.len() > MAX_FILE_BYTES {
        return Err(Fault::new(
            FaultCode::InvalidArgument,
            Reason::TOO_LARGE,
            format!("the file is larger than {MAX_FILE_BYTES} bytes: split it"),
        ));
    }
    let mut errors = RowErrors::default();
    let rows = Arc::new(table::read(text, T::COLUMNS, &mut errors));
    let unreadable = Arc::new(errors);
    if dry_run {
        return store
            .read("check an import", move |tx| {
                Box::pin(async move { Ok(examine::<T>(tx, &rows, &unreadable, Uuid::nil).await?.0) })
            })
            .await;
    }
    store
        .write("import", move |tx| {
            let (rows, unreadable) = (rows.clone(), unreadable.clone());
            Box::pin(async move {
                let (mut outcome, changes) = examine::<T>(tx, &rows, &unreadable, || tx.new_id()).await?;
                if outcome.errors.is_empty() {
                    write(tx, changes).await?;
                    outcome.applied = true;
                }
                Ok(outcome)
            })
        })
        .await
}

async fn examine<T: ImportKind>(
    tx: &Queries,
    rows: &[Row],
    unreadable: &RowErrors,
    new_id: impl FnMut() -> Uuid,
) -> Result<(ImportOutcome, Vec<OwnChange>), Fault> {
    require_primary(tx).await?;
    let mut errors = unreadable.clone();
    let (existing, references) = T::look_up(tx, rows).await?;
    let plan = plan(rows, &references, &existing, new_id, &mut errors);
    let companions = T::follow(tx, &plan, &existing, &mut errors).await?;
    let outcome = ImportOutcome {
        created: plan.created.len() as u64,
        updated: plan.updated.len() as u64,
        unchanged: plan.unchanged,
        errors: errors.sorted(),
        applied: false,
    };
    let planned = plan.created.into_iter().chain(plan.updated);
    let bodies = planned.map(|planned| planned.value.into_body());
    let changes = bodies.chain(companions).map(|body| OwnChange {
        body,
        deleted: false,
        expected: None,
    });
    Ok((outcome, changes.collect()))
}

async fn write(tx: &mut WriteTx, mut changes: Vec<OwnChange>) -> Result<(), Fault> {
    while !changes.is_empty() {
        let rest = changes.split_off(changes.len().min(WRITE_CHUNK));
        tx.put(std::mem::replace(&mut changes, rest)).await?;
    }
    Ok(())
}

fn cells(rows: &[Row], column: &str) -> BTreeSet<String> {
    let cells = rows.iter().map(|row| row.cell(column));
    cells.filter(|cell| !cell.is_empty()).map(folded).collect()
}

impl ImportKind for Unit {
    fn look_up<'a>(tx: &'a Queries, rows: &'a [Row]) -> BoxFuture<'a, Result<Lookups<Unit>, Fault>> {
        Box::pin(async move {
            let existing = lookup::units_named(tx, &cells(rows, "name")).await?;
            Ok((existing, References::default()))
        })
    }
}

impl ImportKind for Item {
    fn look_up<'a>(tx: &'a Queries, rows: &'a [Row]) -> BoxFuture<'a, Result<Lookups<Item>, Fault>> {
        Box::pin(async move {
            let units = lookup::units_named(tx, &cells(rows, "unit")).await?;
            let references = References {
                units: units.into_iter().map(|(name, unit)| (name, unit.id)).collect(),
                names: BTreeMap::new(),
            };
            let existing = lookup::items_coded(tx, &cells(rows, "code")).await?;
            Ok((existing, references))
        })
    }
}

impl ImportKind for Name {
    fn look_up<'a>(tx: &'a Queries, rows: &'a [Row]) -> BoxFuture<'a, Result<Lookups<Name>, Fault>> {
        Box::pin(async move {
            let existing = lookup::names_coded(tx, &cells(rows, "code")).await?;
            Ok((existing, References::default()))
        })
    }
}

impl ImportKind for Store {
    fn look_up<'a>(tx: &'a Queries, rows: &'a [Row]) -> BoxFuture<'a, Result<Lookups<Store>, Fault>> {
        Box::pin(async move {
            let names = lookup::names_coded(tx, &cells(rows, "name_code")).await?;
            let references = References {
                units: BTreeMap::new(),
                names: names.into_iter().map(|(code, name)| (code, name.id)).collect(),
            };
            let existing = lookup::stores_coded(tx, &cells(rows, "code")).await?;
            Ok((existing, references))
        })
    }

    fn follow<'a>(
        tx: &'a Queries,
        plan: &'a Plan<Store>,
        existing: &'a BTreeMap<String, Store>,
        errors: &'a mut RowErrors,
    ) -> BoxFuture<'a, Result<Vec<RecordBody>, Fault>> {
        Box::pin(async move {
            let before: BTreeMap<StoreId, Store> = existing
                .values()
                .map(|store| (store.id, store.clone()))
                .collect();
            let planned: Vec<&Planned<Store>> = plan.created.iter().chain(&plan.updated).collect();
            let involved = planned
                .iter()
                .map(|planned| &planned.value)
                .chain(before.values());
            let involved = involved.filter_map(|store| store.name_id).collect();
            let names = lookup::names(tx, &involved).await?;
            let names = names
                .into_iter()
                .filter(|(_, name)| !name.retired)
                .map(|(id, name)| (id, name.value))
                .collect();
            let changed = store_names::follow(&planned, &before, &names, errors);
            Ok(changed.into_iter().map(RecordBody::Name).collect())
        })
    }
}
