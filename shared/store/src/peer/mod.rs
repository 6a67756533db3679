//! What the store knows of its peers: opening a session (`open`), leases (`lease`), forgetting one (`forget`), acknowledgements (`ack`), and the
//! channels to serve and to push (`serve`). Applying what peers send is in `apply`.

mod ack;
mod forget;
mod lease;
mod open;
mod serve;

use supplysync_model::{Chain, Checkpoint, Fault, Incarnation, SyncId};

use crate::fault::database;
use crate::tx::chain_of;
use crate::{Queries, raw};

pub use open::HelloState;
pub(crate) use serve::ChannelTotal;

/// A row of `peer`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PeerRow {
    /// The life of its database, once a lease was granted to it.
    pub incarnation: Option<Incarnation>,
    /// Its feed as far as we know it. One of an empty feed is left out: it says nothing, and a database that was
    /// replaced before it ever wrote may be known by another life.
    pub checkpoint: Option<Checkpoint>,
}

impl Queries {
    /// What is known of a peer's database; nothing before the first session.
    pub(crate) async fn peer(&self, site: SyncId) -> Result<PeerRow, Fault> {
        let sql = "SELECT incarnation, incarnation_random, checkpoint_incarnation, checkpoint_random, \
                   checkpoint_seq, checkpoint_chain FROM peer WHERE site = $1";
        let Some(row) = self.conn().row(sql, vec![i32::from(site.get()).into()]).await? else {
            return Ok(PeerRow::default());
        };
        let number = |index| row.try_get_by_index::<Option<i64>>(index).map_err(database);
        let life = raw::incarnation(number(2)?, number(3)?);
        let chain: Option<Vec<u8>> = row.try_get_by_index(5).map_err(database)?;
        let chain: Option<Chain> = chain.map(chain_of).transpose()?;
        let checkpoint = life
            .zip(number(4)?)
            .zip(chain)
            .map(|((incarnation, seq), chain)| Checkpoint {
                incarnation,
                seq: seq as u64,
                chain,
            });
        Ok(PeerRow {
            incarnation: raw::incarnation(number(0)?, number(1)?),
            checkpoint: checkpoint.filter(|checkpoint| checkpoint.seq > 0),
        })
    }
}
