//! How each store's copies stand against their owner, in words: identical and at which seq, or what differs.

use std::collections::BTreeSet;

use supplysync_api::fields::time_text;
use supplysync_api::v1;
use supplysync_model::{Channel, Digest, Fault, StoreId, SyncId};
use supplysync_store::Queries;
use supplysync_store::query::{ChannelProgress, Standing, StandingState};
use supplysync_store::repair::RepairState;

use super::verify::digest_text;
use crate::command::lookup;
use crate::service::view::site_names;

pub(super) async fn standings(
    tx: &Queries,
    progress: &[ChannelProgress],
) -> Result<Vec<v1::StoreStanding>, Fault> {
    let found = tx.standings(progress).await?;
    let stores: BTreeSet<StoreId> = found.iter().filter_map(|standing| standing.store).collect();
    let stores = lookup::stores(tx, &stores).await?;
    let names = site_names(tx).await?;
    let name = |site: SyncId| names.get(&site).cloned().unwrap_or_default();
    let here = tx.sync_id();
    let mut shown: Vec<_> = found
        .iter()
        .map(|standing| {
            let store = standing
                .store
                .and_then(|id| stores.get(&id))
                .map(|store| &store.value);
            let (state, seq, time) = match standing.state {
                StandingState::Identical { seq, at } => (v1::StandingState::Identical, seq, Some(at)),
                StandingState::Different { compared, .. } => {
                    (v1::StandingState::Different, compared.seq, Some(compared.at))
                }
                StandingState::Repairing { .. } => (v1::StandingState::Repairing, 0, None),
                StandingState::Loading { .. } => (v1::StandingState::Loading, 0, None),
                StandingState::Behind { .. } => (v1::StandingState::Behind, 0, None),
                StandingState::Explained { .. } => (v1::StandingState::Explained, 0, None),
                StandingState::NotCompared => (v1::StandingState::NotCompared, 0, None),
            };
            v1::StoreStanding {
                store_code: store.map(|store| store.code.clone()).unwrap_or_default(),
                store_name: match (standing.store, store) {
                    (None, _) => "master lists".to_owned(),
                    (Some(_), store) => store.map(|store| store.name.clone()).unwrap_or_default(),
                },
                owner: standing.owner.get().into(),
                owner_name: name(standing.owner),
                holder: standing.holder.get().into(),
                holder_name: name(standing.holder),
                state: state.into(),
                seq,
                time: time_text(time),
                summary: in_words(standing, here, &name),
            }
        })
        .collect();
    shown.sort_by(|a, b| (&a.store_code, a.holder).cmp(&(&b.store_code, b.holder)));
    Ok(shown)
}

fn in_words(standing: &Standing, here: SyncId, name: &impl Fn(SyncId) -> String) -> String {
    let site = |site: SyncId| format!("site {site} ({})", name(site));
    match standing.state {
        StandingState::Identical { seq, at } => format!("identical to its owner at seq {seq}, {at}"),
        StandingState::Different {
            channel,
            compared,
            with,
            repair,
        } => {
            let part = match channel {
                Channel::StoreStock(_) => "the stock",
                Channel::StoreHistory(_) => "the history",
                Channel::Master | Channel::Site(_) => "they",
            };
            let verb = if part == "they" { "differ" } else { "differs" };
            format!(
                "{part} {verb} from {} at seq {}, {}: {} here, {} there; {}",
                site(with),
                compared.seq,
                compared.at,
                total(compared.ours),
                total(compared.theirs),
                what_to_do(standing.holder == here, repair)
            )
        }
        StandingState::Repairing { from } => {
            format!(
                "differed, and is loaded afresh from {} at the next session",
                site(from)
            )
        }
        StandingState::Loading { done, total } => {
            format!("is being loaded: {done} of {total} records are there")
        }
        StandingState::Behind { pending: 0 } => "changes are on their way".to_owned(),
        StandingState::Behind { pending: 1 } => "1 change is on its way".to_owned(),
        StandingState::Behind { pending } => format!("{pending} changes are on their way"),
        StandingState::Explained { quarantined } => format!(
            "identical to its owner but for {quarantined} changes that were refused: see `quarantine`"
        ),
        StandingState::NotCompared => "all is there, and was not compared with the owner yet".to_owned(),
    }
}

/// As much of a digest as is compared by eye.
fn total(digest: Digest) -> String {
    let sum: String = digest_text(Some(digest)).chars().take(10).collect();
    format!("{} records ({sum}…)", digest.count)
}

fn what_to_do(here: bool, repair: Option<RepairState>) -> &'static str {
    match repair {
        _ if !here => "that site loads it afresh by itself; if this stays, type `verify --repair` there",
        Some(RepairState::Different(_)) => {
            "it was loaded afresh and differs still: type `verify --repair` at both ends, and if it stays, report it"
        }
        _ => "it is loaded afresh by itself soon, or at once with `verify --repair`",
    }
}
