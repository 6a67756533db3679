//! Who may join and who is shut out: join tokens (only hashes of their secrets) and revocations. On the primary only;
//! never synchronised. What a token looks like and when one is good is in `net` and in the primary's commands.

use sea_orm::QueryResult;
use supplysync_model::{Fault, SyncId, Timestamp};

use crate::fault::{damaged, database};
use crate::{Notice, Queries, WriteTx};

/// The tables. Leases are counted here because revoking and leasing both end sessions: see `peer::lease`.
pub(crate) const SCHEMA: &[&str] = &[
    "ALTER TABLE session_lease ADD COLUMN grants BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE join_token (
        id BLOB NOT NULL PRIMARY KEY,
        site INTEGER NOT NULL,
        secret_hash BLOB NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        used_at BIGINT,
        used_key BLOB
    )",
    "CREATE INDEX join_token_of_site ON join_token (site)",
    "CREATE TABLE revocation (principal TEXT NOT NULL PRIMARY KEY, revoked_at BIGINT NOT NULL)",
];

/// More than a network has sites and operators.
const REVOCATIONS: u64 = 100_000;

/// A join token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinTokenRow {
    /// Its public part.
    pub id: Vec<u8>,
    /// The site that it lets in.
    pub site: SyncId,
    /// Of its secret part.
    pub secret_hash: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it lets nobody in.
    pub expires_at: Timestamp,
    /// When it was used, and the hash of the public key that it let in.
    pub used: Option<(Timestamp, Vec<u8>)>,
}

/// Certificates of a principal that were issued at that moment or before are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// `site/7` or `operator/ana`.
    pub principal: String,
    /// The moment.
    pub revoked_at: Timestamp,
}

impl Queries {
    /// A join token by its public part.
    pub async fn join_token(&self, id: &[u8]) -> Result<Option<JoinTokenRow>, Fault> {
        let sql = "SELECT id, site, secret_hash, created_at, expires_at, used_at, used_key FROM join_token \
                   WHERE id = $1";
        let row = self.conn().row(sql, vec![id.to_vec().into()]).await?;
        row.as_ref().map(token_of).transpose()
    }

    /// Everyone who is shut out.
    pub async fn revocations(&self) -> Result<Vec<Revocation>, Fault> {
        let sql =
            format!("SELECT principal, revoked_at FROM revocation ORDER BY principal LIMIT {REVOCATIONS}");
        let rows = self.conn().rows(sql, Vec::new()).await?;
        let revocation = |row: &QueryResult| {
            Ok(Revocation {
                principal: row.try_get_by_index(0).map_err(database)?,
                revoked_at: Timestamp(row.try_get_by_index(1).map_err(database)?),
            })
        };
        rows.iter().map(revocation).collect()
    }
}

impl WriteTx {
    /// Keeps a new token; one of the same site that nobody has used lets nobody in any more.
    pub async fn put_join_token(&mut self, token: JoinTokenRow) -> Result<(), Fault> {
        let site = i32::from(token.site.get());
        let sql = "DELETE FROM join_token WHERE site = $1 AND (used_at IS NULL OR expires_at < $2)";
        self.conn()
            .execute(sql, vec![site.into(), token.created_at.0.into()])
            .await?;
        let sql = "INSERT INTO join_token (id, site, secret_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)";
        let values = vec![
            token.id.into(),
            site.into(),
            token.secret_hash.into(),
            token.created_at.0.into(),
            token.expires_at.0.into(),
        ];
        self.conn().execute(sql, values).await.map(drop)
    }

    /// Notes that a token has let this key in.
    pub async fn use_join_token(&mut self, id: &[u8], key: Vec<u8>) -> Result<(), Fault> {
        let sql = "UPDATE join_token SET used_at = $1, used_key = $2 WHERE id = $3";
        let values = vec![self.now().0.into(), key.into(), id.to_vec().into()];
        self.conn().execute(sql, values).await.map(drop)
    }

    /// Forgets every token of a site, used ones too: none of them lets anybody in again.
    pub async fn forget_join_tokens(&mut self, site: SyncId) -> Result<(), Fault> {
        let sql = "DELETE FROM join_token WHERE site = $1";
        let values = vec![i32::from(site.get()).into()];
        self.conn().execute(sql, values).await.map(drop)
    }

    /// Refuses what was issued to a principal until then; a later revocation stays.
    pub async fn revoke(&mut self, revocation: Revocation) -> Result<(), Fault> {
        let sql = "INSERT INTO revocation (principal, revoked_at) VALUES ($1, $2) \
                   ON CONFLICT (principal) DO UPDATE SET revoked_at = excluded.revoked_at \
                   WHERE excluded.revoked_at > revocation.revoked_at";
        let values = vec![revocation.principal.into(), revocation.revoked_at.0.into()];
        self.conn().execute(sql, values).await?;
        self.notify(Notice::Revocations);
        Ok(())
    }
}

fn token_of(row: &QueryResult) -> Result<JoinTokenRow, Fault> {
    let moment = |index| {
        row.try_get_by_index::<i64>(index)
            .map(Timestamp)
            .map_err(database)
    };
    let site: i32 = row.try_get_by_index(1).map_err(database)?;
    let site = u16::try_from(site).ok().and_then(SyncId::new);
    let used_at: Option<i64> = row.try_get_by_index(5).map_err(database)?;
    let used_key: Option<Vec<u8>> = row.try_get_by_index(6).map_err(database)?;
    Ok(JoinTokenRow {
        id: row.try_get_by_index(0).map_err(database)?,
        site: site.ok_or_else(|| damaged("a join token of no site"))?,
        secret_hash: row.try_get_by_index(2).map_err(database)?,
        created_at: moment(3)?,
        expires_at: moment(4)?,
        used: used_at.map(Timestamp).zip(used_key),
    })
}
