//! Kinds of record. The number is what is stored and sent; an unknown number is carried, never refused.

use std::fmt;

/// The kind of a record. Kinds order a channel's load, so a kind may refer to lower numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u16);

impl Kind {
    /// A unit of measure.
    pub const UNIT: Kind = Kind(1);
    /// An item of the catalogue.
    pub const ITEM: Kind = Kind(2);
    /// A supplier, customer, manufacturer or donor.
    pub const NAME: Kind = Kind(3);
    /// A store.
    pub const STORE: Kind = Kind(4);
    /// A site: Sync ID, name, URL.
    pub const SITE: Kind = Kind(5);
    /// Which site a store is active on. Its id is the store's id.
    pub const ASSIGNMENT: Kind = Kind(6);
    /// What one site must know: interval, live push, copies granted.
    pub const SITE_SETTINGS: Kind = Kind(7);
    /// An operator whose certificates were revoked.
    pub const REVOKED_OPERATOR: Kind = Kind(8);
    /// A quarantined change put to the site where its store is active.
    pub const PROPOSAL: Kind = Kind(9);
    /// A stock line.
    pub const STOCK_LINE: Kind = Kind(20);
    /// A transaction with its lines.
    pub const TRANSACTION: Kind = Kind(21);

    /// Every kind this version knows, in order.
    pub const KNOWN: [Kind; 11] = [
        Kind::UNIT,
        Kind::ITEM,
        Kind::NAME,
        Kind::STORE,
        Kind::SITE,
        Kind::ASSIGNMENT,
        Kind::SITE_SETTINGS,
        Kind::REVOKED_OPERATOR,
        Kind::PROPOSAL,
        Kind::STOCK_LINE,
        Kind::TRANSACTION,
    ];

    /// The name in logs, tables and docs; `None` for a kind this version does not know.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Kind::UNIT => "unit",
            Kind::ITEM => "item",
            Kind::NAME => "name",
            Kind::STORE => "store",
            Kind::SITE => "site",
            Kind::ASSIGNMENT => "assignment",
            Kind::SITE_SETTINGS => "site settings",
            Kind::REVOKED_OPERATOR => "revoked operator",
            Kind::PROPOSAL => "proposal",
            Kind::STOCK_LINE => "stock line",
            Kind::TRANSACTION => "transaction",
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "kind {}", self.0),
        }
    }
}
