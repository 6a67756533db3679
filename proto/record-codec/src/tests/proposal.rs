//! Proposals, with whatever change they quote.

use proptest::collection::vec;
use proptest::prelude::*;
use supplysync_model::*;

use super::{id, text};
use crate::RecordBody;

pub(super) fn proposal() -> impl Strategy<Value = RecordBody> {
    let change = (
        any::<u16>(),
        id(RecordId::from_bytes),
        any::<[u8; 16]>(),
        any::<u64>(),
        any::<u32>(),
        any::<bool>(),
    );
    let change =
        (change, vec(any::<u8>(), 0..40)).prop_map(|((kind, id, hash, number, schema, deleted), body)| {
            Record {
                key: RecordKey { kind: Kind(kind), id },
                channel: Channel::StoreHistory(StoreId::from_bytes(hash)),
                origin_site: SyncId::PRIMARY,
                epoch: Epoch::from_packed(number),
                revision: number,
                schema,
                deleted,
                hash: RecordHash(hash),
                body: body.into(),
            }
        });
    (id(RecordId::from_bytes), change, text(), text()).prop_map(|(id, change, reason, note)| {
        RecordBody::Proposal(Box::new(Proposal {
            id,
            owner: change.origin_site,
            from_site: change.origin_site,
            change,
            proposed_by: reason.clone(),
            reason,
            note,
        }))
    })
}
