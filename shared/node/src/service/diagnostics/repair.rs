//! `Repair` in words: what was put right here, what was asked of other sites, and what is left to a person.

use supplysync_api::fields::time_text;
use supplysync_api::v1;
use supplysync_model::{Channel, Fault, Timestamp};
use supplysync_store::repair::{Asked, Repair, RepairState, Repaired};
use supplysync_store::verify::{Finding, Flaw};
use supplysync_store::{Queries, Store as RecordStore};

use super::verify::{Named, finding};
use crate::command::caller::Caller;
use crate::session::SyncControl;

/// Puts right what can be; sessions that went by what is asked for now begin again at once.
pub(super) async fn repair(
    store: &RecordStore,
    control: &SyncControl,
    caller: Caller,
) -> Result<v1::RepairResponse, Fault> {
    let asked = Asked::By {
        principal: caller.principal,
        from: caller.from,
    };
    let repaired = store.repair(asked).await?;
    let shown = repaired.clone();
    let answer = store.read("show repair", move |tx| {
        Box::pin(async move { show(tx, &shown).await })
    });
    let answer = answer.await?;
    for order in &repaired.asked {
        control.begin_again(order.from);
    }
    if !repaired.asked.is_empty() {
        control.sync_now();
    }
    Ok(answer)
}

async fn show(tx: &Queries, repaired: &Repaired) -> Result<v1::RepairResponse, Fault> {
    let healed = &repaired.healed;
    let known = healed.channels.keys().copied().flatten();
    let asked: Vec<_> = tx
        .repairs()
        .await?
        .into_iter()
        .filter(|repair| {
            let mut orders = repaired.asked.iter();
            orders.any(|order| order.channel == repair.channel && order.from == repair.peer)
        })
        .collect();
    let named = Named::read(tx, known.chain(asked.iter().map(|repair| repair.channel))).await?;
    let channels = healed.channels.iter().map(|(channel, what)| v1::RepairedChannel {
        channel: channel.map(|channel| channel.to_string()).unwrap_or_default(),
        store_code: channel.map(|channel| named.code(channel)).unwrap_or_default(),
        summary: what.in_words(),
    });
    Ok(v1::RepairResponse {
        channels: channels.collect(),
        asked: asked.iter().map(|repair| copy_repair(repair, &named)).collect(),
        left: healed.left.iter().cloned().map(left).collect(),
    })
}

/// What the owner itself must do about what nobody else can say.
fn left(found: Finding) -> v1::Finding {
    let what_to_do = match found.flaw {
        Flaw::Content => "this site owns it: change the record again, or restore a backup",
        Flaw::Books => {
            "this site owns it: records were changed or removed here; compare it with `trace` at the sites that hold copies, or restore a backup"
        }
        Flaw::Stray => {
            "the record may have been removed behind the program's back: look at the row before it goes"
        }
        Flaw::Row | Flaw::Movements => {
            "count the stock, and enter what differs as an inventory addition or reduction"
        }
    };
    let message = format!("{}: {what_to_do}", found.message);
    v1::Finding {
        message,
        ..finding(found)
    }
}

/// The last repair of a copy.
pub(super) fn copy_repair(repair: &Repair, named: &Named) -> v1::CopyRepair {
    let name = named.site(repair.peer);
    let (state, ended) = match repair.state {
        RepairState::Open => (v1::RepairState::Open, None),
        RepairState::Equal(at) => (v1::RepairState::Equal, Some(at)),
        RepairState::Different(at) => (v1::RepairState::Different, Some(at)),
        RepairState::CalledOff(at) => (v1::RepairState::CalledOff, Some(at)),
    };
    v1::CopyRepair {
        channel: repair.channel.to_string(),
        store_code: named.code(repair.channel),
        site: repair.peer.get().into(),
        state: state.into(),
        begin_time: time_text(Some(repair.begun_at)),
        end_time: time_text(ended),
        asked_by: repair.asked_by.clone().unwrap_or_default(),
        replaced: repair.replaced,
        removed: repair.removed,
        summary: summary(repair, &what(repair.channel, named), &name, ended),
        site_name: name,
    }
}

fn what(channel: Channel, named: &Named) -> String {
    match channel {
        Channel::Master => "the master lists".to_owned(),
        Channel::Site(site) => format!("the settings of site {site}"),
        Channel::StoreStock(_) => format!("the stock of {}", named.code(channel)),
        Channel::StoreHistory(_) => format!("the history of {}", named.code(channel)),
    }
}

fn summary(repair: &Repair, what: &str, name: &str, ended: Option<Timestamp>) -> String {
    let whom = format!("site {} ({name})", repair.peer);
    let at = ended.map(|at| format!(" on {at}")).unwrap_or_default();
    let records = |count: u64| match count {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    };
    let removed = match repair.removed {
        0 => String::new(),
        removed => format!(", and removed {} that it does not have", records(removed)),
    };
    let done = format!(
        "repaired {} of {what} from {whom}{removed}{at}",
        records(repair.replaced)
    );
    match repair.state {
        RepairState::Open => format!("asked {whom} for {what}: it is repaired at the next session"),
        RepairState::Equal(_) => format!("{done}: equal since"),
        RepairState::Different(_) => format!("{done}: STILL DIFFERENT, report this"),
        RepairState::CalledOff(_) => {
            format!("the repair of {what} was called off{at}: it does not come from {whom} any more")
        }
    }
}
