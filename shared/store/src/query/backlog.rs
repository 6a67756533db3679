//! What an operator's gauges tell of each site at the other end: how much it lacks and since which change, and what is set aside.
//! Asked every few seconds, so nothing is counted to its end; exact counts are in `progress` and `ledger`.

use std::collections::{BTreeMap, HashMap, HashSet};

use supplysync_model::{Channel, Fault, Seq, SyncId, Timestamp};
use supplysync_sync_core::{Cursor, Direction};

use super::column;
use crate::cursor::direction_number;
use crate::fault::damaged;
use crate::{Queries, raw};

/// More records of one channel, or entries of one kind, are not counted.
pub const COUNTED: u64 = 10_000;

/// How one site stands, as far as this one knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Records that it lacks in their latest version; of each channel at most [`COUNTED`], of one that is loaded about as many.
    pub pending: u64,
    /// How many seqs its cursor is behind the last change, in the channel where that is most.
    pub behind: u64,
    /// The seq of the oldest change that it lacks.
    pub oldest: Option<Seq>,
    /// Channels that are being loaded, there or here.
    pub loading: u64,
    /// Changes that it has refused.
    pub refused: u64,
    /// Channels that were compared with it last and differ, unexplained.
    pub different: u64,
    /// When it was last heard of: a session began, or something was acknowledged.
    pub seen_at: Option<Timestamp>,
}

/// All of it, from one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlogs {
    /// Sites that are registered and not removed, this one too.
    pub registered: Vec<SyncId>,
    /// Those at the other end of this site's sessions.
    pub peers: BTreeMap<SyncId, Backlog>,
    /// Changes in open quarantine here, by the site that sent them.
    pub quarantined: BTreeMap<SyncId, u64>,
    /// Records parked here, by the site that wrote them.
    pub parked: BTreeMap<SyncId, u64>,
    /// Stores on their way to another site (primary).
    pub moves: u64,
    /// Since when the first of them is.
    pub oldest_move: Option<Timestamp>,
}

/// What of a channel a receiver lacks.
struct Lacking {
    last: Seq,
    oldest: Option<Seq>,
    count: u64,
}

impl Queries {
    /// How each site stands.
    pub async fn backlogs(&self) -> Result<Backlogs, Fault> {
        let here = self.sync_id();
        let sites = self.sites().await?.into_iter().filter(|site| !site.retired);
        let registered: Vec<_> = sites.map(|site| site.value.sync_id).collect();
        let peers = match here.is_primary() {
            true => registered.iter().copied().filter(|site| *site != here).collect(),
            false => vec![SyncId::PRIMARY],
        };
        let mut peers: BTreeMap<_, _> = peers.into_iter().map(|peer| (peer, Backlog::default())).collect();
        self.add_cursors(&mut peers).await?;
        self.add_contacts(&mut peers).await?;
        let (moves, oldest_move) = self.moves_under_way().await?;
        Ok(Backlogs {
            quarantined: self.by_site(QUARANTINED).await?,
            parked: self.by_site(PARKED).await?,
            registered,
            peers,
            moves,
            oldest_move,
        })
    }

    async fn add_cursors(&self, peers: &mut BTreeMap<SyncId, Backlog>) -> Result<(), Fault> {
        let lacking = self.lacking().await?;
        let mut begun: HashSet<(Channel, SyncId)> = HashSet::new();
        for row in self.cursors().await? {
            let Some(backlog) = peers.get_mut(&row.peer) else {
                continue;
            };
            let loading = matches!(row.cursor, Cursor::Loading { .. });
            backlog.loading += u64::from(loading);
            backlog.different += u64::from(row.compared.is_some_and(|compared| !compared.equal));
            if row.we_receive {
                continue;
            }
            begun.insert((row.channel, row.peer));
            backlog.refused += row.quarantined;
            let Some(lacks) = lacking
                .get(&(row.peer, row.number))
                .filter(|lacks| lacks.count > 0)
            else {
                continue;
            };
            let (Cursor::Following { seq } | Cursor::Loading { head: seq, .. }) = row.cursor;
            // What was there when a load began is lacked since then, at least.
            let oldest = if loading { Some(seq) } else { lacks.oldest };
            backlog.lack(lacks.count, lacks.last.saturating_sub(seq), oldest);
        }
        let owners = self.owners().await?;
        let never = self
            .to_send(&owners)
            .await?
            .into_iter()
            .filter(|sent| !begun.contains(sent));
        let never: Vec<_> = never.collect();
        let channels: Vec<_> = never.iter().map(|(channel, _)| *channel).collect();
        let totals = self.channel_totals(&channels).await?;
        for (channel, peer) in never {
            let records = totals.get(&channel).map_or(0, |total| total.records);
            if let (Some(backlog), 1..) = (peers.get_mut(&peer), records) {
                backlog.lack(records.min(COUNTED), self.head.seq, Some(0));
            }
        }
        Ok(())
    }

