//! Short words for the history: channels by the first digits of their store, cursors in a few letters.

use std::fmt;

use supplysync_model::{Channel, Checkpoint, RecordKey};

use super::frame::Frame;
use crate::{Ack, Batch, Cursor, PrimaryMessage, Report, SatelliteMessage};

/// A channel.
pub fn channel(channel: Channel) -> String {
    match channel {
        Channel::Master | Channel::Site(_) => channel.to_string(),
        Channel::StoreStock(store) => format!("stock/{}", &store.to_string()[..4]),
        Channel::StoreHistory(store) => format!("history/{}", &store.to_string()[..4]),
    }
}

/// A record's key.
pub fn key(key: RecordKey) -> String {
    format!("{} {}", key.kind, &key.id.to_string()[..8])
}

/// A cursor: `-` for none.
pub fn cursor(cursor: Option<Cursor>) -> String {
    match cursor {
        None => "-".to_owned(),
        Some(Cursor::Following { seq }) => format!("F{seq}"),
        Some(Cursor::Loading { head, last: None }) => format!("L{head}"),
        Some(Cursor::Loading {
            head,
            last: Some(last),
        }) => format!("L{head} past {}", key(last)),
    }
}

/// A point of a feed: its seq, and the first digits of incarnation and chain.
pub fn point(point: Option<Checkpoint>) -> String {
    point.map_or("-".to_owned(), |point| {
        let chain = u16::from_be_bytes([point.chain.0[0], point.chain.0[1]]);
        format!(
            "{}:{:04x}@{}.{:04x}",
            point.seq,
            chain,
            point.incarnation.counter,
            point.incarnation.random >> 48
        )
    })
}

fn cursors(cursors: &[(Channel, Cursor)]) -> String {
    let words: Vec<_> = cursors
        .iter()
        .map(|(of, at)| format!("{} {}", channel(*of), cursor(Some(*at))))
        .collect();
    words.join(", ")
}

fn batch(batch: &Batch) -> String {
    let parts: Vec<_> = batch
        .parts
        .iter()
        .map(|part| {
            let end = if part.caught_up { ", caught up" } else { "" };
            format!(
                "{} {} to {} ({}{end})",
                channel(part.channel),
                cursor(part.from),
                cursor(Some(part.through)),
                part.records.len()
            )
        })
        .collect();
    format!(
        "Batch {} at {}: {}",
        batch.number,
        point(Some(batch.checkpoint)),
        parts.join("; ")
    )
}

fn ack(ack: &Ack) -> String {
    let at: Vec<_> = ack
        .channels
        .iter()
        .map(|acked| (acked.channel, acked.cursor))
        .collect();
    let refused: Vec<_> = ack.refused.iter().map(|refusal| key(refusal.key)).collect();
    format!(
        "Ack {} with head {}: {}; refused {refused:?}",
        ack.number,
        point(Some(ack.head)),
        cursors(&at)
    )
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::ToPrimary(SatelliteMessage::Batch(sent))
            | Frame::ToSatellite(PrimaryMessage::Batch(sent)) => f.write_str(&batch(sent)),
            Frame::ToPrimary(SatelliteMessage::Ack(sent)) | Frame::ToSatellite(PrimaryMessage::Ack(sent)) => {
                f.write_str(&ack(sent))
            }
            Frame::ToPrimary(SatelliteMessage::Hello(hello)) => write!(
                f,
                "Hello, head {}, knows {}: {}",
                point(hello.head),
                point(hello.checkpoint),
                cursors(&hello.cursors)
            ),
            Frame::ToSatellite(PrimaryMessage::Welcome(welcome)) => {
                let serve: Vec<_> = welcome
                    .serve
                    .iter()
                    .map(|served| channel(served.channel))
                    .collect();
                write!(
                    f,
                    "Welcome, knows {}: {}; serves {}",
                    point(welcome.checkpoint),
                    cursors(&welcome.cursors),
                    serve.join(", ")
                )
            }
            Frame::ToSatellite(PrimaryMessage::Serve(serve)) => {
                let serve: Vec<_> = serve.iter().map(|served| channel(served.channel)).collect();
                write!(f, "Serve {}", serve.join(", "))
            }
            Frame::ToSatellite(PrimaryMessage::Refused(refused)) => write!(f, "Refused {}", refused.reason),
            Frame::ToPrimary(message) => write!(f, "{message:?}"),
            Frame::ToSatellite(message) => write!(f, "{message:?}"),
        }
    }
}

/// A report; of comparisons only those that are not equal.
pub fn report(report: &Report) -> Option<String> {
    match report {
        Report::Compared(comparisons) => {
            let unequal: Vec<_> = comparisons
                .iter()
                .filter(|comparison| !comparison.equal || comparison.explained)
                .map(|comparison| {
                    let how = if comparison.explained {
                        "explained"
                    } else {
                        "different"
                    };
                    format!("{} {how} at {}", channel(comparison.channel), comparison.seq)
                })
                .collect();
            (!unequal.is_empty()).then(|| format!("Compared: {}", unequal.join(", ")))
        }
        Report::Totals(_) | Report::Applied { .. } => None,
        report => Some(format!("{report:?}")),
    }
}
