//! A satellite's side of a session, spoken by hand: for attempts that a real satellite never makes, and for many
//! satellites in one process. It keeps nothing of what it receives.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use prost::Message as _;
use supplysync_api::fault::{Refusal, from_status};
use supplysync_api::v1::satellite_message::Message;
use supplysync_api::v1::{
    Ack, Batch, BatchPayload, ChannelAck, Checkpoint, Hello, Incarnation, LineageOk, PayloadEncoding,
    PrimaryMessage, SatelliteMessage, primary_message,
};
use supplysync_model::FaultCode;
use supplysync_net::zstd;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status, Streaming};

use crate::{Client, Outcome, within};

/// Metadata of the call that carry the credential that all sites share.
const USER_NAME: &str = "x-supplysync-user-bin";
const PASSWORD: &str = "x-supplysync-password-bin";
/// How long the primary may take to say anything.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// The most that a batch inflates to.
const MAX_PAYLOAD_BYTES: usize = 4 * 1024 * 1024;

/// An attempt to open a session.
#[derive(Debug, Clone)]
pub struct SessionAttempt {
    /// What is said first.
    pub hello: Hello,
    /// Sent with the call.
    pub user_name: String,
    /// Sent with the call.
    pub password: String,
}

/// A session that was opened.
pub struct OpenSession {
    send: mpsc::Sender<SatelliteMessage>,
    receive: Streaming<PrimaryMessage>,
    incarnation: Option<Incarnation>,
    /// Names of the channels to be served that have not been caught up yet.
    behind: HashSet<Vec<u8>>,
    /// Records that came, by channel.
    held: BTreeMap<Vec<u8>, u64>,
}

impl SessionAttempt {
    /// As a new satellite begins.
    pub fn new(sync_id: u16, site_name: &str, credential: (&str, &str)) -> SessionAttempt {
        let hello = Hello {
            protocol_min: 1,
            protocol_max: 1,
            software_version: "by hand".into(),
            sync_id: sync_id.into(),
            site_name: site_name.to_owned(),
            ..Hello::default()
        };
        SessionAttempt {
            hello,
            user_name: credential.0.to_owned(),
            password: credential.1.to_owned(),
        }
    }

    /// As the satellite of that session dials again, which has kept nothing but its incarnation.
    pub fn again(&self, before: &OpenSession) -> SessionAttempt {
        let mut again = self.clone();
        again.hello.incarnation = before.incarnation;
        again.hello.head = before.incarnation.map(|incarnation| Checkpoint {
            incarnation: Some(incarnation),
            seq: 0,
            chain: vec![0; 16],
        });
        again
    }

    /// Opens the call and says Hello.
    pub async fn open(&self, client: &Client) -> Outcome<Result<OpenSession, Status>> {
        self.open_with(client, Message::Hello(self.hello.clone())).await
    }

    /// Opens the call and says something else first.
    pub async fn open_with(&self, client: &Client, first: Message) -> Outcome<Result<OpenSession, Status>> {
        let (send, messages) = mpsc::channel(8);
        send.send(SatelliteMessage { message: Some(first) }).await?;
        let mut request = Request::new(ReceiverStream::new(messages));
        let metadata = request.metadata_mut();
        metadata.insert_bin(USER_NAME, MetadataValue::from_bytes(self.user_name.as_bytes()));
        metadata.insert_bin(PASSWORD, MetadataValue::from_bytes(self.password.as_bytes()));
        let called = client.sync().sync(request).await;
        Ok(called.map(|response| OpenSession {
            send,
            receive: response.into_inner(),
            incarnation: self.hello.incarnation,
            behind: HashSet::new(),
            held: BTreeMap::new(),
        }))
    }

    /// How a Hello was refused; an error if the primary goes on with the session.
    pub async fn refusal(&self, client: &Client) -> Outcome<Refusal> {
        self.refusal_of(client, Message::Hello(self.hello.clone())).await
    }

    /// How something else was refused, said first.
    pub async fn refusal_of(&self, client: &Client, first: Message) -> Outcome<Refusal> {
        match self.open_with(client, first).await? {
            Err(status) => Ok(from_status(&status)),
            Ok(mut session) => match session.next().await {
                Err(refusal) => Ok(refusal),
                Ok(said) => Err(format!("the session was not refused: {said:?}").into()),
            },
        }
    }
}

