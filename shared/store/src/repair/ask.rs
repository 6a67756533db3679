//! Asking for a repair: the receiver's cursor goes back to the beginning of a load. The sender sees that at the next Hello or
//! Welcome, and sends all that it has.

use supplysync_model::{Channel, Fault, StoreId, SyncId};
use supplysync_sync_core::Direction;

use super::Repair;
use crate::cursor::direction_number;
use crate::projection::raw::{Rows, Table};
use crate::{AuditEntry, Queries, WriteTx};

pub(super) const REPAIR: Table = Table {
    name: "repair",
    columns: &[
        "peer", "channel", "begun_at", "asked_by", "replaced", "removed", "ended_at", "equal",
    ],
    key: 2,
    lasting: &[],
    keep: 0,
};

/// Who asks for a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A person: the certificate's principal, and the address.
    By {
        /// The principal.
        principal: String,
        /// From where.
        from: String,
    },
    /// This site by itself, because a comparison found a difference.
    ByItself,
}

/// A repair that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairOrder {
    /// The copy.
    pub channel: Channel,
    /// The site that it comes from.
    pub from: SyncId,
}

impl Queries {
    /// The site that a channel comes from: `None` for what this site owns, and what nobody keeps up.
    pub(crate) async fn sources(&self) -> Result<Vec<RepairOrder>, Fault> {
        let cursors = self.cursors().await?;
        let received = cursors.iter().filter(|row| row.we_receive);
        let orders = received.map(|row| RepairOrder {
            channel: row.channel,
            from: row.peer,
        });
        Ok(orders.collect())
    }

    /// A channel as people call it.
    pub(crate) async fn channel_in_words(&self, channel: Channel) -> Result<String, Fault> {
        let part = match channel {
            Channel::Master => return Ok("the master lists".to_owned()),
            Channel::Site(site) => return Ok(format!("the settings of site {site}")),
            Channel::StoreStock(_) => "stock",
            Channel::StoreHistory(_) => "history",
        };
        let store = channel.store().into_iter().collect::<Vec<StoreId>>();
        let known = self.stores(&store).await?;
        let code = known.first().map(|found| found.value.code.clone());
        let code = code.or_else(|| store.first().map(StoreId::to_string));
        Ok(format!("{part} of store {}", code.unwrap_or_default()))
    }

    pub(super) async fn site_in_words(&self, site: SyncId) -> Result<String, Fault> {
        let known = self.site(site).await?;
        Ok(match known {
            Some(known) => format!("site {site} ({})", known.value.name),
            None => format!("site {site}"),
        })
    }
}

impl WriteTx {
    /// Asks for the repair of copies: what each of these channels has is loaded afresh from where it comes. Those that do not
    /// come from anywhere are left out. What was asked for; a session that is open must begin again.
    pub async fn ask_repairs(
        &mut self,
        channels: impl IntoIterator<Item = Channel>,
        asked: &Asked,
    ) -> Result<Vec<RepairOrder>, Fault> {
        let sources = self.sources().await?;
        let mut orders = Vec::new();
        for channel in channels {
            if let Some(order) = sources.iter().find(|order| order.channel == channel) {
                self.ask_repair(*order, asked).await?;
                orders.push(*order);
            }
        }
        Ok(orders)
    }

    async fn ask_repair(&mut self, order: RepairOrder, asked: &Asked) -> Result<(), Fault> {
        let RepairOrder { channel, from } = order;
        let number = self.number_channel(channel).await?;
        let direction = match self.sync_id().is_primary() {
            true => Direction::Push,
            false => Direction::Pull,
        };
        let peer = i32::from(from.get());
        let sql = format!(
            "UPDATE cursor SET state = 0, last_kind = NULL, last_id = NULL, caught_up_at = NULL \
             WHERE peer = $1 AND channel = $2 AND direction = {}",
            direction_number(direction)
        );
        self.conn().execute(sql, vec![peer.into(), number.into()]).await?;
        let here = self.sync_id();
        let (asked_by, principal, address) = match asked {
            Asked::By { principal, from } => (principal.clone(), principal.clone(), from.clone()),
            Asked::ByItself => (String::new(), format!("site/{here}"), String::new()),
        };
        let mut rows = Rows::new(&REPAIR);
        rows.push([
            peer.into(),
            number.into(),
            self.now().0.into(),
            asked_by.into(),
            0i64.into(),
            0i64.into(),
            Option::<i64>::None.into(),
            Option::<bool>::None.into(),
        ]);
        rows.upsert(self.conn()).await?;
        if here.is_primary() {
            // A session of the site that is open went by the cursor that was, on whatever server it is.
            self.take_lease_away(from).await?;
        }
        let (what, whom) = (
            self.channel_in_words(channel).await?,
            self.site_in_words(from).await?,
        );
        let entry = AuditEntry {
            at: self.now(),
            principal,
            from: address,
            action: "repair.begin".to_owned(),
            subject: what,
            old: String::new(),
            new: format!("asked of {whom}"),
        };
        self.audit(entry).await
    }

    /// Calls off a repair whose copy does not come from there any more: what is followed goes on from where it was.
    pub(super) async fn call_off_repair(&mut self, repair: &Repair) -> Result<(), Fault> {
        let sql = "UPDATE repair SET ended_at = $3, equal = NULL WHERE peer = $1 AND channel = $2";
        let (peer, number) = (i32::from(repair.peer.get()), repair.number);
        let values = vec![peer.into(), number.into(), self.now().0.into()];
        self.conn().execute(sql, values).await?;
        let sql = format!(
            "UPDATE cursor SET state = 1, last_kind = NULL, last_id = NULL \
             WHERE peer = $1 AND channel = $2 AND state = 0 AND direction = {}",
            direction_number(Direction::Push)
        );
        self.conn()
            .execute(sql, vec![peer.into(), number.into()])
            .await
            .map(drop)
    }
}
