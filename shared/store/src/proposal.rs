//! Quarantined changes on their way to the owner: asked for, put to it as records, answered. What an owner writes when it
//! accepts is decided in `node`; how reports travel in `reports`.

use sea_orm::Value;
use supplysync_model::{
    Channel, Fault, Kind, Offer, Proposal, ProposalAnswer, Record, RecordId, RecordKey, ReportSubject, SyncId,
};
use supplysync_record_codec::RecordBody;
use uuid::Uuid;

use crate::fault::{damaged, database};
use crate::projection::{RECORD_COLUMNS, stored_record};
use crate::query::Quarantined;
use crate::{AuditEntry, OwnChange, Queries, WriteTx, held};

/// What the tables gain; a later version than the others.
pub(crate) const SCHEMA: &[&str] = &[
    // Who asked that the change be accepted; on the primary, the proposal that was made of it, and to whom; what the
    // owner said last.
    "ALTER TABLE quarantine ADD COLUMN asked_by TEXT",
    "ALTER TABLE quarantine ADD COLUMN asked_note TEXT",
    "ALTER TABLE quarantine ADD COLUMN proposal_id BLOB",
    "ALTER TABLE quarantine ADD COLUMN proposed_to INTEGER",
    "ALTER TABLE quarantine ADD COLUMN answer TEXT",
    "CREATE INDEX quarantine_asked ON quarantine (id) WHERE resolved_at IS NULL AND asked_by IS NOT NULL",
    "CREATE UNIQUE INDEX quarantine_proposal ON quarantine (proposal_id) WHERE proposal_id IS NOT NULL",
    // What this site answered to proposals, and whether the primary has noted it.
    "CREATE TABLE proposal_answer (
        id BLOB NOT NULL PRIMARY KEY,
        accepted BOOLEAN NOT NULL,
        words TEXT NOT NULL,
        at BIGINT NOT NULL,
        noted BOOLEAN NOT NULL
    )",
    "CREATE INDEX proposal_answer_unnoted ON proposal_answer (id) WHERE NOT noted",
];

/// Answers and offers told in one go; the rest waits until these are noted.
const AT_ONCE: usize = 50;
/// What becomes of an entry that a satellite has handed over.
const HANDED_OVER: &str = "handed to the primary's quarantine";

impl Queries {
    /// Proposals to this site that it has not answered, oldest first.
    pub async fn open_proposals(&self, limit: usize) -> Result<Vec<Proposal>, Fault> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM record r JOIN channel c ON c.number = r.channel \
             WHERE r.kind = {} AND NOT r.deleted AND c.name = $1 \
             AND NOT EXISTS (SELECT 1 FROM proposal_answer a WHERE a.id = r.id) ORDER BY r.id LIMIT {limit}",
            Kind::PROPOSAL.0
        );
        let here = Channel::Site(self.sync_id()).to_string();
        let rows = self.conn().rows(sql, vec![here.into()]).await?;
        let records = rows.iter().map(stored_record).collect::<Result<Vec<_>, _>>()?;
        // One that a newer primary wrote waits for an upgrade.
        let bodies = records
            .iter()
            .filter_map(|record| RecordBody::of_record(record).ok());
        Ok(bodies
            .filter_map(|body| match body {
                RecordBody::Proposal(proposal) => Some(*proposal),
                _ => None,
            })
            .collect())
    }

    /// Whether there is something to tell the primary of proposals, quarantine and wishes.
    pub async fn has_reports(&self) -> Result<bool, Fault> {
        let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM proposal_answer WHERE NOT noted) \
                   OR EXISTS (SELECT 1 FROM quarantine WHERE resolved_at IS NULL AND asked_by IS NOT NULL) \
                   OR EXISTS (SELECT 1 FROM copy_wish WHERE site = $1 AND NOT noted)";
        let here = i32::from(self.sync_id().get());
        Ok(self.conn().row(sql, vec![here.into()]).await?.is_some())
    }

    /// Answers that the primary has not noted.
    pub(crate) async fn unnoted_answers(&self) -> Result<Vec<ProposalAnswer>, Fault> {
        let sql = format!(
            "SELECT id, accepted, words FROM proposal_answer WHERE NOT noted ORDER BY id LIMIT {AT_ONCE}"
        );
        let rows = self.conn().rows(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                Ok(ProposalAnswer {
                    id: held::record_id(row.try_get_by_index(0).map_err(database)?)?,
                    accepted: row.try_get_by_index(1).map_err(database)?,
                    words: row.try_get_by_index(2).map_err(database)?,
                })
            })
            .collect()
    }

    /// Changes in this satellite's quarantine that it hands to the primary.
    pub(crate) async fn offers(&self) -> Result<Vec<Offer>, Fault> {
        let sql = format!(
            "SELECT {CHANGE_COLUMNS}, q.id, q.reason, q.asked_by, q.asked_note FROM quarantine q \
             JOIN channel c ON c.number = q.channel \
             WHERE q.resolved_at IS NULL AND q.asked_by IS NOT NULL ORDER BY q.id LIMIT {AT_ONCE}"
        );
        let rows = self.conn().rows(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                let note: Option<String> = row.try_get_by_index(14).map_err(database)?;
                Ok(Offer {
                    change: stored_record(row)?,
                    id: held::record_id(row.try_get_by_index(11).map_err(database)?)?,
                    reason: row.try_get_by_index(12).map_err(database)?,
                    offered_by: row.try_get_by_index(13).map_err(database)?,
                    note: note.unwrap_or_default(),
                })
            })
            .collect()
    }

    /// A change in open quarantine as it was refused, byte for byte.
    pub async fn quarantined_change(&self, id: Uuid) -> Result<Option<Record>, Fault> {
        let sql = format!(
            "SELECT {CHANGE_COLUMNS} FROM quarantine q JOIN channel c ON c.number = q.channel \
             WHERE q.resolved_at IS NULL AND q.id = $1"
        );
        let row = self.conn().row(sql, vec![id.as_bytes().to_vec().into()]).await?;
        row.as_ref().map(stored_record).transpose()
    }
}