impl OpenSession {
    /// Says something to the primary.
    pub async fn say(&self, message: Message) -> Outcome<()> {
        Ok(self
            .send
            .send(SatelliteMessage {
                message: Some(message),
            })
            .await?)
    }

    /// What the primary says next, or how it ended the session.
    pub async fn next(&mut self) -> Result<primary_message::Message, Refusal> {
        let said = within("the primary to say something", ANSWER_LIMIT, async {
            Ok(self.receive.message().await)
        });
        match said.await {
            Ok(Ok(Some(PrimaryMessage {
                message: Some(primary_message::Message::Refused(refused)),
            }))) => Err(ended(&refused.reason, &refused.message)),
            Ok(Ok(Some(PrimaryMessage {
                message: Some(message),
            }))) => Ok(message),
            Ok(Ok(_)) => Err(ended("", "the primary ended the session without a word")),
            Ok(Err(status)) => Err(from_status(&status)),
            Err(trouble) => Err(ended("", &trouble.to_string())),
        }
    }

    /// The next batch, whatever else the primary says before it.
    pub async fn next_batch(&mut self) -> Outcome<Batch> {
        loop {
            match self.next().await {
                Ok(primary_message::Message::Batch(batch)) => return Ok(batch),
                Ok(_) => {}
                Err(refusal) => return Err(format!("{}: {}", refusal.reason, refusal.message).into()),
            }
        }
    }

    /// Goes through the handshake until batches may flow.
    pub async fn become_ready(&mut self) -> Result<(), Refusal> {
        loop {
            match self.next().await? {
                primary_message::Message::Welcome(welcome) => {
                    self.incarnation = welcome.assigned_incarnation.or(self.incarnation);
                    let served = welcome.serve.into_iter().filter_map(|served| served.channel);
                    self.behind = served.map(|channel| channel.encode_to_vec()).collect();
                    let incarnation = self.incarnation;
                    let _ = self
                        .say(Message::LineageOk(LineageOk {
                            incarnation,
                            ..LineageOk::default()
                        }))
                        .await;
                }
                primary_message::Message::Ready(_) => return Ok(()),
                other => return Err(ended("", &format!("before it was ready: {other:?}"))),
            }
        }
    }

    /// Acknowledges batches until every channel served is caught up: then the session is idle.
    pub async fn take_everything(&mut self) -> Outcome<u64> {
        let mut records = 0;
        while !self.behind.is_empty() {
            match self.next().await {
                Ok(primary_message::Message::Batch(batch)) => {
                    records += u64::from(batch.records);
                    self.take(&batch).await?;
                }
                Ok(_) => {}
                Err(refusal) => return Err(format!("{}: {}", refusal.reason, refusal.message).into()),
            }
        }
        Ok(records)
    }

    /// The same for the next batch alone.
    pub async fn take_next(&mut self) -> Outcome<()> {
        let batch = self.next_batch().await?;
        self.take(&batch).await
    }

    async fn take(&mut self, batch: &Batch) -> Outcome<()> {
        let ack = self.acknowledge(batch)?;
        self.say(Message::Ack(ack)).await
    }

    fn acknowledge(&mut self, batch: &Batch) -> Outcome<Ack> {
        let payload = match batch.encoding() {
            PayloadEncoding::Zstd => zstd::inflate(&batch.payload, MAX_PAYLOAD_BYTES)?,
            _ => batch.payload.to_vec(),
        };
        let mut channels = Vec::new();
        for part in BatchPayload::decode(payload.as_slice())?.parts {
            let name = part.channel.clone().unwrap_or_default().encode_to_vec();
            let count = self.held.entry(name.clone()).or_default();
            *count += part.records.iter().filter(|record| !record.deleted).count() as u64;
            if part.caught_up {
                self.behind.remove(&name);
            }
            channels.push(ChannelAck {
                channel: part.channel,
                cursor: part.through,
                digest: part.digest,
                quarantined: 0,
                held: *count,
            });
        }
        let head = Checkpoint {
            incarnation: self.incarnation,
            seq: 0,
            chain: vec![0; 16],
        };
        Ok(Ack {
            number: batch.number,
            channels,
            refused: Vec::new(),
            head: Some(head),
        })
    }
}

fn ended(reason: &str, message: &str) -> Refusal {
    Refusal {
        code: FaultCode::FailedPrecondition,
        reason: reason.to_owned(),
        message: message.to_owned(),
        violations: Vec::new(),
        metadata: BTreeMap::new(),
    }
}
