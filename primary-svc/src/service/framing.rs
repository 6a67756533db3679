//! gRPC's framing of a session's stream, both ways. tonic's own keeps a buffer as large as its largest message for as long
//! as the stream is open, and sessions stay open for days: here the memory of a message goes with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use http_body::{Body as _, Frame};
use prost::Message;
use supplysync_api::fault::from_status;
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_net::http2::MAX_MESSAGE_BYTES;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;

/// One byte that says whether the message is compressed, four with its length.
const HEADER_BYTES: usize = 5;
/// A buffer that is larger is given back once it is empty.
const KEPT_BYTES: usize = 4 * 1024;

/// Messages of a call as they come.
pub struct Incoming {
    body: Body,
    buffer: BytesMut,
    over: bool,
}

impl Incoming {
    /// Of this body.
    pub fn new(body: Body) -> Incoming {
        Incoming {
            body,
            buffer: BytesMut::new(),
            over: false,
        }
    }

    /// The next whole message in the buffer, if there is one.
    fn take<M: Message + Default>(&mut self) -> Result<Option<M>, Fault> {
        let Some((header, rest)) = self.buffer.split_at_checked(HEADER_BYTES) else {
            return Ok(None);
        };
        let [compressed, length @ ..] = header else {
            return Ok(None);
        };
        let length = length
            .iter()
            .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
        if *compressed != 0 {
            return Err(violation("a message is compressed, which was not agreed on"));
        }
        if length > MAX_MESSAGE_BYTES {
            let what = format!("a message of {length} bytes: {MAX_MESSAGE_BYTES} are allowed");
            return Err(Fault::new(FaultCode::InvalidArgument, Reason::TOO_LARGE, what));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(HEADER_BYTES);
        let message = self.buffer.split_to(length).freeze();
        if self.buffer.is_empty() && self.buffer.capacity() + length > KEPT_BYTES {
            self.buffer = BytesMut::new();
        }
        let decoded = M::decode(message);
        decoded
            .map(Some)
            .map_err(|error| violation("a message can't be read").with_source(error))
    }
}

/// Reads messages of this sort.
pub fn messages<M: Message + Default>(incoming: Incoming) -> impl Stream<Item = Result<M, Fault>> {
    futures::stream::unfold(incoming, |mut incoming| async move {
        let next = std::future::poll_fn(|cx| incoming.poll_message(cx)).await?;
        incoming.over |= next.is_err();
        Some((next, incoming))
    })
}

impl Incoming {
    fn poll_message<M: Message + Default>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<M, Fault>>> {
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            match self.take() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(fault) => return Poll::Ready(Some(Err(fault))),
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(status)) => return Poll::Ready(Some(Err(from_status(&status).into()))),
                None if self.buffer.is_empty() => return Poll::Ready(None),
                None => {
                    self.over = true;
                    return Poll::Ready(Some(Err(violation("the stream ends within a message"))));
                }
            }
        }
    }
}

/// Messages of a call as they go; the call ends well when their sender is gone.
pub struct Outgoing<M> {
    messages: mpsc::Receiver<Box<M>>,
    over: bool,
}

impl<M: Message + 'static> Outgoing<M> {
    /// The body that sends these messages.
    pub fn body(messages: mpsc::Receiver<Box<M>>) -> Body {
        Body::new(Outgoing {
            messages,
            over: false,
        })
    }
}

impl<M: Message> http_body::Body for Outgoing<M> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let next = ready!(self.messages.poll_recv(cx));
        Poll::Ready(Some(match next {
            Some(message) => framed(&*message).map(Frame::data),
            None => {
                self.over = true;
                let ok = HeaderValue::from_static("0");
                Ok(Frame::trailers(HeaderMap::from_iter([(Status::GRPC_STATUS, ok)])))
            }
        }))
    }
}

/// A message with its header.
fn framed<M: Message>(message: &M) -> Result<Bytes, Status> {
    let length = message.encoded_len();
    let declared = u32::try_from(length).map_err(|_| Status::internal("a message is too large"))?;
    let mut frame = BytesMut::with_capacity(HEADER_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(declared);
    message
        .encode(&mut frame)
        .map_err(|_| Status::internal("a message can't be encoded"))?;
    Ok(frame.freeze())
}

fn violation(what: &str) -> Fault {
    Fault::new(FaultCode::InvalidArgument, Reason::PROTOCOL_VIOLATION, what)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use supplysync_api::v1::Refused;

    use super::*;

    fn refused(bytes: usize) -> Refused {
        Refused {
            reason: "R".into(),
            message: "m".repeat(bytes),
            retryable: false,
        }
    }

    /// A body that comes in pieces of this size.
    fn in_pieces(bytes: &[u8], size: usize) -> Body {
        let pieces: Vec<_> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
        let (send, receive) = mpsc::channel::<Bytes>(pieces.len().max(1));
        for piece in pieces {
            send.try_send(piece).unwrap();
        }
        Body::new(Pieces(receive))
    }

    struct Pieces(mpsc::Receiver<Bytes>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            self.0
                .poll_recv(cx)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
        }
    }

    async fn read(body: Body) -> Vec<Result<Refused, Fault>> {
        messages(Incoming::new(body)).collect().await
    }

    #[tokio::test]
    async fn messages_arrive_whole_however_they_are_cut() {
        let sent = [refused(0), refused(10), refused(100_000), refused(3)];
        let bytes: Vec<u8> = sent.iter().flat_map(|message| framed(message).unwrap()).collect();
        for size in [1, 4, 5, 6, 1_000, bytes.len()] {
            let read: Result<Vec<_>, _> = read(in_pieces(&bytes, size)).await.into_iter().collect();
            assert_eq!(read.unwrap(), sent, "{size}");
        }
    }

    #[tokio::test]
    async fn what_is_no_message_ends_the_stream() {
        let good = framed(&refused(1)).unwrap();
        let bad = [
            (vec![1, 0, 0, 0, 0], Reason::PROTOCOL_VIOLATION),
            (vec![0, 0xff, 0xff, 0xff, 0xff], Reason::TOO_LARGE),
            (vec![0, 0, 0, 0, 1, 0xff], Reason::PROTOCOL_VIOLATION),
            (vec![0, 0, 0, 0, 9, 1], Reason::PROTOCOL_VIOLATION),
        ];
        for (bytes, reason) in bad {
            let all = [&good[..], &bytes[..], &good[..]].concat();
            let read = read(in_pieces(&all, 3)).await;
            assert!(read[0].is_ok());
            let fault = read.last().unwrap().as_ref().unwrap_err();
            assert_eq!(fault.reason(), reason, "{bytes:?}");
            assert_eq!(read.len(), 2, "{bytes:?}: the stream must end there");
        }
    }

    #[tokio::test]
    async fn memory_goes_with_its_message() {
        let bytes = framed(&refused(1_000_000)).unwrap();
        let mut incoming = Incoming::new(in_pieces(&bytes, 10_000));
        let message = std::future::poll_fn(|cx| incoming.poll_message::<Refused>(cx)).await;
        assert!(message.unwrap().is_ok());
        assert!(incoming.buffer.capacity() <= KEPT_BYTES);
    }
}
