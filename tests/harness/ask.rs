//! What demo, soak runs and tests ask a site again and again: whole lists, imports, what each channel holds. All of it
//! goes through the public API.

use std::collections::BTreeMap;
use std::future::Future;

use supplysync_api::v1::import_master_data_request::Part;
use supplysync_api::v1::{
    ChannelInfo, GetItemRequest, GetNameRequest, GetStoreRequest, GetSyncStatusRequest,
    GetTransactionRequest, ImportFile, ImportMasterDataRequest, ImportMasterDataResponse, ImportStart, Item,
    ListChannelsRequest, ListNamesRequest, ListStockLinesRequest, ListTransactionsRequest, MasterDataKind,
    Name, PeerStatus, StockLine, StockOnHandRequest, StockOnHandResponse, Store, SyncStatus, Transaction,
};

use crate::client::Called;
use crate::{Client, Outcome};

/// Rows in a page.
const PAGE_SIZE: i32 = 1_000;
/// Bytes of CSV in one message.
const CSV_BYTES: usize = 256 * 1024;

/// Every row of a list: `page` fetches one page by its token and returns its rows and the next token.
pub async fn all_pages<T, F>(mut page: impl FnMut(String) -> F) -> Outcome<Vec<T>>
where
    F: Future<Output = Outcome<(Vec<T>, String)>>,
{
    let mut rows = Vec::new();
    let mut token = String::new();
    loop {
        let (more, next) = page(token).await?;
        rows.extend(more);
        if next.is_empty() {
            return Ok(rows);
        }
        token = next;
    }
}

/// What a channel holds at one site: equal at two sites means the same records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Live records.
    pub records: u64,
    /// The sum of their hashes.
    pub digest: String,
}

impl Client {
    /// Imports CSV files, all or nothing; wrong rows are in the answer.
    pub async fn import(
        &self,
        files: Vec<(MasterDataKind, String)>,
        dry_run: bool,
    ) -> Outcome<ImportMasterDataResponse> {
        let mut parts = vec![Part::Start(ImportStart { dry_run })];
        for (kind, text) in files {
            let file_name = format!("{}.csv", kind.as_str_name().to_lowercase());
            parts.push(Part::File(ImportFile {
                kind: kind.into(),
                file_name,
            }));
            parts.extend(
                text.as_bytes()
                    .chunks(CSV_BYTES)
                    .map(|chunk| Part::Csv(chunk.to_vec())),
            );
        }
        let requests = parts
            .into_iter()
            .map(|part| ImportMasterDataRequest { part: Some(part) });
        let requests = futures::stream::iter(requests.collect::<Vec<_>>());
        self.master_data().import_master_data(requests).await.answer()
    }

    /// The same, and wrong rows are an error.
    pub async fn import_all(
        &self,
        files: Vec<(MasterDataKind, String)>,
    ) -> Outcome<ImportMasterDataResponse> {
        let answer = self.import(files, false).await?;
        match answer.errors.first() {
            None if answer.accepted => Ok(answer),
            first => Err(format!("{} rows are wrong; the first: {first:?}", answer.total_errors).into()),
        }
    }

    /// An item by id or code.
    pub async fn item(&self, item: &str) -> Outcome<Item> {
        let request = GetItemRequest {
            item: item.to_owned(),
        };
        let item = self.master_data().get_item(request).await.answer()?.item;
        Ok(item.unwrap_or_default())
    }

    /// A name by id or code.
    pub async fn name(&self, name: &str) -> Outcome<Name> {
        let request = GetNameRequest {
            name: name.to_owned(),
        };
        let name = self.master_data().get_name(request).await.answer()?.name;
        Ok(name.unwrap_or_default())
    }

    /// A transaction by id.
    pub async fn transaction(&self, id: &str) -> Outcome<Transaction> {
        let request = GetTransactionRequest { id: id.to_owned() };
        let answer = self.stock().get_transaction(request).await.answer()?;
        answer
            .transaction
            .ok_or_else(|| "no transaction in the answer".into())
    }

    /// A store by id or code.
    pub async fn store(&self, store: &str) -> Outcome<Store> {
        let request = GetStoreRequest {
            store: store.to_owned(),
        };
        let store = self.master_data().get_store(request).await.answer()?.store;
        Ok(store.unwrap_or_default())
    }

