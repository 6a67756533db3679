//! Enums of the wire ↔ enums of the model, strictly: unspecified and unknown values are refused by name.

use supplysync_model::{ItemType, NameRole, StoreMode, TransactionStatus, TransactionType, VenCategory};

use crate::fields::Field;
use crate::v1;

macro_rules! words {
    ($($read:ident, $write:ident: $model:ty = $wire:ident { $($value:ident),* };)*) => {$(
        /// Reads the wire's number; unspecified is refused.
        pub fn $read(number: i32) -> Field<$model> {
            match v1::$wire::try_from(number) {
                $(Ok(v1::$wire::$value) => Ok(<$model>::$value),)*
                _ => Err(refused(number, &[$(v1::$wire::$value.as_str_name()),*])),
            }
        }

        /// The wire's value.
        pub fn $write(value: $model) -> v1::$wire {
            match value {
                $(<$model>::$value => v1::$wire::$value,)*
            }
        }
    )*};
}

words! {
    item_type, item_type_to_wire: ItemType = ItemType { Stock, Service, NonStock };
    ven, ven_to_wire: VenCategory = VenCategory { Vital, Essential, Necessary };
    name_role, name_role_to_wire: NameRole = NameRole { Customer, Supplier, Manufacturer, Donor };
    store_mode, store_mode_to_wire: StoreMode = StoreMode { Store, Dispensary };
    transaction_type, transaction_type_to_wire: TransactionType = TransactionType {
        SupplierInvoice, CustomerInvoice, Prescription, InventoryAddition, InventoryReduction, SupplierReturn,
        CustomerReturn
    };
    transaction_status, transaction_status_to_wire: TransactionStatus = TransactionStatus {
        New, Confirmed, Finalised
    };
}

/// A value, or nothing where the wire says unspecified.
pub fn optional<T>(number: i32, read: fn(i32) -> Field<T>) -> Field<Option<T>> {
    if number == 0 {
        Ok(None)
    } else {
        read(number).map(Some)
    }
}

fn refused(number: i32, known: &[&str]) -> String {
    let known = known.join(", ");
    match number {
        0 => format!("is missing: one of {known}"),
        _ => format!("{number} is none of {known}"),
    }
}
