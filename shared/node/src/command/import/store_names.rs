//! Stores and the names that stand for them: a name knows its store, and stands for one only. Pure.

use std::collections::BTreeMap;

use supplysync_model::{Name, NameId, Store, StoreId};

use super::plan::Planned;
use super::table::RowErrors;

/// The names that change with these stores. `before` holds the stores as they are, `names` every name involved.
pub(super) fn follow(
    planned: &[&Planned<Store>],
    before: &BTreeMap<StoreId, Store>,
    names: &BTreeMap<NameId, Name>,
    errors: &mut RowErrors,
) -> Vec<Name> {
    let mut after: BTreeMap<NameId, Option<StoreId>> = BTreeMap::new();
    let old_name = |store: &Store| before.get(&store.id).and_then(|store| store.name_id);
    let moved = planned
        .iter()
        .filter(|planned| old_name(&planned.value) != planned.value.name_id);
    let moved: Vec<_> = moved.collect();
    // What is given up first, so that a name may go from one store to another within a file.
    for planned in &moved {
        if let Some(old) = old_name(&planned.value) {
            after.insert(old, None);
        }
    }
    for planned in &moved {
        let Some(id) = planned.value.name_id else { continue };
        let held = match after.get(&id) {
            Some(held) => *held,
            None => names.get(&id).and_then(|name| name.store),
        };
        match held {
            Some(other) if other != planned.value.id => {
                errors.add(planned.line, "name_code", "stands for another store");
            }
            _ => {
                after.insert(id, Some(planned.value.id));
            }
        }
    }
    let changed = after.into_iter().filter_map(|(id, store)| {
        let name = names.get(&id).filter(|name| name.store != store)?;
        Some(Name {
            store,
            ..name.clone()
        })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use supplysync_model::{NameRole, StoreMode};

    use super::*;

    fn store(id: u8, name: Option<u8>) -> Planned<Store> {
        let value = Store {
            id: StoreId::from_bytes([id; 16]),
            code: id.to_string(),
            name: "Store".into(),
            name_id: name.map(|name| NameId::from_bytes([name; 16])),
            mode: StoreMode::Store,
            disabled: false,
        };
        Planned {
            line: u64::from(id),
            value,
        }
    }

    fn names(held: &[(u8, Option<u8>)]) -> BTreeMap<NameId, Name> {
        let name = |(id, store): &(u8, Option<u8>)| Name {
            id: NameId::from_bytes([*id; 16]),
            code: id.to_string(),
            name: "Name".into(),
            roles: vec![NameRole::Customer],
            on_hold: false,
            address: String::new(),
            country: String::new(),
            phone: String::new(),
            email: String::new(),
            store: store.map(|store| StoreId::from_bytes([store; 16])),
        };
        held.iter().map(name).map(|name| (name.id, name)).collect()
    }

    #[test]
    fn a_name_follows_its_store_and_stands_for_one_only() {
        let mut errors = RowErrors::default();
        let before = BTreeMap::from([(StoreId::from_bytes([1; 16]), store(1, Some(11)).value)]);
        // Store 1 gives up name 11 for 12; store 2, new, takes 11; store 3 wants 12 too; store 4 wants what 9 has.
        let planned = [
            store(1, Some(12)),
            store(2, Some(11)),
            store(3, Some(12)),
            store(4, Some(13)),
        ];
        let names = names(&[(11, Some(1)), (12, None), (13, Some(9))]);
        let changed = follow(&planned.iter().collect::<Vec<_>>(), &before, &names, &mut errors);
        let changed: Vec<_> = changed.into_iter().map(|name| (name.code, name.store)).collect();
        assert_eq!(
            changed,
            [
                ("11".to_owned(), Some(StoreId::from_bytes([2; 16]))),
                ("12".to_owned(), Some(StoreId::from_bytes([1; 16])))
            ]
        );
        let lines: Vec<_> = errors.sorted().into_iter().map(|error| error.line).collect();
        assert_eq!(lines, [3, 4]);
    }
}
