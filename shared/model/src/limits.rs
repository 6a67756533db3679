//! The limits that both ends must agree on.

/// The largest record body, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// The most records in a batch, and in the transaction that applies it.
pub const MAX_BATCH_RECORDS: usize = 2_500;
/// The most parts of a batch. Each is a channel's, and no site comes near so many; it bounds what is decoded.
pub const MAX_BATCH_PARTS: usize = 32_768;
/// The most bytes of bodies in a batch; one record may exceed it alone.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// Unacknowledged batches each way.
pub const MAX_BATCHES_IN_FLIGHT: usize = 2;
/// The largest frame that the decoder accepts.
pub const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;
/// The most fields of a message of the sync stream, those of its lists' elements not counted: more than the parts of the
/// largest batch, and it bounds what is decoded.
pub const MAX_FRAME_FIELDS: usize = 65_536;
/// The highest Sync ID unless `max_sync_id` raises it.
pub const DEFAULT_MAX_SYNC_ID: u16 = 64;
/// The protocol version that this program speaks.
pub const PROTOCOL_VERSION: u32 = 1;
