//! What a file would change: its rows against what is on record, matched by code (units by name).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use supplysync_model::{NameId, RecordId, UnitId};
use uuid::Uuid;

use super::cells::Cells;
use super::table::{Columns, Row, RowErrors};
use crate::command::lookup::folded;
use crate::command::problems::Problems;

/// What rows may refer to, by the word that files use.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Units that are not retired, by folded name.
    pub(super) units: BTreeMap<String, UnitId>,
    /// Names that are not retired, by folded code.
    pub(super) names: BTreeMap<String, NameId>,
}

/// A kind of record that a file can hold.
pub(super) trait Importable: Clone + PartialEq + Sized {
    /// The columns of its files.
    const COLUMNS: Columns;
    /// The column that tells records apart.
    const KEY: &'static str;

    /// Reads a row, with the id to be if the row is new.
    fn read(cells: &mut Cells<'_>, id: RecordId, references: &References) -> Self;
    /// What tells records apart.
    fn key(&self) -> &str;
    /// Takes over the id, and what files do not carry, from the record that the row updates.
    fn adopt(&mut self, existing: &Self);
    /// The rules of the record.
    fn check(&self, problems: &mut Problems);
}

/// A record as it shall be, and the line that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned<T> {
    pub(super) line: u64,
    pub(super) value: T,
}

/// What a file would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan<T> {
    /// Records to create.
    pub(super) created: Vec<Planned<T>>,
    /// Records to update.
    pub(super) updated: Vec<Planned<T>>,
    /// Rows that say what is on record already.
    pub(super) unchanged: u64,
}

/// Reads and checks every row, and compares the right ones it with `existing` (not retired, by folded key).
pub(super) fn plan<T: Importable>(
    rows: &[Row],
    references: &References,
    existing: &BTreeMap<String, T>,
    mut new_id: impl FnMut() -> Uuid,
    errors: &mut RowErrors,
) -> Plan<T> {
    let mut plan = Plan {
        created: Vec::new(),
        updated: Vec::new(),
        unchanged: 0,
    };
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let wrong_before = errors.total();
        let mut cells = Cells::new(row, errors);
        let mut record = T::read(&mut cells, RecordId::new(new_id()), references);
        let mut problems = Problems::default();
        record.check(&mut problems);
        cells.violations(problems.into_violations());
        if record.key().is_empty() {
            continue;
        }
        match lines.entry(folded(record.key())) {
            Entry::Vacant(free) => {
                free.insert(row.line);
            }
            Entry::Occupied(taken) => {
                let key = record.key();
                cells.wrong(T::KEY, format!("{key:?} is on line {} already", taken.get()));
            }
        }
        if errors.total() > wrong_before {
            continue;
        }
        match existing.get(&folded(record.key())) {
            None => plan.created.push(Planned {
                line: row.line,
                value: record,
            }),
            Some(before) => {
                record.adopt(before);
                if record == *before {
                    plan.unchanged += 1;
                } else {
                    plan.updated.push(Planned {
                        line: row.line,
                        value: record,
                    });
                }
            }
        }
    }
    plan
}
