//! How synchronisation stands: each site with its state and reason, each channel with its progress.

use serde::Serialize;
use supplysync_api::v1;

use super::channel::{Proof, channel_name, direction};
use super::standing::{self, StandingRow};
use crate::cli::output::Answer;
use crate::cli::table::{Grid, moment, or_dash, thousands};

/// The status of the site that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusView {
    /// Its Sync ID.
    pub sync_id: u32,
    /// Its name.
    pub name: String,
    /// primary or satellite.
    pub role: &'static str,
    /// The version of its program.
    pub software_version: String,
    /// The life of its database; empty before a satellite's first session.
    pub incarnation: String,
    /// The head of its feed.
    pub head_seq: u64,
    /// When this was read, RFC 3339.
    pub time: String,
    /// Records there that wait for an upgrade, or for a record that they refer to.
    pub parked: u64,
    /// Changes in open quarantine there.
    pub quarantined: u64,
    /// What its database, put back or copied, is doing about it; empty when it was not.
    pub recovery: String,
    /// Each site that it synchronises with.
    pub peers: Vec<PeerRow>,
    /// How each copy stands against its owner.
    pub stores: Vec<StandingRow>,
    /// The last verification that it did by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
}

/// The last daily verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// When it ended, RFC 3339.
    pub time: String,
    /// Nothing was wrong, and nothing known to differ.
    pub ok: bool,
    /// Records that it looked at.
    pub records_checked: u64,
    /// What was wrong or differed: the first ten.
    pub differs: Vec<String>,
    /// How much there was in all.
    pub total: u64,
}

/// One other site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerRow {
    /// Its Sync ID.
    pub sync_id: u32,
    /// Its name.
    pub name: String,
    /// not_connected, connecting, connected, waiting, paused, refused or frozen.
    pub state: &'static str,
    /// Why it stands so and what to do; empty when all is well.
    pub reason: String,
    /// The present or last session; 0 for none.
    pub session: u64,
    /// Where it is or called from; empty when unknown.
    pub address: String,
    /// When a session was last tried, RFC 3339; empty for never.
    pub last_attempt: String,
    /// When both directions were last drained; empty for never.
    pub last_success: String,
    /// When the next try is planned; empty when none is.
    pub next_attempt: String,
    /// What the site says of itself that differs from what is expected.
    pub mismatches: Vec<String>,
    /// Whether everything to push is acknowledged, in the present session.
    pub push_caught_up: bool,
    /// Whether everything to pull is applied, in the present session.
    pub pull_caught_up: bool,
    /// Its channels.
    pub channels: Vec<ChannelRow>,
}

/// One channel in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelRow {
    /// The channel, with the store's code where it is a store's.
    pub channel: String,
    /// push (owner to primary) or pull (primary to satellite).
    pub direction: &'static str,
    /// not_started, loading or following.
    pub phase: &'static str,
    /// Records received so far.
    pub records_done: u64,
    /// Records there are.
    pub records_total: u64,
    /// Records that the receiver has not acknowledged.
    pub pending: u64,
    /// Records put aside.
    pub quarantined: u64,
    /// Records applied but not yet readable.
    pub parked: u64,
    /// The last comparison of both ends.
    pub proof: Proof,
}

impl From<v1::SyncStatus> for StatusView {
    fn from(status: v1::SyncStatus) -> StatusView {
        StatusView {
            role: match status.role() {
                v1::SiteRole::Primary => "primary",
                v1::SiteRole::Satellite => "satellite",
                v1::SiteRole::Unspecified => "unknown",
            },
            sync_id: status.sync_id,
            name: status.site_name,
            software_version: status.software_version,
            incarnation: status.incarnation,
            head_seq: status.head_seq,
            time: status.time,
            parked: status.parked,
            quarantined: status.quarantined,
            recovery: status.recovery,
            peers: status.peers.into_iter().map(PeerRow::from).collect(),
            stores: status.stores.into_iter().map(StandingRow::from).collect(),
            verification: status.verification.map(|last| Verification {
                time: last.time,
                ok: last.ok,
                records_checked: last.records_checked,
                differs: last.differs,
                total: last.total,
            }),
        }
    }
}

