//! A record's body as a model value, whatever its kind.

use bytes::Bytes;
use prost::Message;
use supplysync_model::{
    Assignment, Channel, Item, Kind, Name, Proposal, Record, RecordId, RecordKey, RevokedOperator, Site,
    SiteSettings, StockLine, Store, Transaction, Unit,
};

use crate::field::Field;
use crate::{CodecError, master, proposal, site, stock};

/// The content of a record of a kind that this version knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordBody {
    /// Kind 1.
    Unit(Unit),
    /// Kind 2.
    Item(Item),
    /// Kind 3.
    Name(Name),
    /// Kind 4.
    Store(Store),
    /// Kind 5.
    Site(Site),
    /// Kind 6.
    Assignment(Assignment),
    /// Kind 7.
    SiteSettings(SiteSettings),
    /// Kind 8.
    RevokedOperator(RevokedOperator),
    /// Kind 9.
    Proposal(Box<Proposal>),
    /// Kind 20.
    StockLine(StockLine),
    /// Kind 21.
    Transaction(Transaction),
}

/// The newest schema version of a kind that this program reads and the one that it writes; `None` for a kind that it
/// does not know.
pub const fn known_schema(kind: Kind) -> Option<u32> {
    match kind {
        Kind::UNIT | Kind::ITEM | Kind::NAME | Kind::STORE | Kind::SITE | Kind::ASSIGNMENT => Some(1),
        Kind::SITE_SETTINGS
        | Kind::REVOKED_OPERATOR
        | Kind::PROPOSAL
        | Kind::STOCK_LINE
        | Kind::TRANSACTION => Some(1),
        _ => None,
    }
}

