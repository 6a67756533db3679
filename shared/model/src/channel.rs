//! Channels: what is routed as a unit, in rank order.

use std::fmt;
use std::str::FromStr;

use crate::{Kind, StoreId, SyncId};

/// A channel. The order of the variants is the rank: a record depends on lower ranks only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Master data, for every site.
    Master,
    /// What only that site must know.
    Site(SyncId),
    /// A store's stock lines.
    StoreStock(StoreId),
    /// A store's transactions.
    StoreHistory(StoreId),
}

impl Channel {
    /// 0 for master, 1 for site, 2 for stock, 3 for history.
    pub const fn rank(self) -> u8 {
        match self {
            Channel::Master => 0,
            Channel::Site(_) => 1,
            Channel::StoreStock(_) => 2,
            Channel::StoreHistory(_) => 3,
        }
    }

    /// The store whose data the channel carries, if any.
    pub const fn store(self) -> Option<StoreId> {
        match self {
            Channel::Master | Channel::Site(_) => None,
            Channel::StoreStock(store) | Channel::StoreHistory(store) => Some(store),
        }
    }

    /// Both channels of a store, in rank order.
    pub const fn of_store(store: StoreId) -> [Channel; 2] {
        [Channel::StoreStock(store), Channel::StoreHistory(store)]
    }

    /// Whether a record of this kind belongs here. A kind this version does not know may be anywhere.
    pub fn admits(self, kind: Kind) -> bool {
        match kind {
            Kind::UNIT
            | Kind::ITEM
            | Kind::NAME
            | Kind::STORE
            | Kind::SITE
            | Kind::ASSIGNMENT
            | Kind::REVOKED_OPERATOR => self == Channel::Master,
            Kind::SITE_SETTINGS | Kind::PROPOSAL => matches!(self, Channel::Site(_)),
            Kind::STOCK_LINE => matches!(self, Channel::StoreStock(_)),
            Kind::TRANSACTION => matches!(self, Channel::StoreHistory(_)),
            _ => true,
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Channel::Master => f.write_str("master"),
            Channel::Site(id) => write!(f, "site/{id}"),
            Channel::StoreStock(store) => write!(f, "store/{store}/stock"),
            Channel::StoreHistory(store) => write!(f, "store/{store}/history"),
        }
    }
}

/// A text that names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a channel: expected master, site/<sync id>, store/<id>/stock or store/<id>/history")]
pub struct ChannelParseError(pub String);

impl FromStr for Channel {
    type Err = ChannelParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split('/');
            let channel = match (parts.next()?, parts.next(), parts.next()) {
                ("master", None, None) => Channel::Master,
                ("site", Some(id), None) => Channel::Site(id.parse().ok()?),
                ("store", Some(id), Some("stock")) => Channel::StoreStock(id.parse().ok()?),
                ("store", Some(id), Some("history")) => Channel::StoreHistory(id.parse().ok()?),
                _ => return None,
            };
            parts.next().is_none().then_some(channel)
        };
        parse().ok_or_else(|| ChannelParseError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back_and_rank_is_the_order() {
        let store = StoreId::from_bytes([3; 16]);
        let site = SyncId::new(9).map(Channel::Site);
        let channels = [
            Some(Channel::Master),
            site,
            Some(Channel::StoreStock(store)),
            Some(Channel::StoreHistory(store)),
        ];
        let channels: Vec<_> = channels.into_iter().flatten().collect();
        assert!(channels.is_sorted());
        assert!(channels.iter().map(|channel| channel.rank()).is_sorted());
        for channel in channels {
            assert_eq!(channel.to_string().parse(), Ok(channel));
        }
        assert!("store/x/stock".parse::<Channel>().is_err());
        assert!("master/".parse::<Channel>().is_err());
    }
}
