//! `MasterDataService`: units, items, names and stores. Reads everywhere; the commands refuse writes on a satellite.

use std::sync::Arc;

use prost_types::FieldMask;
use supplysync_api::fields::{Fields, id, one, present};
use supplysync_api::master::{
    item_patch, name_patch, new_item, new_name, new_store, new_unit, store_patch, unit_patch,
};
use supplysync_api::v1::master_data_service_server::MasterDataService;
use supplysync_api::{Patch, parse_etag, v1};
use supplysync_model::{Fault, Item, Name, RecordId, Store, Unit};
use supplysync_store::query::{MasterFilter, Versioned};
use supplysync_store::{Etag, Store as RecordStore};
use tonic::{Request, Response, Status, Streaming};

use super::master_import;
use super::page::{next_token, page_query};
use super::reference;
use super::request::answer;
use super::view::{Shown, show_one};
use crate::command::master::{self, Master};

/// The handler.
pub struct MasterData {
    store: RecordStore,
}

impl MasterData {
    /// On a store.
    pub fn new(store: RecordStore) -> MasterData {
        MasterData { store }
    }

    async fn create<T, W>(
        &self,
        field: &'static str,
        wire: Option<W>,
        read: fn(W) -> Result<T, Fault>,
    ) -> Result<T::Wire, Fault>
    where
        T: Master + Shown,
    {
        let value = read(one(field, present(wire))?)?;
        let created = master::create(&self.store, value).await?;
        self.show(created).await
    }

    async fn update<T: Master + Shown>(
        &self,
        (id_text, etag): (String, String),
        patch: Result<Patch<T>, Fault>,
    ) -> Result<T::Wire, Fault> {
        let (version, patch) = both(read_version(&id_text, &etag), patch)?;
        let (id, expected) = version;
        let change: master::Change<T> = Arc::new(move |value| patch.apply(value));
        let updated = master::update(&self.store, id, expected, change).await?;
        self.show(updated).await
    }

    async fn delete<T: Master + Shown>(&self, id_text: &str, etag: &str) -> Result<T::Wire, Fault> {
        let (id, expected) = read_version(id_text, etag)?;
        let retired = master::retire::<T>(&self.store, id, expected).await?;
        self.show(retired).await
    }

    async fn show<T: Shown>(&self, row: Versioned<T>) -> Result<T::Wire, Fault> {
        self.store
            .read("show a record", move |tx| {
                Box::pin(async move { show_one(tx, row).await })
            })
            .await
    }
}

/// The id and version that an update or delete names.
pub(super) fn read_version(id_text: &str, etag: &str) -> Result<(RecordId, Option<Etag>), Fault> {
    let mut fields = Fields::new();
    let id = fields.take("id", id(id_text));
    let etag = fields.take("etag", parse_etag(etag));
    let read = id.zip(etag);
    let (id, etag) = fields.finish(read)?;
    let etag = etag.map(|(epoch, revision)| Etag { epoch, revision });
    Ok((id, etag))
}

/// Both values, or all violations of both at once.
pub(super) fn both<A, B>(a: Result<A, Fault>, b: Result<B, Fault>) -> Result<(A, B), Fault> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(a), Err(b)) => {
            let violations = a.violations().iter().chain(b.violations()).cloned();
            Err(Fault::invalid(violations.collect()))
        }
        (Err(fault), _) | (_, Err(fault)) => Err(fault),
    }
}

/// The etag and id that an update carries inside its message, with its mask.
fn parted<W: Clone>(
    field: &'static str,
    wire: Option<W>,
    mask: Option<FieldMask>,
) -> Result<(W, Option<FieldMask>), Fault> {
    Ok((one(field, present(wire))?, mask))
}

