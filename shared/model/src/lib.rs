//! The words of Supplysync as types: ids, kinds, channels, records, master data, stock, sites, faults, clock.
//! No IO, no wire or database format: those live in `record-codec`, `api` and `store`.

mod amount;
mod channel;
mod clock;
mod epoch;
mod fault;
mod id;
mod kind;
pub mod limits;
mod lineage;
mod master;
mod proposal;
mod random;
mod record;
mod site;
mod stock;

pub use amount::{Amount, AmountError};
pub use channel::{Channel, ChannelParseError};
pub use clock::{Clock, Date, Timestamp, format_date, parse_date};
pub use epoch::Epoch;
pub use fault::{Fault, FaultCode, FieldViolation, Reason};
pub use id::{IdParseError, ItemId, NameId, RecordId, StockLineId, StoreId, SyncId, TransactionId, UnitId};
pub use kind::Kind;
pub use lineage::{Chain, Checkpoint, Incarnation};
pub use master::{Item, ItemType, Name, NameRole, Store, StoreMode, Unit, VenCategory};
pub use proposal::{Offer, Proposal, ProposalAnswer, ReportSubject, SiteReport};
pub use random::{Random, uuid_v7};
pub use record::{Digest, Record, RecordHash, RecordKey, RecordVersion, Seq};
pub use site::{
    Assignment, AssignmentState, CopyGrant, CopyWish, HandOver, MoveReport, MoveStep, RevokedOperator, Site,
    SiteSettings, StoreTotals, Withdrawn,
};
pub use stock::{StatusChange, StockLine, Transaction, TransactionLine, TransactionStatus, TransactionType};
