//! The four kinds of file: which columns they have and how a row becomes a record.

use supplysync_model::{Amount, Item, Name, RecordId, Store, Unit};

use super::cells::Cells;
use super::plan::{Importable, References};
use super::table::Columns;
use crate::command::lookup::folded;
use crate::command::master_rules::{check_item, check_name, check_store, check_unit};
use crate::command::problems::Problems;

impl Importable for Unit {
    const COLUMNS: Columns = &["name", "description", "index"];
    const KEY: &'static str = "name";

    fn read(cells: &mut Cells<'_>, id: RecordId, _: &References) -> Unit {
        Unit {
            id: id.into(),
            name: cells.text("name"),
            description: cells.text("description"),
            index: cells.number("index"),
        }
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn adopt(&mut self, existing: &Unit) {
        self.id = existing.id;
    }

    fn check(&self, problems: &mut Problems) {
        check_unit(self, problems);
    }
}

impl Importable for Item {
    const COLUMNS: Columns = &[
        "code",
        "name",
        "type",
        "unit",
        "strength",
        "atc_code",
        "ven_category",
        "default_pack_size",
        "vaccine",
        "critical",
        "active",
    ];
    const KEY: &'static str = "code";

    fn read(cells: &mut Cells<'_>, id: RecordId, references: &References) -> Item {
        let unit = cells.text("unit");
        let unit_id = references.units.get(&folded(&unit)).copied();
        if !unit.is_empty() && unit_id.is_none() {
            cells.wrong("unit", format!("there is no unit {unit:?}: import units first"));
        }
        // A blank pack size is one unit; what can't be read is reported as such, not as zero too.
        let one = Amount::from_micros(1_000_000);
        Item {
            id: id.into(),
            code: cells.text("code"),
            name: cells.text("name"),
            item_type: cells.item_type("type"),
            unit: unit_id,
            strength: cells.text("strength"),
            atc_code: cells.text("atc_code"),
            ven_category: cells.ven_category("ven_category"),
            default_pack_size: cells.amount("default_pack_size", one),
            vaccine: cells.flag("vaccine", false),
            critical: cells.flag("critical", false),
            active: cells.flag("active", true),
        }
    }

    fn key(&self) -> &str {
        &self.code
    }

    fn adopt(&mut self, existing: &Item) {
        self.id = existing.id;
    }

    fn check(&self, problems: &mut Problems) {
        check_item(self, problems);
    }
}

impl Importable for Name {
    const COLUMNS: Columns = &[
        "code", "name", "roles", "country", "address", "phone", "email", "on_hold",
    ];
    const KEY: &'static str = "code";

    fn read(cells: &mut Cells<'_>, id: RecordId, _: &References) -> Name {
        Name {
            id: id.into(),
            code: cells.text("code"),
            name: cells.text("name"),
            roles: cells.roles("roles"),
            on_hold: cells.flag("on_hold", false),
            address: cells.text("address"),
            country: cells.text("country"),
            phone: cells.text("phone"),
            email: cells.text("email"),
            store: None,
        }
    }

    fn key(&self) -> &str {
        &self.code
    }

    fn adopt(&mut self, existing: &Name) {
        self.id = existing.id;
        self.store = existing.store;
    }

    fn check(&self, problems: &mut Problems) {
        check_name(self, problems);
    }
}

impl Importable for Store {
    const COLUMNS: Columns = &["code", "name", "name_code", "mode", "disabled"];
    const KEY: &'static str = "code";

    fn read(cells: &mut Cells<'_>, id: RecordId, references: &References) -> Store {
        let name_code = cells.text("name_code");
        let name_id = references.names.get(&folded(&name_code)).copied();
        if !name_code.is_empty() && name_id.is_none() {
            cells.wrong(
                "name_code",
                format!("there is no name {name_code:?}: import names first"),
            );
        }
        Store {
            id: id.into(),
            code: cells.text("code"),
            name: cells.text("name"),
            name_id,
            mode: cells.store_mode("mode"),
            disabled: cells.flag("disabled", false),
        }
    }

    fn key(&self) -> &str {
        &self.code
    }

    fn adopt(&mut self, existing: &Store) {
        self.id = existing.id;
    }

    fn check(&self, problems: &mut Problems) {
        check_store(self, problems);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use supplysync_model::UnitId;
    use uuid::Uuid;

    use super::super::plan::{Plan, plan};
    use super::super::table::{RowErrors, read};
    use super::*;

    const HEADING: &str =
        "code,name,type,unit,strength,atc_code,ven_category,default_pack_size,vaccine,critical,active\n";

    fn items(rows: &str, existing: &BTreeMap<String, Item>) -> (Plan<Item>, Vec<(u64, String)>) {
        let references = References {
            units: BTreeMap::from([("tablet".to_owned(), UnitId::from_bytes([1; 16]))]),
            names: BTreeMap::new(),
        };
        let mut errors = RowErrors::default();
        let text = format!("{HEADING}{rows}");
        let rows = read(text.as_bytes(), Item::COLUMNS, &mut errors);
        let mut next = 0;
        let new_id = || {
            next += 1;
            Uuid::from_u128(next)
        };
        let plan = plan(&rows, &references, existing, new_id, &mut errors);
        let errors = errors.sorted().into_iter().map(|e| (e.line, e.column));
        (plan, errors.collect())
    }

    #[test]
    fn each_wrong_cell_is_named() {
        let (_, errors) = items(
            "A1,Aspirin,stock,tablet,,,vital,100,false,false,true\n\
             A2,,liquid,capsule,,N02,rare,-1,no,false,true\n\
             a1,Again,stock,tablet,,,vital,1.0000001,false,false,true\n\
             ,None,stock,,,,,1e3,,,\n",
            &BTreeMap::new(),
        );
        let expected = [
            (3, "default_pack_size"),
            (3, "name"),
            (3, "type"),
            (3, "unit"),
            (3, "vaccine"),
            (3, "ven_category"),
            (4, "code"),
            (4, "default_pack_size"),
            (5, "code"),
            (5, "default_pack_size"),
        ];
        let expected: Vec<_> = expected.map(|(line, column)| (line, column.to_owned())).into();
        assert_eq!(errors, expected);
    }

    #[test]
    fn importing_again_changes_nothing() {
        let rows = "A1,Aspirin,stock,tablet,,,vital,100,false,false,true\nA2,Ibuprofen,,tablet,200 mg,M01AE01,,,,,\n";
        let (first, errors) = items(rows, &BTreeMap::new());
        assert_eq!((first.created.len(), errors.len()), (2, 0));
        let existing: BTreeMap<_, _> = first
            .created
            .into_iter()
            .map(|planned| (folded(&planned.value.code), planned.value))
            .collect();
        let (again, _) = items(rows, &existing);
        assert_eq!(
            (again.created.len(), again.updated.len(), again.unchanged),
            (0, 0, 2)
        );
        let (changed, _) = items(&rows.replace("Aspirin", "Acetylsalicylic acid"), &existing);
        assert_eq!((changed.updated.len(), changed.unchanged), (1, 1));
        assert_eq!(changed.updated[0].value.id, existing["a1"].id);
    }
}