macro_rules! master_data_service {
    ($($model:ident $field:ident $rows:ident ($new:ident $patch:ident)
        $create:ident($create_in:ident $create_out:ident)
        $update:ident($update_in:ident $update_out:ident)
        $delete:ident($delete_in:ident $delete_out:ident)
        $get:ident($get_in:ident $get_out:ident)
        $list:ident($list_in:ident $list_out:ident);)*) => {
        #[tonic::async_trait]
        impl MasterDataService for MasterData {$(
            async fn $create(
                &self,
                request: Request<v1::$create_in>,
            ) -> Result<Response<v1::$create_out>, Status> {
                let wire = request.into_inner().$field;
                let shown = self.create::<$model, _>(stringify!($field), wire, $new).await;
                answer(stringify!($create), shown.map(|shown| v1::$create_out { $field: Some(shown) }))
            }

            async fn $update(
                &self,
                request: Request<v1::$update_in>,
            ) -> Result<Response<v1::$update_out>, Status> {
                let request = request.into_inner();
                let shown = match parted(stringify!($field), request.$field, request.update_mask) {
                    Ok((wire, mask)) => {
                        let version = (wire.id.clone(), wire.etag.clone());
                        self.update::<$model>(version, $patch(wire, mask.as_ref())).await
                    }
                    Err(fault) => Err(fault),
                };
                answer(stringify!($update), shown.map(|shown| v1::$update_out { $field: Some(shown) }))
            }

            async fn $delete(
                &self,
                request: Request<v1::$delete_in>,
            ) -> Result<Response<v1::$delete_out>, Status> {
                let request = request.into_inner();
                let shown = self.delete::<$model>(&request.id, &request.etag).await;
                answer(stringify!($delete), shown.map(|shown| v1::$delete_out { $field: Some(shown) }))
            }

            async fn $get(&self, request: Request<v1::$get_in>) -> Result<Response<v1::$get_out>, Status> {
                let named = request.into_inner().$field;
                let shown = self.store.read(stringify!($get), move |tx| {
                    Box::pin(async move {
                        let row = reference::$field(tx, stringify!($field), &named).await?;
                        show_one(tx, row).await
                    })
                });
                let shown = shown.await;
                answer(stringify!($get), shown.map(|shown| v1::$get_out { $field: Some(shown) }))
            }

            async fn $list(&self, request: Request<v1::$list_in>) -> Result<Response<v1::$list_out>, Status> {
                let request = request.into_inner();
                let list = format!("{} {} {:?}", stringify!($list), request.show_retired, request.search);
                let mut fields = Fields::new();
                let page = page_query(&mut fields, request.page_size, &request.page_token, &list);
                let page = match fields.finish(page) {
                    Ok(page) => page,
                    Err(fault) => return answer(stringify!($list), Err(fault)),
                };
                let filter = MasterFilter { text: request.search, include_retired: request.show_retired };
                let shown = self.store.read(stringify!($list), move |tx| {
                    Box::pin(async move {
                        let found = tx.$list(&filter, &page).await?;
                        Ok((<$model>::show(tx, found.rows).await?, found.next))
                    })
                });
                let shown = shown.await.map(|(rows, next)| v1::$list_out {
                    $rows: rows,
                    next_page_token: next_token(&list, next),
                });
                answer(stringify!($list), shown)
            }
        )*
            async fn import_master_data(
                &self,
                request: Request<Streaming<v1::ImportMasterDataRequest>>,
            ) -> Result<Response<v1::ImportMasterDataResponse>, Status> {
                let outcome = master_import::import(&self.store, request.into_inner()).await;
                answer("import_master_data", outcome)
            }
        }
    };
}

master_data_service! {
    Unit unit units (new_unit unit_patch)
        create_unit(CreateUnitRequest CreateUnitResponse)
        update_unit(UpdateUnitRequest UpdateUnitResponse)
        delete_unit(DeleteUnitRequest DeleteUnitResponse)
        get_unit(GetUnitRequest GetUnitResponse)
        list_units(ListUnitsRequest ListUnitsResponse);
    Item item items (new_item item_patch)
        create_item(CreateItemRequest CreateItemResponse)
        update_item(UpdateItemRequest UpdateItemResponse)
        delete_item(DeleteItemRequest DeleteItemResponse)
        get_item(GetItemRequest GetItemResponse)
        list_items(ListItemsRequest ListItemsResponse);
    Name name names (new_name name_patch)
        create_name(CreateNameRequest CreateNameResponse)
        update_name(UpdateNameRequest UpdateNameResponse)
        delete_name(DeleteNameRequest DeleteNameResponse)
        get_name(GetNameRequest GetNameResponse)
        list_names(ListNamesRequest ListNamesResponse);
    Store store stores (new_store store_patch)
        create_store(CreateStoreRequest CreateStoreResponse)
        update_store(UpdateStoreRequest UpdateStoreResponse)
        delete_store(DeleteStoreRequest DeleteStoreResponse)
        get_store(GetStoreRequest GetStoreResponse)
        list_stores(ListStoresRequest ListStoresResponse);
}