/// What [`stored_record`] reads, of `quarantine q JOIN channel c`.
const CHANGE_COLUMNS: &str = "q.kind, q.record_id, c.name, q.origin_site, q.epoch, q.revision, q.schema, q.deleted, \
     q.hash, q.body, 0";

impl WriteTx {
    /// Keeps who asked that a change in quarantine be accepted: a satellite hands it to the primary.
    pub async fn ask_for(&mut self, id: Uuid, by: &str, note: &str) -> Result<(), Fault> {
        let sql = "UPDATE quarantine SET asked_by = $2, asked_note = $3, answer = NULL WHERE id = $1";
        let values = vec![id.as_bytes().to_vec().into(), by.into(), note.into()];
        self.conn().execute(sql, values).await.map(drop)
    }

    /// Puts a change in quarantine to the site where its store is active (primary).
    pub async fn propose(
        &mut self,
        entry: &Quarantined,
        owner: SyncId,
        by: &str,
        note: &str,
    ) -> Result<(), Fault> {
        let change = self.quarantined_change(entry.id).await?;
        let change = change.ok_or_else(|| Fault::internal("a quarantined change vanished"))?;
        self.withdraw_proposal(entry.id).await?;
        self.ask_for(entry.id, by, note).await?;
        let id = self.new_id();
        let sql = "UPDATE quarantine SET proposal_id = $2, proposed_to = $3 WHERE id = $1";
        let values = vec![
            entry.id.as_bytes().to_vec().into(),
            id.as_bytes().to_vec().into(),
            i32::from(owner.get()).into(),
        ];
        self.conn().execute(sql, values).await?;
        let proposal = Proposal {
            id: RecordId::from_bytes(id.into_bytes()),
            owner,
            change,
            from_site: entry.from_site,
            reason: entry.reason.clone(),
            proposed_by: by.to_owned(),
            note: note.to_owned(),
        };
        let change = OwnChange {
            body: RecordBody::Proposal(Box::new(proposal)),
            deleted: false,
            expected: None,
        };
        self.put(vec![change]).await.map(drop)
    }

    /// Takes back what was put to an owner, if it was (primary).
    pub async fn withdraw_proposal(&mut self, entry: Uuid) -> Result<(), Fault> {
        self.withdraw("id = $1", entry.as_bytes().to_vec().into()).await
    }

    /// Takes back all that was put to a site and that it has not answered (primary).
    pub async fn withdraw_proposals_to(&mut self, site: SyncId) -> Result<(), Fault> {
        self.withdraw("proposed_to = $1", i32::from(site.get()).into())
            .await
    }

