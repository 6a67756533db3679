//! Strict readers of single fields, and their writers. An error names the field, not the record.

use supplysync_model::{Amount, Date, SyncId};

/// A field's value, or what is wrong with it.
pub(crate) type Field<T> = Result<T, String>;

/// An id that must be there.
pub(crate) fn id<T: From<Id>>(name: &str, bytes: &[u8]) -> Field<T> {
    match <[u8; 16]>::try_from(bytes) {
        Ok(bytes) => Ok(Id(bytes).into()),
        Err(_) => Err(format!("{name}: {} bytes where an id has 16", bytes.len())),
    }
}

/// An id that may be absent.
pub(crate) fn optional_id<T: From<Id>>(name: &str, bytes: &[u8]) -> Field<Option<T>> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        id(name, bytes).map(Some)
    }
}

/// Sixteen bytes on their way to an id of some kind.
pub(crate) struct Id([u8; 16]);

macro_rules! ids {
    ($($name:ident)*) => {$(
        impl From<Id> for supplysync_model::$name {
            fn from(id: Id) -> Self {
                Self::from_bytes(id.0)
            }
        }
    )*};
}

ids!(UnitId ItemId NameId StoreId StockLineId TransactionId RecordId);

/// A text. None holds U+0000: one of the databases can't keep it, and whoever met it there would never get past it.
pub(crate) fn text(name: &str, text: String) -> Field<String> {
    if text.contains('\0') {
        Err(format!("{name}: holds U+0000, which no text may"))
    } else {
        Ok(text)
    }
}

/// A Sync ID.
pub(crate) fn sync_id(name: &str, number: u32) -> Field<SyncId> {
    let id = u16::try_from(number).ok().and_then(SyncId::new);
    id.ok_or_else(|| format!("{name}: {number} is not a Sync ID"))
}

/// An enum whose number is known and not "unspecified".
pub(crate) fn required<W: TryFrom<i32>, M>(
    name: &str,
    number: i32,
    model: impl FnOnce(W) -> Option<M>,
) -> Field<M> {
    let value = W::try_from(number).ok().and_then(model);
    value.ok_or_else(|| format!("{name}: {number} is not one of its values"))
}

/// An amount above zero.
pub(crate) fn positive(name: &str, micros: i64) -> Field<Amount> {
    if micros > 0 {
        Ok(Amount::from_micros(micros))
    } else {
        Err(format!(
            "{name}: {} is not above zero",
            Amount::from_micros(micros)
        ))
    }
}

/// A date that may be absent.
pub(crate) fn optional_date(name: &str, julian_day: Option<i32>) -> Field<Option<Date>> {
    julian_day
        .map(|day| Date::from_julian_day(day).map_err(|_| format!("{name}: day {day} is out of range")))
        .transpose()
}

/// A list that ascends without repeats.
pub(crate) fn ascending<T: PartialOrd>(name: &str, list: Vec<T>) -> Field<Vec<T>> {
    if list.is_sorted_by(|a, b| a < b) {
        Ok(list)
    } else {
        Err(format!("{name}: not in ascending order without repeats"))
    }
}

/// The stored form of an optional id.
pub(crate) fn optional_bytes(id: Option<[u8; 16]>) -> Vec<u8> {
    id.map(Vec::from).unwrap_or_default()
}