impl From<v1::PeerStatus> for PeerRow {
    fn from(peer: v1::PeerStatus) -> PeerRow {
        PeerRow {
            state: match peer.state() {
                v1::PeerState::NotConnected => "not_connected",
                v1::PeerState::Connecting => "connecting",
                v1::PeerState::Connected => "connected",
                v1::PeerState::Waiting => "waiting",
                v1::PeerState::Paused => "paused",
                v1::PeerState::Refused => "refused",
                v1::PeerState::Frozen => "frozen",
                v1::PeerState::Unspecified => "unknown",
            },
            sync_id: peer.sync_id,
            name: peer.name,
            reason: peer.reason,
            session: peer.session,
            address: peer.address,
            last_attempt: peer.last_attempt_time,
            last_success: peer.last_success_time,
            next_attempt: peer.next_attempt_time,
            mismatches: peer.mismatches,
            push_caught_up: peer.push_caught_up,
            pull_caught_up: peer.pull_caught_up,
            channels: peer.channels.into_iter().map(ChannelRow::from).collect(),
        }
    }
}

impl From<v1::ChannelStatus> for ChannelRow {
    fn from(status: v1::ChannelStatus) -> ChannelRow {
        ChannelRow {
            channel: channel_name(&status.channel, &status.store_code),
            direction: direction(status.direction()),
            phase: match status.phase() {
                v1::ChannelPhase::NotStarted => "not_started",
                v1::ChannelPhase::Loading => "loading",
                v1::ChannelPhase::Following => "following",
                v1::ChannelPhase::Unspecified => "unknown",
            },
            records_done: status.records_done,
            records_total: status.records_total,
            pending: status.pending,
            quarantined: status.quarantined,
            parked: status.parked,
            proof: Proof::new(status.equality(), status.compared_seq, status.compared_time),
        }
    }
}

