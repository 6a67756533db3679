//! Identifiers: the Sync ID of a site, and UUIDv7 newtypes for each kind of record.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not an identifier of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {what}")]
pub struct IdParseError {
    /// What was expected, for people.
    pub what: &'static str,
    /// What was given.
    pub text: String,
}

/// The number of a site in the network. 1 is the primary; satellites take 2..=`max_sync_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SyncId(u16);

impl SyncId {
    /// The Sync ID reserved for the primary.
    pub const PRIMARY: SyncId = SyncId(1);

    /// A Sync ID from its number; `None` for 0, which nobody has.
    pub const fn new(number: u16) -> Option<SyncId> {
        if number == 0 { None } else { Some(SyncId(number)) }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether this is the primary's.
    pub const fn is_primary(self) -> bool {
        self.0 == 1
    }
}

impl fmt::Display for SyncId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SyncId {
    type Err = IdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().and_then(SyncId::new);
        number.ok_or_else(|| IdParseError {
            what: "Sync ID",
            text: text.to_owned(),
        })
    }
}

macro_rules! record_id {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// From 16 bytes, big-endian, as stored.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes, big-endian, as stored.
            pub const fn to_bytes(self) -> [u8; 16] {
                *self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match Uuid::try_parse(text) {
                    Ok(uuid) => Ok(Self(uuid)),
                    Err(_) => Err(IdParseError { what: $what, text: text.to_owned() }),
                }
            }
        }
    )*};
}

record_id! {
    /// The id of a record of any kind (UUIDv7).
    RecordId, "record id";
    /// The id of a unit.
    UnitId, "unit id";
    /// The id of an item.
    ItemId, "item id";
    /// The id of a name.
    NameId, "name id";
    /// The id of a store.
    StoreId, "store id";
    /// The id of a stock line.
    StockLineId, "stock line id";
    /// The id of a transaction.
    TransactionId, "transaction id";
}

macro_rules! as_record {
    ($($name:ident)*) => {$(
        impl From<$name> for RecordId {
            fn from(id: $name) -> RecordId {
                RecordId(id.0)
            }
        }

        impl From<RecordId> for $name {
            fn from(id: RecordId) -> $name {
                $name(id.0)
            }
        }
    )*};
}

as_record!(UnitId ItemId NameId StoreId StockLineId TransactionId);

/// Site and site-settings records have no UUID of their own: their id is derived from the Sync ID.
impl From<SyncId> for RecordId {
    fn from(id: SyncId) -> RecordId {
        RecordId(Uuid::from_u128(u128::from(id.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sync_id_zero_is_nobody() {
        assert_eq!(SyncId::new(0), None);
        assert!("0".parse::<SyncId>().is_err());
        assert_eq!("64".parse::<SyncId>().map(SyncId::get), Ok(64));
    }

    #[test]
    fn ids_read_back_what_they_print() {
        let id = ItemId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse::<ItemId>(), Ok(id));
        assert!("x".parse::<ItemId>().is_err());
    }
}
