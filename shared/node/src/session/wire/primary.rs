//! What a primary says ↔ wire.

use supplysync_api::v1;
use supplysync_api::v1::primary_message::Message as Wire;
use supplysync_model::Fault;
use supplysync_sync_core::{PrimaryLife, PrimaryMessage, Refused, Welcome};

use super::ack::{ack, ack_to_wire};
use super::batch::{Packing, batch, batch_to_wire};
use super::report::{noted, noted_to_wire};
use super::scalar::{
    NAME_BYTES, WORDS_BYTES, checkpoint, checkpoint_to_wire, cursors, cursors_to_wire, incarnation,
    incarnation_to_wire, missing, seq, served, served_to_wire, text,
};
use super::{Frame, Read, Violation};

impl Frame for v1::PrimaryMessage {
    type Message = PrimaryMessage;

    fn write(message: PrimaryMessage, packing: Packing) -> Result<v1::PrimaryMessage, Fault> {
        let message = match message {
            PrimaryMessage::Welcome(welcome) => Wire::Welcome(welcome_to_wire(welcome)),
            PrimaryMessage::Refused(refused) => Wire::Refused(v1::Refused {
                reason: refused.reason,
                message: refused.message,
                retryable: refused.retryable,
            }),
            PrimaryMessage::Ready => Wire::Ready(v1::Ready {}),
            PrimaryMessage::Serve(serve) => Wire::Serve(v1::Serve {
                channels: served_to_wire(serve),
            }),
            PrimaryMessage::Batch(batch) => Wire::Batch(batch_to_wire(batch, packing)?),
            PrimaryMessage::Ack(ack) => Wire::Ack(ack_to_wire(ack)),
            PrimaryMessage::Heartbeat => Wire::Heartbeat(v1::Heartbeat {}),
            PrimaryMessage::Bye => Wire::Bye(v1::Bye {}),
            PrimaryMessage::Noted(noted) => Wire::Noted(noted_to_wire(noted)),
        };
        Ok(v1::PrimaryMessage {
            message: Some(message),
        })
    }

    fn read(self) -> Result<PrimaryMessage, Violation> {
        Ok(match self.message {
            None => {
                return Err(Violation::new(
                    "a message is empty, or this version does not know it",
                ));
            }
            Some(Wire::Welcome(wire)) => PrimaryMessage::Welcome(welcome(wire)?),
            Some(Wire::Refused(wire)) => PrimaryMessage::Refused(Refused {
                reason: text("a reason", wire.reason, NAME_BYTES)?,
                message: text("a message", wire.message, WORDS_BYTES)?,
                retryable: wire.retryable,
            }),
            Some(Wire::Ready(_)) => PrimaryMessage::Ready,
            Some(Wire::Serve(wire)) => PrimaryMessage::Serve(served(wire.channels)?),
            Some(Wire::Batch(wire)) => PrimaryMessage::Batch(batch(wire)?),
            Some(Wire::Ack(wire)) => PrimaryMessage::Ack(ack(wire)?),
            Some(Wire::Heartbeat(_)) => PrimaryMessage::Heartbeat,
            Some(Wire::Bye(_)) => PrimaryMessage::Bye,
            Some(Wire::Noted(wire)) => PrimaryMessage::Noted(noted(wire)?),
        })
    }
}

fn welcome(wire: v1::Welcome) -> Read<Welcome> {
    let mismatches = wire.mismatches.into_iter();
    Ok(Welcome {
        protocol: wire.protocol,
        software_version: text("the software version", wire.software_version, NAME_BYTES)?,
        session: wire.session,
        assigned_incarnation: wire.assigned_incarnation.map(incarnation),
        resume_after: seq("the seq of a new life", wire.resume_after)?,
        checkpoint: wire.checkpoint.map(checkpoint).transpose()?,
        cursors: cursors(wire.cursors)?,
        serve: served(wire.serve)?,
        life: wire.life.map(life).transpose()?,
        stands: wire.stands.map(|stands| cursors(stands.cursors)).transpose()?,
        mismatches: mismatches
            .map(|words| text("a mismatch", words, WORDS_BYTES))
            .collect::<Read<_>>()?,
    })
}

fn life(wire: v1::PrimaryLife) -> Read<PrimaryLife> {
    let began = wire
        .began
        .ok_or_else(|| missing("the beginning of the primary's life"))?;
    Ok(PrimaryLife {
        began: checkpoint(began)?,
        gathering: wire.gathering,
        given_back: wire.given_back,
    })
}

fn life_to_wire(life: PrimaryLife) -> v1::PrimaryLife {
    v1::PrimaryLife {
        began: Some(checkpoint_to_wire(life.began)),
        gathering: life.gathering,
        given_back: life.given_back,
    }
}

fn welcome_to_wire(welcome: Welcome) -> v1::Welcome {
    v1::Welcome {
        protocol: welcome.protocol,
        software_version: welcome.software_version,
        session: welcome.session,
        assigned_incarnation: welcome.assigned_incarnation.map(incarnation_to_wire),
        resume_after: welcome.resume_after,
        checkpoint: welcome.checkpoint.map(checkpoint_to_wire),
        cursors: cursors_to_wire(welcome.cursors),
        serve: served_to_wire(welcome.serve),
        life: welcome.life.map(life_to_wire),
        stands: welcome.stands.map(|stands| v1::Stands {
            cursors: cursors_to_wire(stands),
        }),
        mismatches: welcome.mismatches,
    }
}
