//! `health`: whether the server on this machine answers and is ready, for supervisors that run a command, as containers do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use supplysync_model::{Fault, FaultCode, Reason};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::flags::GlobalFlags;
use super::output::Answer;
use super::problem::Problem;
use super::settings::SiteConfig;

/// How long the server may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What is asked.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask only whether it runs (/livez), not whether it is ready (/readyz)
    #[arg(long)]
    live: bool,
}

/// It is well.
#[derive(Debug, Serialize)]
struct HealthView {
    asked: String,
    answer: String,
}

/// Asks the health port of this machine's server.
pub async fn run<C: SiteConfig>(flags: &GlobalFlags, args: HealthArgs) -> Result<(), Problem> {
    let config: C = flags.settings()?;
    let path = if args.live { "/livez" } else { "/readyz" };
    let address = own(config.health());
    let asked = format!("http://{address}{path}");
    let unreachable = |why: String| {
        let message = format!("{asked} does not answer: {why}");
        Fault::new(FaultCode::Unavailable, Reason::PEER_UNREACHABLE, message)
    };
    let answer = tokio::time::timeout(LIMIT, ask(address, path))
        .await
        .map_err(|_| unreachable(format!("nothing within {} s", LIMIT.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let answer = body.trim_end().to_owned();
    if head.split(' ').nth(1) != Some("200") {
        let message = format!("the server is not ready: {}", answer.replace('\n', "; "));
        return Err(Fault::new(FaultCode::FailedPrecondition, Reason::NOT_READY, message).into());
    }
    flags.output().answer(&HealthView { asked, answer })
}

/// Every address of this machine stands for the loopback.
fn own(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// The whole answer, status line first.
async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

impl Answer for HealthView {
    fn for_people(&self, _: Option<u16>) -> String {
        self.answer.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_on_the_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.1.2.3:8080", "10.1.2.3:8080"),
        ] {
            assert_eq!(own(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
