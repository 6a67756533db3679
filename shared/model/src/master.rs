//! Master data: units, items, names and stores. Changed on the primary only.

use crate::{Amount, ItemId, NameId, StoreId, UnitId};

/// A unit of measure, such as tablet or ml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// Its name, unique among those not retired.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Its place in lists.
    pub index: u32,
}

/// What an item is, for stock keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemType {
    /// Kept in stock.
    Stock,
    /// A service.
    Service,
    /// Bought but not kept in stock.
    NonStock,
}

/// How much harm its lack does: vital, essential, or necessary (non-essential).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VenCategory {
    /// Vital.
    Vital,
    /// Essential.
    Essential,
    /// Necessary, also called non-essential.
    Necessary,
}

/// An item of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// Its code, unique among those not retired.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub item_type: ItemType,
    /// The unit it is counted in.
    pub unit: Option<UnitId>,
    /// Strength, such as "500 mg"; empty when it has none.
    pub strength: String,
    /// ATC code; empty when unknown.
    pub atc_code: String,
    /// VEN category, when known.
    pub ven_category: Option<VenCategory>,
    /// Units in a pack unless a stock line says otherwise; above zero.
    pub default_pack_size: Amount,
    /// Whether it is a vaccine.
    pub vaccine: bool,
    /// Whether it is critical.
    pub critical: bool,
    /// Whether it may be ordered and received.
    pub active: bool,
}

/// What a name is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameRole {
    /// Receives goods.
    Customer,
    /// Sends goods.
    Supplier,
    /// Makes goods.
    Manufacturer,
    /// Gives goods or money.
    Donor,
}

/// A party that is dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Its id.
    pub id: NameId,
    /// Its code, unique among those not retired.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is to us: sorted, without repeats.
    pub roles: Vec<NameRole>,
    /// Whether nothing may be sent to it or taken from it for now.
    pub on_hold: bool,
    /// Its address.
    pub address: String,
    /// Its country.
    pub country: String,
    /// Its telephone number.
    pub phone: String,
    /// Its e-mail address.
    pub email: String,
    /// The store that it stands for, if any.
    pub store: Option<StoreId>,
}

/// How a store works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreMode {
    /// Holds and distributes stock.
    Store,
    /// Dispenses to patients.
    Dispensary,
}

/// A place that holds stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its id.
    pub id: StoreId,
    /// Its code, unique among those not retired.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The name that others know it by as a party.
    pub name_id: Option<NameId>,
    /// How it works.
    pub mode: StoreMode,
    /// Whether it is closed for new transactions.
    pub disabled: bool,
}