impl RecordBody {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            RecordBody::Unit(_) => Kind::UNIT,
            RecordBody::Item(_) => Kind::ITEM,
            RecordBody::Name(_) => Kind::NAME,
            RecordBody::Store(_) => Kind::STORE,
            RecordBody::Site(_) => Kind::SITE,
            RecordBody::Assignment(_) => Kind::ASSIGNMENT,
            RecordBody::SiteSettings(_) => Kind::SITE_SETTINGS,
            RecordBody::RevokedOperator(_) => Kind::REVOKED_OPERATOR,
            RecordBody::Proposal(_) => Kind::PROPOSAL,
            RecordBody::StockLine(_) => Kind::STOCK_LINE,
            RecordBody::Transaction(_) => Kind::TRANSACTION,
        }
    }

    /// Kind and id.
    pub fn key(&self) -> RecordKey {
        let id: RecordId = match self {
            RecordBody::Unit(unit) => unit.id.into(),
            RecordBody::Item(item) => item.id.into(),
            RecordBody::Name(name) => name.id.into(),
            RecordBody::Store(store) => store.id.into(),
            RecordBody::Site(site) => site.sync_id.into(),
            RecordBody::Assignment(assignment) => assignment.store.into(),
            RecordBody::SiteSettings(settings) => settings.sync_id.into(),
            RecordBody::RevokedOperator(revoked) => site::operator_id(&revoked.name),
            RecordBody::Proposal(proposal) => proposal.id,
            RecordBody::StockLine(line) => line.id.into(),
            RecordBody::Transaction(transaction) => transaction.id.into(),
        };
        RecordKey {
            kind: self.kind(),
            id,
        }
    }

    /// Where it is routed.
    pub fn channel(&self) -> Channel {
        match self {
            RecordBody::Unit(_)
            | RecordBody::Item(_)
            | RecordBody::Name(_)
            | RecordBody::Store(_)
            | RecordBody::Site(_)
            | RecordBody::Assignment(_)
            | RecordBody::RevokedOperator(_) => Channel::Master,
            RecordBody::SiteSettings(settings) => Channel::Site(settings.sync_id),
            RecordBody::Proposal(proposal) => Channel::Site(proposal.owner),
            RecordBody::StockLine(line) => Channel::StoreStock(line.store),
            RecordBody::Transaction(transaction) => Channel::StoreHistory(transaction.store),
        }
    }

    /// The schema version and the bytes to store. Equal values give equal bytes.
    pub fn encode(&self) -> (u32, Bytes) {
        let bytes = match self {
            RecordBody::Unit(unit) => master::unit_to_wire(unit).encode_to_vec(),
            RecordBody::Item(item) => master::item_to_wire(item).encode_to_vec(),
            RecordBody::Name(name) => master::name_to_wire(name).encode_to_vec(),
            RecordBody::Store(store) => master::store_to_wire(store).encode_to_vec(),
            RecordBody::Site(site) => site::site_to_wire(site).encode_to_vec(),
            RecordBody::Assignment(assignment) => site::assignment_to_wire(assignment).encode_to_vec(),
            RecordBody::SiteSettings(settings) => site::settings_to_wire(settings).encode_to_vec(),
            RecordBody::RevokedOperator(revoked) => site::revoked_operator_to_wire(revoked).encode_to_vec(),
            RecordBody::Proposal(put) => proposal::proposal_to_wire(put).encode_to_vec(),
            RecordBody::StockLine(line) => stock::stock_line_to_wire(line).encode_to_vec(),
            RecordBody::Transaction(transaction) => stock::transaction_to_wire(transaction).encode_to_vec(),
        };
        (known_schema(self.kind()).unwrap_or_default(), bytes.into())
    }

    /// Reads a stored body. Fields that this version does not know are passed over; what it knows must be right.
    ///
    /// # Errors
    /// [`CodecError::UnknownKind`] and [`CodecError::NewerSchema`] wait for an upgrade;
    /// [`CodecError::Malformed`] never gets better.
    pub fn decode(kind: Kind, schema: u32, body: &[u8]) -> Result<RecordBody, CodecError> {
        let known = known_schema(kind).ok_or(CodecError::UnknownKind(kind))?;
        if schema > known {
            return Err(CodecError::NewerSchema { kind, schema, known });
        }
        if schema == 0 {
            return Err(CodecError::Malformed {
                kind,
                detail: "schema: 0 where versions begin at 1".to_owned(),
            });
        }
        let value = match kind {
            Kind::UNIT => read(body, master::unit).map(RecordBody::Unit),
            Kind::ITEM => read(body, master::item).map(RecordBody::Item),
            Kind::NAME => read(body, master::name).map(RecordBody::Name),
            Kind::STORE => read(body, master::store).map(RecordBody::Store),
            Kind::SITE => read(body, site::site).map(RecordBody::Site),
            Kind::ASSIGNMENT => read(body, site::assignment).map(RecordBody::Assignment),
            Kind::SITE_SETTINGS => read(body, site::settings).map(RecordBody::SiteSettings),
            Kind::REVOKED_OPERATOR => read(body, site::revoked_operator).map(RecordBody::RevokedOperator),
            Kind::PROPOSAL => read(body, proposal::proposal).map(|put| RecordBody::Proposal(Box::new(put))),
            Kind::STOCK_LINE => read(body, stock::stock_line).map(RecordBody::StockLine),
            Kind::TRANSACTION => read(body, stock::transaction).map(RecordBody::Transaction),
            _ => return Err(CodecError::UnknownKind(kind)),
        };
        value.map_err(|detail| CodecError::Malformed { kind, detail })
    }

    /// Reads a record's body and checks that it agrees with its envelope: the same id, the same channel. A tombstone
    /// of store data has no body, so ask only for records that have one.
    ///
    /// # Errors
    /// As [`RecordBody::decode`]; disagreement is [`CodecError::Malformed`].
    pub fn of_record(record: &Record) -> Result<RecordBody, CodecError> {
        let body = RecordBody::decode(record.key.kind, record.schema, &record.body)?;
        let disagrees = |detail| CodecError::Malformed {
            kind: record.key.kind,
            detail,
        };
        if body.key() != record.key {
            return Err(disagrees(format!(
                "id: {} in an envelope of {}",
                body.key().id,
                record.key.id
            )));
        }
        if body.channel() != record.channel {
            return Err(disagrees(format!(
                "channel: belongs to {}, came in {}",
                body.channel(),
                record.channel
            )));
        }
        Ok(body)
    }
}

fn read<W: Message + Default, M>(body: &[u8], to_model: impl FnOnce(W) -> Field<M>) -> Field<M> {
    let wire = W::decode(body).map_err(|error| format!("body: {error}"))?;
    to_model(wire)
}

macro_rules! from_model {
    ($($name:ident)*) => {$(
        impl From<$name> for RecordBody {
            fn from(value: $name) -> RecordBody {
                RecordBody::$name(value)
            }
        }
    )*};
}

from_model!(Unit Item Name Store Site Assignment SiteSettings RevokedOperator StockLine Transaction);
