//! Lineage: looking a peer's checkpoint up in our chain, and the incarnation that the primary assigns.

use futures::FutureExt;
use supplysync_model::{Checkpoint, Fault, FaultCode, Incarnation, Reason};
use supplysync_sync_core::LineageVerdict;

use crate::fault::database;
use crate::tx::chain_of;
use crate::{Queries, Store, WriteTx};

impl Store {
    /// What our own chain says of a checkpoint of our feed that a peer holds.
    pub async fn check_lineage(&self, held: Option<Checkpoint>) -> Result<LineageVerdict, Fault> {
        self.read("check lineage", move |tx| {
            async move { tx.lineage_of(held).await }.boxed()
        })
        .await
    }

    /// Stores the incarnation that the primary assigned to this database.
    pub async fn adopt_incarnation(&self, incarnation: Incarnation) -> Result<(), Fault> {
        self.write("adopt incarnation", move |tx| {
            tx.adopt_incarnation(incarnation).boxed()
        })
        .await?;
        self.set_incarnation(incarnation);
        Ok(())
    }
}

impl Queries {
    /// What our own chain says of a checkpoint of our feed that a peer holds. One of an empty feed says nothing yet.
    pub async fn lineage_of(&self, held: Option<Checkpoint>) -> Result<LineageVerdict, Fault> {
        let Some(held) = held.filter(|held| held.seq > 0) else {
            return Ok(LineageVerdict::Known);
        };
        if self.head.incarnation != Some(held.incarnation)
            && let Some(life) = self.later_life().await?
        {
            // A person said that this database goes on. What of that life is here is told by where the peer stands then.
            let before = held.incarnation.counter < life.began.incarnation.counter;
            return Ok(match before && held.seq <= life.began.seq {
                true => LineageVerdict::Known,
                false => LineageVerdict::Broken,
            });
        }
        if self.head.incarnation != Some(held.incarnation) || held.seq > self.head.seq {
            return Ok(LineageVerdict::Broken);
        }
        if held.seq < self.head.floor {
            return Ok(LineageVerdict::BelowFloor);
        }
        let sql = "SELECT chain FROM feed_chain WHERE seq = $1";
        let row = self.conn().row(sql, vec![(held.seq as i64).into()]).await?;
        let chain = row
            .map(|row| row.try_get_by_index(0).map_err(database))
            .transpose()?;
        Ok(match chain.map(chain_of).transpose()? {
            Some(chain) if chain == held.chain => LineageVerdict::Known,
            _ => LineageVerdict::Broken,
        })
    }
}

impl WriteTx {
    async fn adopt_incarnation(&mut self, incarnation: Incarnation) -> Result<(), Fault> {
        // A life that the primary knows is given up only by recovery, never by the way.
        if self.head.incarnation.is_some_and(|own| own != incarnation) {
            return Err(Fault::new(
                FaultCode::FailedPrecondition,
                Reason::SATELLITE_LINEAGE_BROKEN,
                "this database has an incarnation already, and the primary assigned another: let an administrator \
                 look at the site's status on the primary",
            ));
        }
        self.set_life(incarnation).await
    }

    /// Stores the life of this database.
    pub(crate) async fn set_life(&mut self, incarnation: Incarnation) -> Result<(), Fault> {
        let sql = "UPDATE feed_head SET incarnation = $1, incarnation_random = $2 WHERE id = 1";
        let values = vec![
            i64::from(incarnation.counter).into(),
            (incarnation.random as i64).into(),
        ];
        self.conn().execute(sql, values).await?;
        self.head.incarnation = Some(incarnation);
        Ok(())
    }
}