    /// Every stock line of a store, empty ones too.
    pub async fn stock_lines(&self, store: &str) -> Outcome<Vec<StockLine>> {
        all_pages(|page_token| async {
            let request = ListStockLinesRequest {
                store: store.to_owned(),
                show_empty: true,
                page_size: PAGE_SIZE,
                page_token,
                ..ListStockLinesRequest::default()
            };
            let answer = self.stock().list_stock_lines(request).await.answer()?;
            Ok((answer.stock_lines, answer.next_page_token))
        })
        .await
    }

    /// Every transaction of a store.
    pub async fn transactions(&self, store: &str) -> Outcome<Vec<Transaction>> {
        all_pages(|page_token| async {
            let request = ListTransactionsRequest {
                store: store.to_owned(),
                page_size: PAGE_SIZE,
                page_token,
                ..ListTransactionsRequest::default()
            };
            let answer = self.stock().list_transactions(request).await.answer()?;
            Ok((answer.transactions, answer.next_page_token))
        })
        .await
    }

    /// Every name that is not retired.
    pub async fn names(&self) -> Outcome<Vec<Name>> {
        all_pages(|page_token| async {
            let request = ListNamesRequest {
                page_size: PAGE_SIZE,
                page_token,
                ..ListNamesRequest::default()
            };
            let answer = self.master_data().list_names(request).await.answer()?;
            Ok((answer.names, answer.next_page_token))
        })
        .await
    }

    /// Stock on hand in every store, with how fresh each is; one page.
    pub async fn stock_on_hand(&self) -> Outcome<StockOnHandResponse> {
        let request = StockOnHandRequest {
            page_size: PAGE_SIZE,
            ..StockOnHandRequest::default()
        };
        self.reports().stock_on_hand(request).await.answer()
    }

    /// How synchronisation stands.
    pub async fn status(&self) -> Outcome<SyncStatus> {
        let answer = self.diagnostics().get_sync_status(GetSyncStatusRequest {}).await;
        Ok(answer.answer()?.status.unwrap_or_default())
    }

    /// How it stands with one peer.
    pub async fn peer(&self, sync_id: u16) -> Outcome<PeerStatus> {
        let peers = self.status().await?.peers;
        let found = peers.into_iter().find(|peer| peer.sync_id == u32::from(sync_id));
        found.ok_or_else(|| format!("no peer {sync_id} in the status").into())
    }

    /// Every channel here.
    pub async fn channels(&self) -> Outcome<Vec<ChannelInfo>> {
        let answer = self.diagnostics().list_channels(ListChannelsRequest {}).await;
        Ok(answer.answer()?.channels)
    }

    /// What each channel holds here, by its name.
    pub async fn held(&self) -> Outcome<BTreeMap<String, Held>> {
        let channels = self.channels().await?.into_iter().map(|channel| {
            let held = Held {
                records: channel.records,
                digest: channel.digest,
            };
            (channel.channel, held)
        });
        Ok(channels.collect())
    }

    /// Live records of one channel here; 0 while there is none.
    pub async fn records(&self, channel: &str) -> Outcome<u64> {
        let held = self.held().await?;
        Ok(held.get(channel).map_or(0, |held| held.records))
    }
}

/// Which channels that both hold differ, in words; empty when all are equal. At least `master` must be on both.
pub async fn differences(one: &Client, other: &Client) -> Outcome<Vec<String>> {
    let (here, there) = (one.held().await?, other.held().await?);
    if !(here.contains_key("master") && there.contains_key("master")) {
        return Ok(vec!["one of them has no master data yet".to_owned()]);
    }
    let both = here
        .iter()
        .filter_map(|(channel, held)| Some((channel, held, there.get(channel)?)));
    let different = both.filter(|(_, held, other)| held != other);
    Ok(different
        .map(|(channel, held, other)| {
            format!(
                "{channel}: {} records here, {} there",
                held.records, other.records
            )
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_are_followed_to_the_end() {
        let rows = all_pages(|token| async move {
            let start = token.parse::<u32>().unwrap_or(0);
            let next = if start < 4 {
                (start + 2).to_string()
            } else {
                String::new()
            };
            Ok((vec![start, start + 1], next))
        });
        assert_eq!(rows.await.unwrap(), [0, 1, 2, 3, 4, 5]);
    }
}