    async fn withdraw(&mut self, which: &str, value: Value) -> Result<(), Fault> {
        let sql = format!("SELECT proposal_id FROM quarantine WHERE {which} AND proposal_id IS NOT NULL");
        let rows = self.conn().rows(sql, vec![value.clone()]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let keys = rows.iter().map(|row| {
            Ok(RecordKey {
                kind: Kind::PROPOSAL,
                id: held::record_id(row.try_get_by_index(0).map_err(database)?)?,
            })
        });
        let keys = keys.collect::<Result<Vec<_>, Fault>>()?;
        let held = held::whole(self.conn(), keys).await?.into_iter();
        let present = held.filter(|record| !record.deleted);
        let bodies = present.filter_map(|record| RecordBody::of_record(&record).ok());
        let retired = bodies.map(|body| OwnChange {
            body,
            deleted: true,
            expected: None,
        });
        self.put(retired.collect()).await?;
        let sql = format!(
            "UPDATE quarantine SET proposal_id = NULL, proposed_to = NULL, asked_by = NULL, asked_note = NULL \
             WHERE {which} AND proposal_id IS NOT NULL"
        );
        self.conn().execute(sql, vec![value]).await.map(drop)
    }

    /// Keeps what this site, where the store is active, did with a proposal.
    pub async fn answer_proposal(&mut self, answer: &ProposalAnswer) -> Result<(), Fault> {
        let sql = "INSERT INTO proposal_answer (id, accepted, words, at, noted) VALUES ($1, $2, $3, $4, FALSE) \
                   ON CONFLICT (id) DO NOTHING";
        let values = vec![
            answer.id.to_bytes().to_vec().into(),
            answer.accepted.into(),
            answer.words.as_str().into(),
            self.now().0.into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }

    /// The primary has noted these: answers are told no more, and what was offered is its to keep.
    pub(crate) async fn reports_noted(&mut self, subjects: &[ReportSubject]) -> Result<(), Fault> {
        for subject in subjects {
            match subject {
                ReportSubject::Move(..) => {}
                ReportSubject::Answer(id) => {
                    let sql = "UPDATE proposal_answer SET noted = TRUE WHERE id = $1";
                    self.conn()
                        .execute(sql, vec![id.to_bytes().to_vec().into()])
                        .await?;
                }
                ReportSubject::Offer(id) => self.resolve_quarantine(id.uuid(), HANDED_OVER).await?,
                ReportSubject::Wish(version) => self.wish_noted(*version).await?,
                ReportSubject::Recovered(life) => self.recovery_noted(*life).await?,
                // That it is done the next session says, with where both ends stand then.
                ReportSubject::GivenBack(_) => self.life_is_known().await?,
            }
        }
        Ok(())
    }

    /// Stores what the owner did with a proposal: what it accepted is resolved, what it refused waits for a person again.
    pub(crate) async fn record_answer(&mut self, peer: SyncId, answer: ProposalAnswer) -> Result<(), Fault> {
        let sql = "SELECT id, resolved_at FROM quarantine WHERE proposal_id = $1 AND proposed_to = $2";
        let values = vec![answer.id.to_bytes().to_vec().into(), i32::from(peer.get()).into()];
        let Some(row) = self.conn().row(sql, values).await? else {
            return Ok(());
        };
        let id: Vec<u8> = row.try_get_by_index(0).map_err(database)?;
        let id = Uuid::from_slice(&id).map_err(|_| damaged("a quarantine id that is not 16 bytes long"))?;
        let resolved: Option<i64> = row.try_get_by_index(1).map_err(database)?;
        self.withdraw_proposal(id).await?;
        if resolved.is_some() {
            return Ok(());
        }
        let outcome = match answer.accepted {
            true => format!("accepted by site {peer}: {}", answer.words),
            false => format!("refused by site {peer}: {}", answer.words),
        };
        if answer.accepted {
            self.resolve_quarantine(id, &outcome).await?;
        } else {
            let sql = "UPDATE quarantine SET answer = $2 WHERE id = $1";
            let values = vec![id.as_bytes().to_vec().into(), outcome.as_str().into()];
            self.conn().execute(sql, values).await?;
        }
        let at = self.now();
        self.audit(AuditEntry {
            at,
            principal: format!("site/{peer}"),
            from: String::new(),
            action: "quarantine.answer".to_owned(),
            subject: id.to_string(),
            old: String::new(),
            new: outcome,
        })
        .await
    }

    /// Keeps what a satellite hands over in this quarantine, where somebody decides on it (primary).
    pub(crate) async fn record_offer(&mut self, peer: SyncId, offer: Offer) -> Result<(), Fault> {
        let Offer {
            id, change, reason, ..
        } = offer;
        let entry = id.uuid();
        let sql = "SELECT 1 FROM quarantine WHERE id = $1";
        let known = self
            .conn()
            .row(sql, vec![entry.as_bytes().to_vec().into()])
            .await?;
        if known.is_some() {
            return Ok(());
        }
        let words = match offer.note.as_str() {
            "" => format!("handed over by {} on site {peer}", offer.offered_by),
            note => format!("handed over by {} on site {peer}: {note}", offer.offered_by),
        };
        let at = self.now();
        self.keep_offered(entry, peer, &reason, &change).await?;
        self.audit(AuditEntry {
            at,
            principal: format!("site/{peer}"),
            from: String::new(),
            action: "quarantine.offer".to_owned(),
            subject: entry.to_string(),
            old: String::new(),
            new: words,
        })
        .await
    }
}
