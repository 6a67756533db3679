//! `Verify` in words: each channel's last comparison, and what this database says of itself.

use std::collections::{BTreeMap, BTreeSet};

use supplysync_api::fields::time_text;
use supplysync_api::v1;
use supplysync_model::{Digest, Fault, StoreId, SyncId, Timestamp};
use supplysync_store::Queries;
use supplysync_store::query::{ChannelVerdict, Compared, Equality, Finding};

use super::status::direction_to_wire;
use crate::service::view::{site_names, store_codes};

pub(super) async fn verify(tx: &Queries, deep: bool) -> Result<v1::VerifyResponse, Fault> {
    let report = tx.verify(deep).await?;
    let stores: BTreeSet<StoreId> = report
        .channels
        .iter()
        .filter_map(|verdict| verdict.channel.store())
        .collect();
    let codes = store_codes(tx, stores).await?;
    let names = site_names(tx).await?;
    let ok = report.ok();
    let kept = report.findings.len() as u64;
    let mut findings: Vec<_> = report.findings.into_iter().map(finding).collect();
    if report.findings_total > kept {
        findings.push(v1::Finding {
            message: format!("and {} more findings", report.findings_total - kept),
            ..v1::Finding::default()
        });
    }
    Ok(v1::VerifyResponse {
        ok,
        channels: report
            .channels
            .iter()
            .map(|verdict| verification(verdict, &codes, &names))
            .collect(),
        findings,
        records_checked: report.records_checked,
    })
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

fn verification(
    verdict: &ChannelVerdict,
    codes: &BTreeMap<StoreId, String>,
    names: &BTreeMap<SyncId, String>,
) -> v1::ChannelVerification {
    let peer_name = names.get(&verdict.peer).cloned().unwrap_or_default();
    let compared = verdict.compared;
    let (ours, theirs) = compared.map_or((Digest::default(), Digest::default()), |compared| {
        (compared.ours, compared.theirs)
    });
    let code = verdict.channel.store().and_then(|store| codes.get(&store));
    v1::ChannelVerification {
        channel: verdict.channel.to_string(),
        store_code: code.cloned().unwrap_or_default(),
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
        summary: summary(verdict, &peer_name),
        peer_name,
    }
}

fn summary(verdict: &ChannelVerdict, peer: &str) -> String {
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
        Equality::Different => format!("different from {who}{at}, and nothing explains it: report this"),
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

fn finding(found: Finding) -> v1::Finding {
    v1::Finding {
        channel: found
            .channel
            .map(|channel| channel.to_string())
            .unwrap_or_default(),
        record: found.record.map(|record| record.to_string()).unwrap_or_default(),
        message: found.message,
    }
}