impl Answer for StatusView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut text = format!("Site {}, {} ({})\n", self.sync_id, self.name, self.role);
        if !self.recovery.is_empty() {
            text += &format!("{}\n", self.recovery);
        }
        if self.quarantined > 0 {
            let count = thousands(self.quarantined);
            text += &format!("{count} changes were refused and put aside here: see `quarantine`\n");
        }
        if let Some(last) = &self.verification {
            text += &last.in_words();
        }
        text += &format!("\n{}\n", self.sites(width));
        for peer in &self.peers {
            text += &peer.remarks();
        }
        for more in [standing::table(&self.stores, width), self.channels(width)] {
            if !more.is_empty() {
                text += &format!("\n{more}\n");
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl StatusView {
    fn sites(&self, width: Option<u16>) -> String {
        let columns = [
            ">site",
            "name",
            "state",
            "address",
            "last success",
            "last try",
            "next try",
        ];
        let mut grid = Grid::new(&columns, width);
        for peer in &self.peers {
            grid.row([
                peer.sync_id.to_string(),
                or_dash(&peer.name),
                peer.state.replace('_', " "),
                or_dash(&peer.address),
                moment(&peer.last_success),
                moment(&peer.last_attempt),
                moment(&peer.next_attempt),
            ]);
        }
        grid.or("no other sites yet")
    }

    fn channels(&self, width: Option<u16>) -> String {
        let columns = [
            ">site",
            "channel",
            "way",
            "state",
            ">records",
            ">pending",
            ">put aside",
            ">parked",
            "copy compared with original",
        ];
        let mut grid = Grid::new(&columns, width);
        for peer in &self.peers {
            for channel in &peer.channels {
                grid.row([
                    peer.sync_id.to_string(),
                    channel.channel.clone(),
                    channel.direction.to_owned(),
                    channel.phase.replace('_', " "),
                    channel.progress(),
                    thousands(channel.pending),
                    thousands(channel.quarantined),
                    thousands(channel.parked),
                    channel.proof.in_words(),
                ]);
            }
        }
        grid.or("")
    }
}

impl Verification {
    fn in_words(&self) -> String {
        let time = moment(&self.time);
        if self.ok {
            let records = thousands(self.records_checked);
            return format!("last verified {time}: everything equal, {records} records\n");
        }
        let total = thousands(self.total);
        let mut text = format!(
            "last verified {time}: NOT EQUAL, {total} findings: see `verify --deep`, then `verify --repair`\n"
        );
        for differs in &self.differs {
            text += &format!("  {differs}\n");
        }
        text
    }
}

impl PeerRow {
    /// The sentences that no table has room for.
    fn remarks(&self) -> String {
        let mut text = String::new();
        if !self.reason.is_empty() {
            text += &format!("\nSite {}: {}\n", self.sync_id, self.reason);
        }
        for mismatch in &self.mismatches {
            text += &format!("\nSite {}: {mismatch}\n", self.sync_id);
        }
        text
    }
}

impl ChannelRow {
    fn progress(&self) -> String {
        if self.records_done >= self.records_total {
            return thousands(self.records_done);
        }
        let percent = self.records_done * 100 / self.records_total;
        let (done, total) = (thousands(self.records_done), thousands(self.records_total));
        format!("{done} of {total} ({percent} %)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(done: u64, total: u64) -> v1::ChannelStatus {
        v1::ChannelStatus {
            channel: "master".into(),
            direction: v1::Direction::Pull.into(),
            phase: v1::ChannelPhase::Loading.into(),
            records_done: done,
            records_total: total,
            pending: total - done,
            equality: v1::Equality::NotComparedYet.into(),
            ..v1::ChannelStatus::default()
        }
    }

    #[test]
    fn the_status_names_state_reason_and_progress() {
        let stock = v1::ChannelStatus {
            channel: "store/0198f2a0-0000-7000-8000-000000000001/stock".into(),
            store_code: "HOSP".into(),
            direction: v1::Direction::Push.into(),
            phase: v1::ChannelPhase::Following.into(),
            equality: v1::Equality::Equal.into(),
            compared_seq: 77,
            compared_time: "2026-11-24T04:35:02.5Z".into(),
            ..channel(1_204, 1_204)
        };
        let peer = v1::PeerStatus {
            sync_id: 1,
            name: "Primary".into(),
            state: v1::PeerState::Refused.into(),
            address: "localhost:8443".into(),
            last_attempt_time: "2026-11-24T04:35:02.5Z".into(),
            reason: "user name or password differ".into(),
            mismatches: vec!["it expects the name \"Clinic\"".into()],
            channels: vec![channel(5_000, 20_000), stock],
            ..v1::PeerStatus::default()
        };
        let status = v1::SyncStatus {
            sync_id: 2,
            site_name: "Hospital".into(),
            role: v1::SiteRole::Satellite.into(),
            quarantined: 2,
            verification: Some(v1::LastVerification {
                time: "2026-11-24T02:10:02.5Z".into(),
                ok: true,
                records_checked: 20_000,
                ..v1::LastVerification::default()
            }),
            peers: vec![peer],
            stores: vec![v1::StoreStanding {
                store_code: "HOSP".into(),
                owner: 2,
                owner_name: "Hospital".into(),
                holder: 1,
                holder_name: "Primary".into(),
                state: v1::StandingState::Identical.into(),
                seq: 81_204,
                time: "2026-11-24T04:35:02.5Z".into(),
                ..v1::StoreStanding::default()
            }],
            ..v1::SyncStatus::default()
        };
        let expected = "\
Site 2, Hospital (satellite)
2 changes were refused and put aside here: see `quarantine`
last verified 2026-11-24 02:10:02Z: everything equal, 20,000 records

site  name     state    address         last success  last try              next try
─────────────────────────────────────────────────────────────────────────────────────
   1  Primary  refused  localhost:8443  -             2026-11-24 04:35:02Z  -

Site 1: user name or password differ

Site 1: it expects the name \"Clinic\"

store  owner       copy at
─────────────────────────────────────────────────────────────────────────────────────────
HOSP   2 Hospital  1 Primary  identical to its owner at seq 81,204, 2026-11-24 04:35:02Z

site  channel     way   state                     records  pending  put aside  parked  copy compared with original
─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
   1  master      pull  loading    5,000 of 20,000 (25 %)   15,000          0       0  not yet
   1  HOSP stock  push  following                   1,204        0          0       0  equal at seq 77, 2026-11-24 04:35:02Z";
        assert_eq!(StatusView::from(status).for_people(None), expected);
    }

    #[test]
    fn progress_is_exact_and_never_over() {
        let progress = |done, total| ChannelRow::from(channel(done, total)).progress();
        assert_eq!(progress(0, 0), "0");
        assert_eq!(progress(20_000, 20_000), "20,000");
        assert_eq!(progress(19_999, 20_000), "19,999 of 20,000 (99 %)");
    }
}
