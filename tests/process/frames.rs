//! Frames that no honest program sends: each is refused, the server goes on, nothing is written.

use supplysync_api::v1::import_master_data_request::Part;
use supplysync_api::v1::satellite_message::Message;
use supplysync_api::v1::{
    Batch, GetItemResponse, ImportFile, ImportMasterDataRequest, ImportStart, LineageOk, MasterDataKind,
    PayloadEncoding,
};
use supplysync_net::zstd::{LEVEL, deflate};
use supplysync_tests::{Called, Client, SessionAttempt, is_ready};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Request;
use tonic::client::Grpc;
use tonic_prost::ProstCodec;

use crate::world::World;

const NORTH: &str = "Northern clinic";

/// A request whose text field holds whatever bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct AnyItem {
    #[prost(bytes = "vec", tag = "1")]
    item: Vec<u8>,
}

/// A primary with its operator's connection, and what site 2 shows it.
async fn primary() -> (World, Client, Client) {
    let mut world = World::with_primary().await;
    let url = world.network.primary().url();
    let satellite = world
        .network
        .set_up_satellite(2, NORTH, url.clone())
        .await
        .unwrap();
    let site = Client::connect(&url, &satellite.certificate()).await.unwrap();
    let operator = world.network.primary().client().await.unwrap();
    (world, operator, site)
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused() {
    let (mut world, operator, _) = primary().await;
    let mut grpc = Grpc::new(operator.channel());
    grpc.ready().await.unwrap();
    let path = "/supplysync.v1.MasterDataService/GetItem".parse().unwrap();
    let codec: ProstCodec<AnyItem, GetItemResponse> = ProstCodec::default();
    let request = Request::new(AnyItem {
        item: vec![0xff, 0xfe, 0xfd],
    });
    let refused = grpc.unary(request, path, codec).await.map(drop).unwrap_err();
    assert!(!refused.message().contains("panic"), "{refused:?}");
    assert_still_serving(&mut world, &operator).await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let (mut world, operator, _) = primary().await;
    let parts = [
        Part::Start(ImportStart { dry_run: true }),
        Part::File(ImportFile {
            kind: MasterDataKind::Item.into(),
            file_name: "items.csv".into(),
        }),
        Part::Csv(vec![b'x'; 5 * 1024 * 1024]),
    ];
    let requests = parts.map(|part| ImportMasterDataRequest { part: Some(part) });
    let sent = operator
        .master_data()
        .import_master_data(tokio_stream::iter(requests))
        .await;
    let refusal = sent.refusal().unwrap();
    assert!(
        refusal.message.contains("large") || refusal.message.contains("limit"),
        "{refusal:?}"
    );
    assert_still_serving(&mut world, &operator).await;
}

#[tokio::test]
async fn bytes_that_are_no_tls_and_no_http_end_one_connection_only() {
    let (mut world, operator, _) = primary().await;
    for noise in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0u8; 64],
        &[0x16, 0x03, 0x01, 0xff, 0xff, 0x01],
    ] {
        let mut stream = tokio::net::TcpStream::connect(world.network.primary().grpc())
            .await
            .unwrap();
        stream.write_all(noise).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    }
    assert_still_serving(&mut world, &operator).await;
}

#[tokio::test]
async fn an_unknown_protocol_version_is_refused_and_both_versions_are_named() {
    let (mut world, operator, site) = primary().await;
    let mut attempt = SessionAttempt::new(2, NORTH, world.network.credential());
    attempt.hello.protocol_min = 77;
    attempt.hello.protocol_max = 78;
    let refusal = attempt.refusal(&site).await.unwrap();
    assert_eq!(refusal.reason, "PROTOCOL_UNSUPPORTED");
    for told in ["protocol 1", "77", "78"] {
        assert!(refusal.message.contains(told), "{}", refusal.message);
    }
    assert_still_serving(&mut world, &operator).await;
}

#[tokio::test]
async fn a_session_that_does_not_begin_with_hello_is_refused() {
    let (mut world, operator, site) = primary().await;
    let attempt = SessionAttempt::new(2, NORTH, world.network.credential());
    let first = Message::LineageOk(LineageOk::default());
    let refusal = attempt.refusal_of(&site, first).await.unwrap();
    assert_eq!(refusal.reason, "PROTOCOL_VIOLATION", "{refusal:?}");
    assert_still_serving(&mut world, &operator).await;
}

#[tokio::test]
async fn a_batch_of_junk_ends_the_session_and_writes_nothing() {
    let (mut world, operator, site) = primary().await;
    let attempt = SessionAttempt::new(2, NORTH, world.network.credential());
    let before = operator.held().await.unwrap();
    let head = operator.status().await.unwrap().head_seq;
    for (encoding, payload) in [
        (PayloadEncoding::Identity, vec![0xff; 300]),
        (PayloadEncoding::Zstd, vec![0xff; 300]),
        (PayloadEncoding::Zstd, zeros_that_inflate()),
        (PayloadEncoding::Unspecified, Vec::new()),
    ] {
        let mut session = attempt.open(&site).await.unwrap().unwrap();
        session.become_ready().await.unwrap();
        let batch = Batch {
            number: 1,
            encoding: encoding.into(),
            payload_bytes: 300,
            records: 1,
            payload: payload.into(),
            ..Batch::default()
        };
        session.say(Message::Batch(batch)).await.unwrap();
        let reason = loop {
            if let Err(refusal) = session.next().await {
                break refusal.reason;
            }
        };
        assert!(
            ["PROTOCOL_VIOLATION", "TOO_LARGE", "MALFORMED_RECORD"].contains(&reason.as_str()),
            "{encoding:?}: {reason}"
        );
    }
    assert_eq!(operator.held().await.unwrap(), before);
    assert_eq!(operator.status().await.unwrap().head_seq, head);
    assert_still_serving(&mut world, &operator).await;
}

/// 64 MiB of zeros in a few kilobytes: what must not be inflated beyond what was announced.
fn zeros_that_inflate() -> Vec<u8> {
    deflate(&vec![0; 64 * 1024 * 1024], LEVEL).unwrap()
}

async fn assert_still_serving(world: &mut World, operator: &Client) {
    assert!(is_ready(world.network.primary().health()).await.unwrap());
    operator.status().await.unwrap();
}
