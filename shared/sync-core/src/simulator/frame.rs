//! Both roles' machines behind one face, so that the simulator's driver is written once.

use supplysync_model::Timestamp;

use crate::{Effect, Input, PrimaryMessage, SatelliteMessage, primary, satellite};

/// A message on its way, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// From a satellite.
    ToPrimary(SatelliteMessage),
    /// From the primary.
    ToSatellite(PrimaryMessage),
}

/// A session machine of either role.
pub enum Machine {
    /// The primary's.
    Primary(Box<primary::Session>),
    /// A satellite's.
    Satellite(Box<satellite::Session>),
}

impl Machine {
    /// Takes one input. A frame for the other role is a defect of the simulator and is dropped.
    pub fn handle(&mut self, input: Input<Frame>, now: Timestamp) -> Vec<Effect<Frame>> {
        match self {
            Machine::Primary(session) => {
                let input = narrow(input, |frame| match frame {
                    Frame::ToPrimary(message) => Some(message),
                    Frame::ToSatellite(_) => None,
                });
                let effects = input.map(|input| session.handle(input, now));
                widen(effects, Frame::ToSatellite)
            }
            Machine::Satellite(session) => {
                let input = narrow(input, |frame| match frame {
                    Frame::ToSatellite(message) => Some(message),
                    Frame::ToPrimary(_) => None,
                });
                let effects = input.map(|input| session.handle(input, now));
                widen(effects, Frame::ToPrimary)
            }
        }
    }
}

fn narrow<M>(input: Input<Frame>, pick: impl Fn(Frame) -> Option<M>) -> Option<Input<M>> {
    Some(match input {
        Input::Received(frame) => Input::Received(pick(frame)?),
        Input::Connected { hello, push } => Input::Connected { hello, push },
        Input::LinkLost => Input::LinkLost,
        Input::Timer(id) => Input::Timer(id),
        Input::HeadMoved => Input::HeadMoved,
        Input::PeerOpened(op, state) => Input::PeerOpened(op, state),
        Input::LineageChecked(op, verdict) => Input::LineageChecked(op, verdict),
        Input::IncarnationAdopted(op, begins) => Input::IncarnationAdopted(op, begins),
        Input::LeaseGranted(op) => Input::LeaseGranted(op),
        Input::PageRead(op, page) => Input::PageRead(op, page),
        Input::ReportsRead(op, read) => Input::ReportsRead(op, read),
        Input::ReportRecorded(op, noted) => Input::ReportRecorded(op, noted),
        Input::Applied(op, outcome) => Input::Applied(op, outcome),
        Input::AckRecorded(op) => Input::AckRecorded(op),
        Input::Forgotten(op) => Input::Forgotten(op),
        Input::Failed(op, fault) => Input::Failed(op, fault),
        Input::SettingsChanged {
            serve,
            push,
            gathering,
        } => Input::SettingsChanged {
            serve,
            push,
            gathering,
        },
        Input::LifeMet { op, push } => Input::LifeMet { op, push },
        Input::Fenced => Input::Fenced,
        Input::Stop => Input::Stop,
    })
}

fn widen<M>(effects: Option<Vec<Effect<M>>>, wrap: impl Fn(M) -> Frame) -> Vec<Effect<Frame>> {
    let effects = effects.into_iter().flatten();
    effects
        .map(|effect| match effect {
            Effect::Send(message) => Effect::Send(wrap(message)),
            Effect::OpenPeer(op, hello) => Effect::OpenPeer(op, hello),
            Effect::CheckLineage(op, held, pushed) => Effect::CheckLineage(op, held, pushed),
            Effect::MeetLife {
                op,
                life,
                pushed,
                stands,
            } => Effect::MeetLife {
                op,
                life,
                pushed,
                stands,
            },
            Effect::AdoptIncarnation(op, life, resume) => Effect::AdoptIncarnation(op, life, resume),
            Effect::GrantLease(op, life, begins) => Effect::GrantLease(op, life, begins),
            Effect::ReadPage(op, request) => Effect::ReadPage(op, request),
            Effect::Apply(op, request) => Effect::Apply(op, request),
            Effect::RecordAck(op, ack) => Effect::RecordAck(op, ack),
            Effect::Forget(op, channels) => Effect::Forget(op, channels),
            Effect::ReadReports(op, noted) => Effect::ReadReports(op, noted),
            Effect::RecordReport(op, report) => Effect::RecordReport(op, report),
            Effect::SetTimer(id, at) => Effect::SetTimer(id, at),
            Effect::CancelTimer(id) => Effect::CancelTimer(id),
            Effect::Close(reason) => Effect::Close(reason),
            Effect::Report(report) => Effect::Report(report),
        })
        .collect()
}
