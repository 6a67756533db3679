//! Units, items, names and stores: by id, by code (a unit by its name), and listed.

use supplysync_model::{Fault, Item, ItemId, Name, NameId, Store, StoreId, Unit, UnitId};

use super::Versioned;
use super::master_list::{MasterFilter, MasterTable, by_ids, by_keys, list};
use super::page::{PageOf, PageQuery};
use crate::Queries;
use crate::projection::entity::{item, name, store, unit};

macro_rules! master_tables {
    ($($module:ident, $value:ident, $key:ident;)*) => {$(
        impl MasterTable for $module::Entity {
            type Value = $value;
            const ID: $module::Column = $module::Column::Id;
            const KEY: $module::Column = $module::Column::$key;
            const NAME_KEY: $module::Column = $module::Column::NameKey;
            const RETIRED: $module::Column = $module::Column::Retired;
        }
    )*};
}

master_tables! {
    unit, Unit, NameKey;
    item, Item, CodeKey;
    name, Name, CodeKey;
    store, Store, CodeKey;
}

macro_rules! master_queries {
    ($($module:ident, $value:ident, $id:ident, $one:ident, $many:ident, $by_keys:ident, $list:ident, $words:literal;)*) => {
        impl Queries {$(
            #[doc = concat!("The ", $words, " with this id, retired or not.")]
            pub async fn $one(&self, id: $id) -> Result<Option<Versioned<$value>>, Fault> {
                Ok(self.$many(&[id]).await?.pop())
            }

            #[doc = concat!("The ", $words, "s with these ids, retired or not, in no order; an unknown id is left out.")]
            pub async fn $many(&self, ids: &[$id]) -> Result<Vec<Versioned<$value>>, Fault> {
                let ids = ids.iter().map(|id| id.to_bytes().to_vec()).collect();
                by_ids::<$module::Entity>(self.conn(), ids).await
            }

            #[doc = concat!("Each ", $words, " not retired with one of these codes (a unit: names), in any case and no order.")]
            pub async fn $by_keys(&self, texts: &[String]) -> Result<Vec<Versioned<$value>>, Fault> {
                by_keys::<$module::Entity>(self.conn(), texts).await
            }

            #[doc = concat!("A page of ", $words, "s in the order of their codes (a unit: names).")]
            pub async fn $list(
                &self,
                filter: &MasterFilter,
                page: &PageQuery,
            ) -> Result<PageOf<Versioned<$value>>, Fault> {
                list::<$module::Entity>(self.conn(), filter, page).await
            }
        )*}
    };
}

master_queries! {
    unit, Unit, UnitId, unit, units, units_by_names, list_units, "unit";
    item, Item, ItemId, item, items, items_by_codes, list_items, "item";
    name, Name, NameId, name, names, names_by_codes, list_names, "name";
    store, Store, StoreId, store, stores, stores_by_codes, list_stores, "store";
}

impl Queries {
    /// The unit not retired with this name, in any case.
    pub async fn unit_by_name(&self, name: &str) -> Result<Option<Versioned<Unit>>, Fault> {
        Ok(self.units_by_names(&[name.to_owned()]).await?.pop())
    }

    /// The item not retired with this code, in any case.
    pub async fn item_by_code(&self, code: &str) -> Result<Option<Versioned<Item>>, Fault> {
        Ok(self.items_by_codes(&[code.to_owned()]).await?.pop())
    }

    /// The name not retired with this code, in any case.
    pub async fn name_by_code(&self, code: &str) -> Result<Option<Versioned<Name>>, Fault> {
        Ok(self.names_by_codes(&[code.to_owned()]).await?.pop())
    }

    /// The store not retired with this code, in any case.
    pub async fn store_by_code(&self, code: &str) -> Result<Option<Versioned<Store>>, Fault> {
        Ok(self.stores_by_codes(&[code.to_owned()]).await?.pop())
    }
}