    /// What each receiver of this site's lacks, by its Sync ID and the channel's number. Each row looks up the ends of an index
    /// and counts so much of it at most.
    async fn lacking(&self) -> Result<HashMap<(SyncId, i32), Lacking>, Fault> {
        let sends = match self.sync_id().is_primary() {
            true => Direction::Pull,
            false => Direction::Push,
        };
        let beyond = "FROM record r WHERE r.channel = u.channel AND r.seq > u.seq";
        let sql = format!(
            "SELECT u.peer, u.channel, \
             COALESCE((SELECT MAX(r.seq) FROM record r WHERE r.channel = u.channel), 0), \
             (SELECT MIN(r.seq) {beyond}), \
             (SELECT COUNT(*) FROM (SELECT 1 AS one {beyond} LIMIT {COUNTED}) AS counted), \
             CASE WHEN u.state = 0 THEN (SELECT COUNT(*) FROM (SELECT 1 AS one FROM record r WHERE r.channel = u.channel \
             AND (r.kind, r.id) > (COALESCE(u.last_kind, -1), COALESCE(u.last_id, $2)) LIMIT {COUNTED}) AS counted) ELSE 0 END \
             FROM cursor u WHERE u.direction = $1"
        );
        let values = vec![direction_number(sends).into(), Vec::<u8>::new().into()];
        let mut found = HashMap::new();
        for row in self.conn().rows(sql, values).await? {
            let lacking = Lacking {
                last: column::<i64>(&row, 2)? as Seq,
                oldest: column::<Option<i64>>(&row, 3)?.map(|seq| seq as Seq),
                count: (column::<i64>(&row, 4)? + column::<i64>(&row, 5)?) as u64,
            };
            found.insert((raw::site(column(&row, 0)?)?, column(&row, 1)?), lacking);
        }
        Ok(found)
    }

    async fn add_contacts(&self, peers: &mut BTreeMap<SyncId, Backlog>) -> Result<(), Fault> {
        for row in self.conn().rows("SELECT site, seen_at FROM peer", vec![]).await? {
            if let Some(backlog) = peers.get_mut(&raw::site(column(&row, 0)?)?) {
                backlog.seen_at = Some(Timestamp(column(&row, 1)?));
            }
        }
        Ok(())
    }

    async fn moves_under_way(&self) -> Result<(u64, Option<Timestamp>), Fault> {
        let sql = "SELECT COUNT(*), MIN(begun_at) FROM store_move WHERE ended_at IS NULL";
        let row = self.conn().row(sql, vec![]).await?;
        let row = row.ok_or_else(|| damaged("a count without a row"))?;
        let oldest: Option<i64> = column(&row, 1)?;
        Ok((column::<i64>(&row, 0)? as u64, oldest.map(Timestamp)))
    }

    /// Counts by the site that a query of one column names.
    async fn by_site(&self, sites: &str) -> Result<BTreeMap<SyncId, u64>, Fault> {
        let sql = format!("SELECT site, COUNT(*) FROM ({sites}) AS named GROUP BY site");
        let rows = self.conn().rows(sql, vec![]).await?;
        let counts = rows
            .iter()
            .map(|row| Ok((raw::site(column(row, 0)?)?, column::<i64>(row, 1)? as u64)));
        counts.collect()
    }
}

const QUARANTINED: &str = "SELECT from_site AS site FROM quarantine WHERE resolved_at IS NULL LIMIT 10000";
const PARKED: &str = "SELECT r.origin_site AS site FROM (SELECT kind, id FROM parked LIMIT 10000) AS p \
    JOIN record r ON r.kind = p.kind AND r.id = p.id";

impl Backlog {
    fn lack(&mut self, records: u64, behind: u64, oldest: Option<Seq>) {
        self.pending += records;
        self.behind = self.behind.max(behind);
        let before = self.oldest.or(oldest);
        self.oldest = before.min(oldest.or(before));
    }
}
