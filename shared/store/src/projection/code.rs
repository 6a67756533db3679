//! How model values are written in columns and read back: ids, keys, amounts, dates, enums as numbers.
//! A number that this program never writes reads as damage, not as a default.

use sea_orm::Value;
use supplysync_model::{
    Amount, Date, Digest, Epoch, Fault, ItemType, NameRole, StoreMode, StoreTotals, SyncId,
    TransactionStatus, TransactionType, VenCategory,
};

use crate::Etag;
use crate::fault::damaged;

/// Lower-case text as bytes: what codes and names are ordered, searched and compared by.
pub(crate) fn text_key(text: &str) -> Vec<u8> {
    text.trim().to_lowercase().into_bytes()
}

/// The totals of a store's two channels in one column: two digests of 24 bytes, stock and history.
pub(crate) fn totals_bytes(totals: &StoreTotals) -> Vec<u8> {
    let digest = |digest: Digest| {
        let mut bytes = digest.count.to_be_bytes().to_vec();
        bytes.extend(digest.sum.to_be_bytes());
        bytes
    };
    [digest(totals.stock), digest(totals.history)].concat()
}

/// The inverse of [`totals_bytes`].
pub(crate) fn totals(bytes: &[u8]) -> Result<StoreTotals, Fault> {
    let wrong = || damaged("totals of a store that are not 48 bytes long");
    let bytes: &[u8; 48] = bytes.try_into().map_err(|_| wrong())?;
    let digest = |at: usize| {
        let count = bytes.get(at..at + 8).and_then(|count| count.try_into().ok());
        let sum = bytes.get(at + 8..at + 24).and_then(|sum| sum.try_into().ok());
        count.zip(sum).map(|(count, sum)| Digest {
            count: u64::from_be_bytes(count),
            sum: u128::from_be_bytes(sum),
        })
    };
    let (stock, history) = digest(0).zip(digest(24)).ok_or_else(wrong)?;
    Ok(StoreTotals { stock, history })
}

pub(crate) fn bytes(id: [u8; 16]) -> Value {
    Value::from(id.to_vec())
}

pub(crate) fn optional_bytes(id: Option<[u8; 16]>) -> Value {
    Value::from(id.map(|id| id.to_vec()))
}

pub(crate) fn day(date: Option<Date>) -> Option<i64> {
    date.map(|date| i64::from(date.to_julian_day()))
}

/// The inverse of the id columns.
pub(crate) fn id<T: From<supplysync_model::RecordId>>(bytes: Vec<u8>) -> Result<T, Fault> {
    let bytes: [u8; 16] = bytes
        .try_into()
        .map_err(|_| damaged("an id that is not 16 bytes long"))?;
    Ok(supplysync_model::RecordId::from_bytes(bytes).into())
}

pub(crate) fn optional_id<T: From<supplysync_model::RecordId>>(
    bytes: Option<Vec<u8>>,
) -> Result<Option<T>, Fault> {
    bytes.map(id).transpose()
}

pub(crate) fn amount(micros: i64) -> Amount {
    Amount::from_micros(micros)
}

pub(crate) fn date(day: Option<i64>) -> Result<Option<Date>, Fault> {
    day.map(|day| {
        let day = i32::try_from(day)
            .ok()
            .and_then(|day| Date::from_julian_day(day).ok());
        day.ok_or_else(|| damaged("a day that is out of range"))
    })
    .transpose()
}

pub(crate) fn sync_id(number: i64) -> Result<SyncId, Fault> {
    let id = u16::try_from(number).ok().and_then(SyncId::new);
    id.ok_or_else(|| damaged(format!("Sync ID {number}")))
}

pub(crate) fn etag(epoch: i64, revision: i64) -> Etag {
    Etag {
        epoch: Epoch::from_packed(epoch as u64),
        revision: revision as u64,
    }
}

macro_rules! numbered {
    ($($to:ident, $from:ident, $enum:ident { $($variant:ident = $number:literal),* $(,)? };)*) => {$(
        pub(crate) const fn $to(value: $enum) -> i64 {
            match value {
                $($enum::$variant => $number,)*
            }
        }

        pub(crate) fn $from(number: i64) -> Result<$enum, Fault> {
            match number {
                $($number => Ok($enum::$variant),)*
                other => Err(damaged(format!(concat!(stringify!($enum), " {}"), other))),
            }
        }
    )*};
}

numbered! {
    item_type_number, item_type, ItemType { Stock = 1, Service = 2, NonStock = 3 };
    ven_number, ven, VenCategory { Vital = 1, Essential = 2, Necessary = 3 };
    mode_number, mode, StoreMode { Store = 1, Dispensary = 2 };
    status_number, status, TransactionStatus { New = 1, Confirmed = 2, Finalised = 3 };
    type_number, transaction_type, TransactionType {
        SupplierInvoice = 1,
        CustomerInvoice = 2,
        Prescription = 3,
        InventoryAddition = 4,
        InventoryReduction = 5,
        SupplierReturn = 6,
        CustomerReturn = 7,
    };
}

/// The bit of each role, in the order of the roles.
const ROLES: [(NameRole, i64); 4] = [
    (NameRole::Customer, 1),
    (NameRole::Supplier, 2),
    (NameRole::Manufacturer, 4),
    (NameRole::Donor, 8),
];

pub(crate) fn roles_mask(roles: &[NameRole]) -> i64 {
    ROLES
        .iter()
        .filter(|(role, _)| roles.contains(role))
        .map(|(_, bit)| bit)
        .sum()
}

pub(crate) fn roles(mask: i64) -> Vec<NameRole> {
    ROLES
        .iter()
        .filter(|(_, bit)| mask & bit != 0)
        .map(|(role, _)| *role)
        .collect()
}
