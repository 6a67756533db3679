//! What a satellite says ↔ wire.

use supplysync_api::v1;
use supplysync_api::v1::satellite_message::Message as Wire;
use supplysync_model::{Fault, SiteReport};
use supplysync_sync_core::{Hello, SatelliteMessage};

use super::ack::{ack, ack_to_wire};
use super::batch::{Packing, batch, batch_to_wire};
use super::report::{answer, move_report, offer, report_to_wire, wish};
use super::scalar::{
    NAME_BYTES, checkpoint, checkpoint_to_wire, cursors, cursors_to_wire, incarnation, incarnation_to_wire,
    missing, sync_id, text,
};
use super::{Frame, Read, Violation};

impl Frame for v1::SatelliteMessage {
    type Message = SatelliteMessage;

    fn write(message: SatelliteMessage, packing: Packing) -> Result<v1::SatelliteMessage, Fault> {
        let message = match message {
            SatelliteMessage::Hello(hello) => Wire::Hello(hello_to_wire(hello)),
            SatelliteMessage::LineageOk { incarnation, begins } => Wire::LineageOk(v1::LineageOk {
                incarnation: Some(incarnation_to_wire(incarnation)),
                begins: begins.map(checkpoint_to_wire),
            }),
            SatelliteMessage::LineageBroken => Wire::LineageBroken(v1::LineageBroken {}),
            SatelliteMessage::Batch(batch) => Wire::Batch(batch_to_wire(batch, packing)?),
            SatelliteMessage::Ack(ack) => Wire::Ack(ack_to_wire(ack)),
            SatelliteMessage::Heartbeat => Wire::Heartbeat(v1::Heartbeat {}),
            SatelliteMessage::Bye => Wire::Bye(v1::Bye {}),
            SatelliteMessage::Report(report) => report_to_wire(report),
        };
        Ok(v1::SatelliteMessage {
            message: Some(message),
        })
    }

    fn read(self) -> Result<SatelliteMessage, Violation> {
        Ok(match self.message {
            None => {
                return Err(Violation::new(
                    "a message is empty, or this version does not know it",
                ));
            }
            Some(Wire::Hello(wire)) => SatelliteMessage::Hello(hello(wire)?),
            Some(Wire::LineageOk(wire)) => SatelliteMessage::LineageOk {
                incarnation: wire
                    .incarnation
                    .map(incarnation)
                    .ok_or_else(|| missing("the incarnation of LineageOk"))?,
                begins: wire.begins.map(checkpoint).transpose()?,
            },
            Some(Wire::LineageBroken(_)) => SatelliteMessage::LineageBroken,
            Some(Wire::Batch(wire)) => SatelliteMessage::Batch(batch(wire)?),
            Some(Wire::Ack(wire)) => SatelliteMessage::Ack(ack(wire)?),
            Some(Wire::Heartbeat(_)) => SatelliteMessage::Heartbeat,
            Some(Wire::Bye(_)) => SatelliteMessage::Bye,
            Some(Wire::Move(wire)) => SatelliteMessage::Report(SiteReport::Move(move_report(wire)?)),
            Some(Wire::Answer(wire)) => SatelliteMessage::Report(SiteReport::Answer(answer(wire)?)),
            Some(Wire::Offer(wire)) => SatelliteMessage::Report(SiteReport::Offer(Box::new(offer(wire)?))),
            Some(Wire::Wish(told)) => SatelliteMessage::Report(SiteReport::Wish(wish(told)?)),
            Some(Wire::Recovered(life)) => SatelliteMessage::Report(SiteReport::Recovered(incarnation(life))),
            Some(Wire::GivenBack(life)) => SatelliteMessage::Report(SiteReport::GivenBack(incarnation(life))),
        })
    }
}

fn hello(wire: v1::Hello) -> Read<Hello> {
    let codes = wire.store_codes.into_iter();
    Ok(Hello {
        protocol_min: wire.protocol_min,
        protocol_max: wire.protocol_max,
        software_version: text("the software version", wire.software_version, NAME_BYTES)?,
        sync_id: sync_id("the Hello's", wire.sync_id)?,
        site_name: text("the name of the site", wire.site_name, NAME_BYTES)?,
        store_codes: codes
            .map(|code| text("a store's code", code, NAME_BYTES))
            .collect::<Read<_>>()?,
        incarnation: wire.incarnation.map(incarnation),
        head: wire.head.map(checkpoint).transpose()?,
        checkpoint: wire.checkpoint.map(checkpoint).transpose()?,
        cursors: cursors(wire.cursors)?,
        recovers: wire.recovers,
    })
}

fn hello_to_wire(hello: Hello) -> v1::Hello {
    v1::Hello {
        protocol_min: hello.protocol_min,
        protocol_max: hello.protocol_max,
        software_version: hello.software_version,
        sync_id: hello.sync_id.get().into(),
        site_name: hello.site_name,
        store_codes: hello.store_codes,
        incarnation: hello.incarnation.map(incarnation_to_wire),
        head: hello.head.map(checkpoint_to_wire),
        checkpoint: hello.checkpoint.map(checkpoint_to_wire),
        cursors: cursors_to_wire(hello.cursors),
        recovers: hello.recovers,
    }
}
