//! The server's side of a long gRPC stream, message by message, in buffers of their own. tonic's codecs keep the buffer of
//! the largest message for as long as a stream lives: with hundreds of streams that wait, that is what memory goes to.
//! Framing only: what the messages are is the caller's business.

use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use prost::Message;
use supplysync_model::{Fault, FaultCode, Reason};
use tonic::Status;
use tonic::body::Body;

/// A flag and the length, before each message.
const PREFIX_BYTES: usize = 5;
/// What is set aside for a message before any of it has come, at most.
const FIRST_BYTES: usize = 64 * 1024;

/// The messages of a request, in order, each looked at by `check` before it is decoded. A fault is the last thing that
/// comes: what `check` says, `PROTOCOL_VIOLATION` and `TOO_LARGE` for what no honest client sends, `PEER_UNREACHABLE` when
/// the connection is lost.
pub fn messages<M: Message + Default>(
    body: Body,
    limit: usize,
    check: fn(&[u8]) -> Result<(), Fault>,
) -> impl Stream<Item = Result<M, Fault>> + Send {
    let reader = Reader {
        body,
        chunk: Bytes::new(),
        limit,
        over: false,
    };
    stream::unfold(reader, move |mut reader| async move {
        if reader.over {
            return None;
        }
        let message = reader.message().await.transpose()?;
        let message = message.and_then(|bytes| {
            check(&bytes)?;
            M::decode(bytes).map_err(|error| undecodable().with_source(error))
        });
        reader.over = message.is_err();
        Some((message, reader))
    })
}

/// The answer: these messages, each in one frame, then the status OK.
pub fn answer<M: Message>(messages: impl Stream<Item = Box<M>> + Send + 'static) -> Response<Body> {
    let frames = messages.map(|message| http_body::Frame::data(framed(&*message)));
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let end = stream::once(std::future::ready(http_body::Frame::trailers(trailers)));
    let body = StreamBody::new(frames.chain(end).map(Ok::<_, Status>));
    let mut response = Response::new(Body::new(body));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    response
}

fn framed<M: Message>(message: &M) -> Bytes {
    let length = message.encoded_len();
    let mut frame = Vec::with_capacity(PREFIX_BYTES + length);
    frame.put_u8(0);
    // What is longer than four bytes can say is far beyond any limit here; the client then refuses the frame.
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut frame);
    frame.into()
}

struct Reader {
    body: Body,
    /// What came and is not read yet.
    chunk: Bytes,
    limit: usize,
    over: bool,
}

impl Reader {
    /// The bytes of the next message; `None` when the client is done.
    async fn message(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(prefix) = self.take(PREFIX_BYTES).await? else {
            return Ok(None);
        };
        let [flag, length @ ..] = <[u8; PREFIX_BYTES]>::try_from(&*prefix).map_err(Fault::internal)?;
        if flag != 0 {
            return Err(violation(
                "a message is compressed as a whole, which nobody asked for",
            ));
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > self.limit {
            return Err(Fault::new(
                FaultCode::InvalidArgument,
                Reason::TOO_LARGE,
                format!("a message of {length} bytes is larger than {} bytes", self.limit),
            ));
        }
        match self.take(length).await? {
            Some(message) => Ok(Some(message)),
            None => Err(violation("the stream ends within a message")),
        }
    }

    /// So many bytes; `None` when the stream ends before the first.
    async fn take(&mut self, length: usize) -> Result<Option<Bytes>, Fault> {
        if length == 0 {
            return Ok(Some(Bytes::new()));
        }
        let mut taken = BytesMut::new();
        loop {
            let missing = length - taken.len();
            if taken.is_empty() {
                taken.reserve(missing.min(FIRST_BYTES));
            }
            taken.put(self.chunk.split_to(missing.min(self.chunk.len())));
            if taken.len() == length {
                return Ok(Some(taken.freeze()));
            }
            // Nothing of a chunk is kept once it is read.
            self.chunk = match self.more().await? {
                Some(chunk) => chunk,
                None if taken.is_empty() => return Ok(None),
                None => return Err(violation("the stream ends within a message")),
            };
        }
    }

    async fn more(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) if data.is_empty() => {}
                Ok(Ok(data)) => return Ok(Some(data)),
                // Clients send no trailers that mean anything.
                Ok(Err(_)) => {}
                Err(status) => return Err(lost(status)),
            }
        }
    }
}

fn violation(what: &str) -> Fault {
    Fault::new(FaultCode::InvalidArgument, Reason::PROTOCOL_VIOLATION, what)
}

fn undecodable() -> Fault {
    violation("a message can't be decoded")
}

fn lost(status: Status) -> Fault {
    Fault::new(
        FaultCode::Unavailable,
        Reason::PEER_UNREACHABLE,
        "the connection to the client is lost",
    )
    .with_source(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(chunks: &[&[u8]]) -> Body {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect();
        let frames = stream::iter(chunks).map(|chunk| Ok::<_, Status>(http_body::Frame::data(chunk)));
        Body::new(StreamBody::new(frames))
    }

    async fn read(chunks: &[&[u8]], limit: usize) -> Vec<Result<String, Reason>> {
        let messages = messages::<String>(body(chunks), limit, checked);
        messages
            .map(|message| message.map_err(|fault| fault.reason()))
            .collect()
            .await
    }

    /// Nothing that holds an exclamation mark.
    fn checked(message: &[u8]) -> Result<(), Fault> {
        match message.contains(&b'!') {
            true => Err(violation("too loud")),
            false => Ok(()),
        }
    }

    fn two() -> Vec<u8> {
        [framed(&"one".to_owned()), framed(&"another".to_owned())].concat()
    }

    #[tokio::test]
    async fn messages_come_whole_however_they_are_cut() {
        let bytes = two();
        for size in 1..bytes.len() {
            let chunks: Vec<_> = bytes.chunks(size).collect();
            assert_eq!(
                read(&chunks, 100).await,
                [Ok("one".into()), Ok("another".into())],
                "{size}"
            );
        }
        assert_eq!(read(&[], 100).await, []);
    }

    #[tokio::test]
    async fn what_no_honest_client_sends_ends_the_stream() {
        let bytes = two();
        let cut = read(&[&bytes[..bytes.len() - 1]], 100).await;
        assert_eq!(cut, [Ok("one".into()), Err(Reason::PROTOCOL_VIOLATION)]);
        assert_eq!(
            read(&[&bytes], 5).await,
            [Ok("one".into()), Err(Reason::TOO_LARGE)]
        );
        assert_eq!(
            read(&[&[1, 0, 0, 0, 1, 9]], 100).await,
            [Err(Reason::PROTOCOL_VIOLATION)]
        );
        assert_eq!(
            read(&[&[0, 0, 0, 0, 1, 0xff]], 100).await,
            [Err(Reason::PROTOCOL_VIOLATION)]
        );
    }

    #[tokio::test]
    async fn what_is_not_to_be_decoded_ends_the_stream() {
        let bytes = [two(), framed(&"loud!".to_owned()).to_vec(), two()].concat();
        let expected = [
            Ok("one".into()),
            Ok("another".into()),
            Err(Reason::PROTOCOL_VIOLATION),
        ];
        assert_eq!(read(&[&bytes], 100).await, expected);
    }

    #[tokio::test]
    async fn an_answer_is_what_the_reader_reads_and_ends_well() {
        let response = answer(stream::iter(
            ["one", "another"].map(|text| Box::new(text.to_owned())),
        ));
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/grpc");
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()[Status::GRPC_STATUS], "0");
        assert_eq!(collected.to_bytes(), two());
    }
}
