//! Asking a server's health port whether it is ready, and for its metrics: one plain HTTP request, without a client library.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// More than any answer of a health port.
const LARGEST_ANSWER: u64 = 4 * 1024 * 1024;

/// Whether `/readyz` at this address answers with 200.
pub async fn is_ready(address: SocketAddr) -> Outcome<bool> {
    Ok(status_of(address, "/readyz").await? == 200)
}

/// The HTTP status that this address answers with for a path.
pub async fn status_of(address: SocketAddr, path: &str) -> Outcome<u16> {
    Ok(answer_of(address, path).await?.0)
}

/// What `/metrics` at this address says.
pub async fn metrics_of(address: SocketAddr) -> Outcome<String> {
    match answer_of(address, "/metrics").await? {
        (200, text) => Ok(text),
        (status, text) => Err(format!("/metrics answered with {status}: {text}").into()),
    }
}

/// Status and content.
async fn answer_of(address: SocketAddr, path: &str) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LARGEST_ANSWER).read_to_string(&mut answer).await?;
    let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| format!("not an HTTP answer: {answer:?}"))?;
    Ok((status, content.to_owned()))
}
