//! The synchronisation protocol as pure code: messages, session machines, verdicts, routing, digests, chain.
//! No IO, no async, no clock, no randomness: time and random bits are arguments (enforced by `cargo xtask tidy`).

mod backoff;
mod chain;
mod cursor;
mod decide;
mod effect;
mod hash;
mod message;
mod part;
mod recovery;
mod session;
#[cfg(feature = "simulator")]
pub mod simulator;
mod store_move;

pub use backoff::full_jitter;
pub use chain::{Salt, extend_chain};
pub use cursor::Cursor;
pub use decide::{
    GivingBack, Refusal, Tenure, Verdict, decide_give_back, decide_pull, decide_push, decide_repair,
    may_write, tenure_matters,
};
pub use effect::{
    ApplyOutcome, ApplyRequest, CloseReason, Comparison, Direction, Effect, Input, LineageVerdict, OpId,
    PageRequest, PeerState, Report, ReportsRead, TimerId,
};
pub use hash::{BUCKETS, body_hash, bucket_of, record_hash, seal};
pub use message::{
    Ack, ChannelAck, Hello, PrimaryLife, PrimaryMessage, Refused, ReportNoted, SatelliteMessage, Served,
    Welcome,
};
pub use part::{Batch, OwnerProof, Page, Part};
pub use recovery::{LeftOver, OwnRecord, Reunion, Reunited, is_own_work};
pub use session::{Mode, SessionLimits, primary, satellite};
pub use store_move::{
    LoadFacts, MoveFacts, MoveWait, OwnSide, announced, answer, begun, called_off, judge_load, judge_move,
    renewed,
};
