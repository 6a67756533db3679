//! `Verify` in words: each channel's last comparison and repair, and what this database says of itself.

use std::collections::BTreeMap;

use supplysync_api::fields::time_text;
use supplysync_api::v1;
use supplysync_model::{Channel, Digest, Fault, StoreId, SyncId, Timestamp};
use supplysync_store::query::Compared;
use supplysync_store::repair::{Repair, RepairState};
use supplysync_store::verify::{ChannelVerdict, Equality, Finding, VerifyReport};
use supplysync_store::{Queries, Store as RecordStore};

use super::repair::copy_repair;
use super::status::direction_to_wire;
use crate::service::view::{site_names, store_codes};

pub(super) async fn verify(store: &RecordStore, deep: bool) -> Result<v1::VerifyResponse, Fault> {
    let report = store.verify(deep).await?;
    let shown = store.read("show verification", move |tx| {
        Box::pin(async move { show(tx, report).await })
    });
    shown.await
}

async fn show(tx: &Queries, report: VerifyReport) -> Result<v1::VerifyResponse, Fault> {
    let ok = report.ok();
    let repairs = tx.repairs().await?;
    let channels = report.channels.iter().map(|verdict| verdict.channel);
    let named = Named::read(tx, channels.chain(repairs.iter().map(|repair| repair.channel))).await?;
    let kept = report.findings.len() as u64;
    let mut findings: Vec<_> = report.findings.into_iter().map(finding).collect();
    if report.findings_total > kept {
        findings.push(v1::Finding {
            message: format!("and {} more findings", report.findings_total - kept),
            ..v1::Finding::default()
        });
    }
    let verifications = report.channels.iter().map(|verdict| {
        let repair = repairs
            .iter()
            .find(|repair| repair.peer == verdict.peer && repair.channel == verdict.channel);
        verification(verdict, repair, &named)
    });
    Ok(v1::VerifyResponse {
        ok,
        channels: verifications.collect(),
        findings,
        records_checked: report.records_checked,
        repairs: repairs.iter().map(|repair| copy_repair(repair, &named)).collect(),
    })
}

/// The names by which people know stores and sites.
pub(super) struct Named {
    codes: BTreeMap<StoreId, String>,
    sites: BTreeMap<SyncId, String>,
}

impl Named {
    pub(super) async fn read(tx: &Queries, channels: impl Iterator<Item = Channel>) -> Result<Named, Fault> {
        Ok(Named {
            codes: store_codes(tx, channels.filter_map(|channel| channel.store()).collect()).await?,
            sites: site_names(tx).await?,
        })
    }

    pub(super) fn code(&self, channel: Channel) -> String {
        let code = channel.store().and_then(|store| self.codes.get(&store));
        code.cloned().unwrap_or_default()
    }

    pub(super) fn site(&self, site: SyncId) -> String {
        self.sites.get(&site).cloned().unwrap_or_default()
    }
}

/// The result of a comparison, and when it was made.
pub(super) fn proof_to_wire(compared: Option<Compared>) -> (v1::Equality, Option<Timestamp>) {
    let equality = match compared {
        None => v1::Equality::NotComparedYet,
        Some(compared) if !compared.equal => v1::Equality::Different,
        Some(compared) if compared.explained => v1::Equality::Explained,
        Some(_) => v1::Equality::Equal,
    };
    (equality, compared.map(|compared| compared.at))
}

fn verification(verdict: &ChannelVerdict, repair: Option<&Repair>, named: &Named) -> v1::ChannelVerification {
    let peer_name = named.site(verdict.peer);
    let compared = verdict.compared;
    let (ours, theirs) = compared.map_or((Digest::default(), Digest::default()), |compared| {
        (compared.ours, compared.theirs)
    });
    v1::ChannelVerification {
        channel: verdict.channel.to_string(),
        store_code: named.code(verdict.channel),
        peer: verdict.peer.get().into(),
        direction: direction_to_wire(verdict.direction).into(),
        result: equality_to_wire(verdict.equality).into(),
        own_count: ours.count,
        own_digest: digest_text(compared.map(|_| ours)),
        peer_count: theirs.count,
        peer_digest: digest_text(compared.map(|_| theirs)),
        seq: compared.map_or(0, |compared| compared.seq),
        time: time_text(compared.map(|compared| compared.at)),
        quarantined: verdict.quarantined,
        owner_seq: verdict.owner.map_or(0, |proof| proof.seq),
        owner_time: time_text(verdict.owner.map(|proof| proof.at)),
        summary: summary(verdict, repair, &peer_name),
        peer_name,
    }
}

fn summary(verdict: &ChannelVerdict, repair: Option<&Repair>, peer: &str) -> String {
    let who = format!("site {} ({peer})", verdict.peer);
    let at = verdict.compared.map_or_else(String::new, |compared| {
        format!(" at seq {} on {}", compared.seq, compared.at)
    });
    match verdict.equality {
        Equality::NotComparedYet => format!("not compared with {who} yet"),
        Equality::Equal => format!("equal to {who}{at}"),
        Equality::Explained => format!(
            "differs from {who}{at} by {} quarantined changes only",
            verdict.quarantined
        ),
        Equality::Different => format!(
            "different from {who}{at}, and nothing explains it: {}",
            what_to_do(verdict, repair)
        ),
    }
}

/// What becomes of an unexplained difference.
fn what_to_do(verdict: &ChannelVerdict, repair: Option<&Repair>) -> &'static str {
    if !verdict.we_receive {
        return "the other end loads it afresh by itself; if it stays, type `verify --repair` there";
    }
    match repair.map(|repair| repair.state) {
        Some(RepairState::Open) => "it is loaded afresh at the next session",
        Some(RepairState::Different(_)) => {
            "it was loaded afresh and differs still: type `verify --repair` at both ends, and if it stays, report it"
        }
        _ => "it is loaded afresh by itself soon, or at once with `verify --repair`",
    }
}

fn equality_to_wire(equality: Equality) -> v1::Equality {
    match equality {
        Equality::NotComparedYet => v1::Equality::NotComparedYet,
        Equality::Equal => v1::Equality::Equal,
        Equality::Explained => v1::Equality::Explained,
        Equality::Different => v1::Equality::Different,
    }
}

/// A digest's sum as hexadecimal; empty when there is none.
pub(super) fn digest_text(digest: Option<Digest>) -> String {
    digest
        .map(|digest| format!("{:032x}", digest.sum))
        .unwrap_or_default()
}

pub(super) fn finding(found: Finding) -> v1::Finding {
    v1::Finding {
        channel: found
            .channel
            .map(|channel| channel.to_string())
            .unwrap_or_default(),
        record: found.record.map(|record| record.to_string()).unwrap_or_default(),
        message: found.message,
    }
}
