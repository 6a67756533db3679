//! A satellite's side of a session, spoken by hand: for attempts that a real satellite never makes.

use supplysync_api::fault::Refusal;
use supplysync_api::v1::satellite_message::Message;
use supplysync_api::v1::{Hello, PrimaryMessage, SatelliteMessage, primary_message};
use supplysync_model::FaultCode;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

use crate::{Client, Outcome, within};

/// Metadata of the call that carry the credential that all sites share.
const USER_NAME: &str = "x-supplysync-user";
const PASSWORD: &str = "x-supplysync-password-bin";
/// How long the primary may take to answer.
const ANSWER_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

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

/// A session that was opened: what is sent to the primary, and what it says.
pub struct OpenSession {
    /// Sends to the primary; dropping it ends the session.
    pub send: mpsc::Sender<SatelliteMessage>,
    /// What the primary says.
    pub receive: Streaming<PrimaryMessage>,
}

impl SessionAttempt {
    /// As a new satellite begins.
    pub fn new(sync_id: u16, site_name: &str, credential: (&str, &str)) -> SessionAttempt {
        SessionAttempt {
            hello: Hello {
                protocol_min: 1,
                protocol_max: 1,
                software_version: "by hand".into(),
                sync_id: sync_id.into(),
                site_name: site_name.to_owned(),
                ..Hello::default()
            },
            user_name: credential.0.to_owned(),
            password: credential.1.to_owned(),
        }
    }

    /// Opens the call and says Hello.
    pub async fn open(&self, client: &Client) -> Outcome<Result<OpenSession, Status>> {
        let (send, messages) = mpsc::channel(8);
        let hello = Message::Hello(self.hello.clone());
        send.send(SatelliteMessage { message: Some(hello) }).await?;
        let mut request = Request::new(ReceiverStream::new(messages));
        let metadata = request.metadata_mut();
        metadata.insert(USER_NAME, self.user_name.parse()?);
        metadata.insert_bin(
            PASSWORD,
            tonic::metadata::MetadataValue::from_bytes(self.password.as_bytes()),
        );
        let called = client.sync().sync(request).await;
        Ok(called.map(|response| OpenSession {
            send,
            receive: response.into_inner(),
        }))
    }

    /// The primary's first answer.
    pub async fn first_answer(&self, client: &Client) -> Outcome<Result<primary_message::Message, Status>> {
        within("the primary's answer to a Hello", ANSWER_LIMIT, async {
            let mut session = match self.open(client).await? {
                Ok(session) => session,
                Err(status) => return Ok(Err(status)),
            };
            match session.receive.message().await {
                Ok(Some(PrimaryMessage {
                    message: Some(message),
                })) => Ok(Ok(message)),
                Ok(_) => Err("the primary ended the session without a word".into()),
                Err(status) => Ok(Err(status)),
            }
        })
        .await
    }

    /// How it was refused; an error if the primary goes on with the session.
    pub async fn refusal(&self, client: &Client) -> Outcome<Refusal> {
        match self.first_answer(client).await? {
            Err(status) => Ok(supplysync_api::fault::from_status(&status)),
            Ok(primary_message::Message::Refused(refused)) => Ok(Refusal {
                code: FaultCode::PermissionDenied,
                reason: refused.reason,
                message: refused.message,
                violations: Vec::new(),
                metadata: std::collections::BTreeMap::new(),
            }),
            Ok(other) => Err(format!("the session was not refused: {other:?}").into()),
        }
    }
}
