//! What a file says by itself: read and checked as an import does it, with nothing on record and every reference found.
//! The laws that any file must keep are tried on this; an import itself asks the database.

use std::collections::BTreeMap;

use supplysync_model::{Fault, Item, Name, Store, Unit};
use supplysync_record_codec::RecordBody;
use uuid::Uuid;

use super::plan::{Importable, References, plan};
use super::run::{self, FileKind, FileOutcome, ImportFile, ReadFile};
use crate::command::lookup::folded;
use crate::command::master::Master;

/// The records that a file would create where nothing is on record yet, and what is wrong with it. A unit or a name that
/// a row refers to counts as being there. `TOO_LARGE` beyond [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
pub fn examine(
    file: ImportFile,
    mut new_id: impl FnMut() -> Uuid,
) -> Result<(Vec<RecordBody>, FileOutcome), Fault> {
    let file = run::read_file(file)?;
    Ok(match file.kind {
        FileKind::Units => examine_kind::<Unit>(&file, &mut new_id),
        FileKind::Items => examine_kind::<Item>(&file, &mut new_id),
        FileKind::Names => examine_kind::<Name>(&file, &mut new_id),
        FileKind::Stores => examine_kind::<Store>(&file, &mut new_id),
    })
}

fn examine_kind<T: Importable + Master>(
    file: &ReadFile,
    new_id: &mut impl FnMut() -> Uuid,
) -> (Vec<RecordBody>, FileOutcome) {
    let references = References {
        units: found(file, "unit", new_id),
        names: found(file, "name_code", new_id),
    };
    let mut errors = file.unreadable.clone();
    let plan = plan::<T>(&file.rows, &references, &BTreeMap::new(), new_id, &mut errors);
    let outcome = FileOutcome {
        created: plan.created.len() as u64,
        updated: plan.updated.len() as u64,
        unchanged: plan.unchanged,
        total_errors: errors.total(),
        errors: errors.sorted(),
    };
    let created = plan.created.into_iter();
    (
        created.map(|planned| planned.value.into_body()).collect(),
        outcome,
    )
}

/// Whatever the cells of a column name, each with an id.
fn found<T: From<supplysync_model::RecordId>>(
    file: &ReadFile,
    column: &str,
    new_id: &mut impl FnMut() -> Uuid,
) -> BTreeMap<String, T> {
    let named = file.rows.iter().map(|row| row.cell(column));
    let named = named.filter(|cell| !cell.is_empty());
    named
        .map(|cell| {
            let id = supplysync_model::RecordId::new(new_id());
            (folded(cell), T::from(id))
        })
        .collect()
}
