//! Proposals ↔ their stored bodies.

use supplysync_model::{Epoch, Kind, Proposal, Record, RecordHash, RecordId, RecordKey};

use crate::field::{Field, id, sync_id, text};
use crate::wire;

pub(crate) fn proposal_to_wire(proposal: &Proposal) -> wire::Proposal {
    let change = &proposal.change;
    wire::Proposal {
        id: proposal.id.to_bytes().into(),
        owner: proposal.owner.get().into(),
        change: Some(wire::ProposedChange {
            kind: change.key.kind.0.into(),
            id: change.key.id.to_bytes().into(),
            channel: change.channel.to_string(),
            origin_site: change.origin_site.get().into(),
            epoch: change.epoch.packed(),
            revision: change.revision,
            schema: change.schema,
            deleted: change.deleted,
            hash: change.hash.0.into(),
            body: change.body.clone().into(),
        }),
        from_site: proposal.from_site.get().into(),
        reason: proposal.reason.clone(),
        proposed_by: proposal.proposed_by.clone(),
        note: proposal.note.clone(),
    }
}

pub(crate) fn proposal(wire: wire::Proposal) -> Field<Proposal> {
    let change = wire.change.ok_or_else(|| "change: is missing".to_owned())?;
    Ok(Proposal {
        id: id("id", &wire.id)?,
        owner: sync_id("owner", wire.owner)?,
        change: proposed(change)?,
        from_site: sync_id("from_site", wire.from_site)?,
        reason: text("reason", wire.reason)?,
        proposed_by: text("proposed_by", wire.proposed_by)?,
        note: text("note", wire.note)?,
    })
}

fn proposed(wire: wire::ProposedChange) -> Field<Record> {
    let kind = u16::try_from(wire.kind).map_err(|_| format!("change.kind: {} is out of range", wire.kind))?;
    let channel = wire.channel.parse();
    let hash = wire.hash.as_slice().try_into();
    let hash = hash.map_err(|_| format!("change.hash: {} bytes instead of 16", wire.hash.len()))?;
    Ok(Record {
        key: RecordKey {
            kind: Kind(kind),
            id: id::<RecordId>("change.id", &wire.id)?,
        },
        channel: channel.map_err(|error| format!("change.channel: {error}"))?,
        origin_site: sync_id("change.origin_site", wire.origin_site)?,
        epoch: Epoch::from_packed(wire.epoch),
        revision: wire.revision,
        schema: wire.schema,
        deleted: wire.deleted,
        hash: RecordHash(hash),
        body: wire.body.into(),
    })
}
