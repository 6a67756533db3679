//! The import itself: one transaction that looks up, plans and writes all, or writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use supplysync_model::{Fault, FaultCode, Item, Name, Reason, Store, StoreId, Unit};
use supplysync_record_codec::RecordBody;
use supplysync_store::{OwnChange, Queries, Store as RecordStore, WriteTx};

use super::plan::{Importable, Plan, Planned, References, plan};
use super::store_names;
use super::table::{self, MAX_FILE_BYTES, Row, RowError, RowErrors};
use crate::command::lookup::{self, folded};
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

/// A file to import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportFile {
    /// What it holds.
    pub kind: FileKind,
    /// Its CSV text.
    pub text: Vec<u8>,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileOutcome {
    /// Records created, or that would be.
    pub created: u64,
    /// Records updated, or that would be.
    pub updated: u64,
    /// Rows that say what is on record already.
    pub unchanged: u64,
    /// What is wrong, up to [`MAX_ERRORS`](super::MAX_ERRORS).
    pub errors: Vec<RowError>,
    /// How much is wrong in all.
    pub total_errors: u64,
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOutcome {
    /// One per file, in order.
    pub files: Vec<FileOutcome>,
    /// Whether all rows were right.
    pub accepted: bool,
    /// Whether they are on record now: accepted, and not a dry run.
    pub applied: bool,
}

/// Imports files in order, each of which may name rows of those before it: all of them or nothing. A dry run does
/// the same and takes it back.
pub async fn import(
    store: &RecordStore,
    files: Vec<ImportFile>,
    dry_run: bool,
) -> Result<ImportOutcome, Fault> {
    let mut read = Vec::new();
    for file in files {
        read.push(read_file(file)?);
    }
    let (read, taken_back) = (Arc::new(read), Arc::new(Mutex::new(None)));
    let refused = taken_back.clone();
    let applied = store.write("import", move |tx| {
        let (read, refused) = (read.clone(), refused.clone());
        Box::pin(async move {
            require_primary(tx).await?;
            let mut files = Vec::new();
            for file in read.iter() {
                files.push(import_file(tx, file).await?);
            }
            let accepted = files.iter().all(|file| file.total_errors == 0);
            let applied = accepted && !dry_run;
            let outcome = ImportOutcome {
                files,
                accepted,
                applied,
            };
            if applied {
                return Ok(outcome);
            }
            // Only a fault takes back what was written so far; the outcome goes past it.
            *refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            Err(Fault::new(
                FaultCode::InvalidArgument,
                Reason::IMPORT_REJECTED,
                "nothing was imported",
            ))
        })
    });
    match applied.await {
        Err(fault) if fault.reason() == Reason::IMPORT_REJECTED => {
            let mut taken_back = taken_back.lock().unwrap_or_else(PoisonError::into_inner);
            taken_back.take().ok_or(fault)
        }
        done => done,
    }
}

/// A file whose rows have been read, before the transaction begins.
pub(super) struct ReadFile {
    pub(super) kind: FileKind,
    pub(super) rows: Vec<Row>,
    pub(super) unreadable: RowErrors,
}

pub(super) fn read_file(file: ImportFile) -> Result<ReadFile, Fault> {
    if file.text.len() > MAX_FILE_BYTES {
        return Err(Fault::new(
            FaultCode::InvalidArgument,
            Reason::TOO_LARGE,
            format!("the file is larger than {MAX_FILE_BYTES} bytes: split it"),
        ));
    }
    let columns = match file.kind {
        FileKind::Units => Unit::COLUMNS,
        FileKind::Items => Item::COLUMNS,
        FileKind::Names => Name::COLUMNS,
        FileKind::Stores => Store::COLUMNS,
    };
    let mut unreadable = RowErrors::default();
    let rows = table::read(&file.text, columns, &mut unreadable);
    Ok(ReadFile {
        kind: file.kind,
        rows,
        unreadable,
    })
}

async fn import_file(tx: &mut WriteTx, file: &ReadFile) -> Result<FileOutcome, Fault> {
    match file.kind {
        FileKind::Units => import_kind::<Unit>(tx, file).await,
        FileKind::Items => import_kind::<Item>(tx, file).await,
        FileKind::Names => import_kind::<Name>(tx, file).await,
        FileKind::Stores => import_kind::<Store>(tx, file).await,
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

async fn import_kind<T: ImportKind>(tx: &mut WriteTx, file: &ReadFile) -> Result<FileOutcome, Fault> {
    let mut errors = file.unreadable.clone();
    let (existing, references) = T::look_up(tx, &file.rows).await?;
    let plan = plan(&file.rows, &references, &existing, || tx.new_id(), &mut errors);
    let companions = T::follow(tx, &plan, &existing, &mut errors).await?;
    let outcome = FileOutcome {
        created: plan.created.len() as u64,
        updated: plan.updated.len() as u64,
        unchanged: plan.unchanged,
        total_errors: errors.total(),
        errors: errors.sorted(),
    };
    let planned = plan.created.into_iter().chain(plan.updated);
    let bodies = planned.map(|planned| planned.value.into_body());
    let changes = bodies.chain(companions).map(|body| OwnChange {
        body,
        deleted: false,
        expected: None,
    });
    write(tx, changes.collect()).await?;
    Ok(outcome)
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
            let before: BTreeMap<StoreId, Store> =
                existing.values().map(|store| (store.id, store.clone())).collect();
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
