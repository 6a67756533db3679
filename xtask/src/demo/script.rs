//! What is received and issued in the demo, as data: which store, with whom, which items and batches.

/// A receipt or an issue.
pub struct Movement {
    /// The site that works.
    pub site: u16,
    /// The store whose stock moves.
    pub store: &'static str,
    /// What it is.
    pub kind: MovementKind,
    /// What the other side wrote on it.
    pub reference: &'static str,
    /// What moves.
    pub lines: &'static [Line],
}

/// Which way goods go, and from or to whom.
#[derive(Clone, Copy)]
pub enum MovementKind {
    /// From a supplier, by its code.
    From(&'static str),
    /// To a customer, by its code.
    To(&'static str),
    /// To a patient.
    Patient(&'static str),
}

/// One line. Issues take the batch that they name.
pub struct Line {
    /// The item's code.
    pub item: &'static str,
    /// The batch.
    pub batch: &'static str,
    /// The last day it may be issued, ISO 8601.
    pub expiry: &'static str,
    /// Packs.
    pub packs: &'static str,
    /// Units in a pack.
    pub pack_size: &'static str,
    /// Cost of a pack.
    pub cost: &'static str,
}

const fn line(
    item: &'static str,
    batch: &'static str,
    expiry: &'static str,
    packs: &'static str,
    pack_size: &'static str,
    cost: &'static str,
) -> Line {
    Line {
        item,
        batch,
        expiry,
        packs,
        pack_size,
        cost,
    }
}

/// Paracetamol 500 mg: the item that the demo changes.
pub const CHANGED_ITEM: &str = "M0024";
/// Oxytocin: in stock in the east when it is retired.
pub const RETIRED_ITEM: &str = "M0499";
/// The store of satellite 2 that satellite 3 keeps a copy of.
pub const COPIED_STORE: &str = "NRS";

/// In the order in which they happen.
pub const MOVEMENTS: &[Movement] = &[
    Movement {
        site: 1,
        store: "CMS",
        kind: MovementKind::From("SU002"),
        reference: "IDA 88213",
        lines: &[
            line("M0110", "AX4471", "2029-03-31", "120", "1000", "14.60"),
            line("M0024", "PC2209", "2029-11-30", "300", "1000", "4.85"),
            line("M0440", "OR7755", "2028-08-31", "500", "100", "5.20"),
            line("M0250", "AL9013", "2028-05-31", "800", "24", "1.35"),
            line("M0159", "CF3301", "2028-12-31", "250", "10", "4.10"),
        ],
    },
    Movement {
        site: 1,
        store: "CMS",
        kind: MovementKind::To("ST-NRS"),
        reference: "requisition 17",
        lines: &[
            line("M0110", "AX4471", "2029-03-31", "20", "1000", "14.60"),
            line("M0250", "AL9013", "2028-05-31", "150", "24", "1.35"),
        ],
    },
    Movement {
        site: 2,
        store: "NRS",
        kind: MovementKind::From("ST-CMS"),
        reference: "CMS issue 1",
        lines: &[
            line("M0110", "AX4471", "2029-03-31", "20", "1000", "14.60"),
            line("M0250", "AL9013", "2028-05-31", "150", "24", "1.35"),
            line("M0024", "PC1987", "2028-02-29", "40", "1000", "4.85"),
        ],
    },
    Movement {
        site: 2,
        store: "NRS",
        kind: MovementKind::To("ST-NRH"),
        reference: "ward order 204",
        lines: &[
            line("M0110", "AX4471", "2029-03-31", "2.5", "1000", "14.60"),
            line("M0024", "PC1987", "2028-02-29", "6", "1000", "4.85"),
        ],
    },
    Movement {
        site: 3,
        store: "ERH",
        kind: MovementKind::From("SU005"),
        reference: "MEDS 5540",
        lines: &[
            line("M0499", "OX1204", "2027-12-31", "60", "10", "3.90"),
            line("M0440", "OR7802", "2028-10-31", "25", "100", "5.20"),
            line("M0463", "MF0091", "2029-06-30", "12", "1000", "9.75"),
        ],
    },
    Movement {
        site: 3,
        store: "ERH",
        kind: MovementKind::Patient("Outpatient card 2231"),
        reference: "",
        lines: &[
            line("M0440", "OR7802", "2028-10-31", "0.1", "100", "5.20"),
            line("M0463", "MF0091", "2029-06-30", "0.06", "1000", "9.75"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::workspace::root;

    fn codes(file: &str) -> BTreeSet<String> {
        let text = std::fs::read_to_string(root().join("deploy/sample-data").join(file)).unwrap();
        text.lines()
            .skip(1)
            .filter_map(|line| line.split(',').next())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn everything_named_is_in_the_sample_data() {
        let (items, names, stores) = (codes("items.csv"), codes("names.csv"), codes("stores.csv"));
        assert!(
            items.contains(CHANGED_ITEM) && items.contains(RETIRED_ITEM) && stores.contains(COPIED_STORE)
        );
        for movement in MOVEMENTS {
            assert!(stores.contains(movement.store), "{}", movement.store);
            if let MovementKind::From(name) | MovementKind::To(name) = movement.kind {
                assert!(names.contains(name), "{name}");
            }
            for line in movement.lines {
                assert!(items.contains(line.item), "{}", line.item);
            }
        }
    }
}
