//! A bad link on loopback: passes bytes on between whoever dials it and one server, and does to them what real links do.
//! What happens when is drawn from a seed, link by link and for each direction of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Outcome;

/// What a link may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkFault {
    /// Each packet of a while comes late.
    Delay,
    /// Nothing comes for a while, then all of it.
    Stall,
    /// The end of the stream in the middle of it.
    Truncate,
    /// A reset, from either end.
    Reset,
    /// Nobody reads any more, and nobody says so.
    HalfOpen,
}

impl LinkFault {
    /// All of them.
    pub const ALL: [LinkFault; 5] = [
        LinkFault::Delay,
        LinkFault::Stall,
        LinkFault::Truncate,
        LinkFault::Reset,
        LinkFault::HalfOpen,
    ];
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LinkFault::Delay => "delayed",
            LinkFault::Stall => "stalled",
            LinkFault::Truncate => "cut off",
            LinkFault::Reset => "reset",
            LinkFault::HalfOpen => "half-open",
        })
    }
}

/// Bytes that pass before the next fault: a power of two below this one, give or take, so that early and late ones are
/// equally likely.
const LATEST: u32 = 15;
/// Bytes in a packet.
const PACKET: usize = 1_400;
/// Packets that come late in a row.
const LATE_PACKETS: Range<u32> = 1..40;
const LATE_MILLIS: Range<u64> = 1..30;
const STALL_MILLIS: Range<u64> = 100..1_500;
/// After that the middle of a half-open link forgets it, and answers with a reset.
const SILENT_MILLIS: Range<u64> = 200..2_000;

/// A server's address on a bad link.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Accepts; holds the links, which end with it.
    _accepting: JoinSet<()>,
}

struct Shared {
    /// A link goes to the next in turn that accepts it.
    targets: Vec<SocketAddr>,
    seed: u64,
    orders: watch::Sender<Orders>,
    happened: Mutex<BTreeMap<LinkFault, u64>>,
}

/// What links do now. Each link compares the numbers with those of its birth.
#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    foul: bool,
    cuts: u64,
    silences: u64,
}

impl Proxy {
    /// On a free port, honest at first. The same seed draws the same faults.
    pub async fn start(target: SocketAddr, seed: u64) -> Outcome<Proxy> {
        Proxy::balance(vec![target], seed).await
    }

    /// The same before several servers, each of which is as good as another.
    pub async fn balance(targets: Vec<SocketAddr>, seed: u64) -> Outcome<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            targets,
            seed,
            orders: watch::Sender::default(),
            happened: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Proxy {
            address,
            shared,
            _accepting: accepting,
        })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its port, as the URL of the server behind it.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// From now on new links are bad.
    pub fn turn_foul(&self) {
        self.shared.orders.send_modify(|orders| orders.foul = true);
    }

    /// From now on links are honest; those that are not end with a reset.
    pub fn turn_honest(&self) {
        self.shared.orders.send_modify(|orders| {
            orders.foul = false;
            orders.cuts += 1;
        });
    }

    /// Ends every present link with a reset.
    pub fn cut(&self) {
        self.shared.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Every present link is half-open from now on, for ever. New ones are what they would be.
    pub fn silence(&self) {
        self.shared.orders.send_modify(|orders| orders.silences += 1);
    }

    /// What has really happened, and how often.
    pub fn happened(&self) -> BTreeMap<LinkFault, u64> {
        self.shared.lock().clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<LinkFault, u64>> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self, number: u64) -> Option<TcpStream> {
        let first = number as usize % self.targets.len();
        for target in self.targets.iter().cycle().skip(first).take(self.targets.len()) {
            if let Ok(far) = TcpStream::connect(target).await {
                return Some(far);
            }
        }
        None
    }

    fn note(&self, fault: LinkFault) {
        *self.lock().entry(fault).or_default() += 1;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { continue };
                number += 1;
                links.spawn(link(near, number, Arc::clone(&shared)));
            }
            Some(_) = links.join_next() => {}
        }
    }
}

/// How a link ends.
enum End {
    /// One end closed, and the other is told.
    Closed,
    /// In the middle of the stream, as an end of it.
    CutOff,
    /// With a reset.
    Reset,
    /// Not at all: until this is done.
    Silent(Duration),
}

async fn link(near: TcpStream, number: u64, shared: Arc<Shared>) {
    let mut orders = shared.orders.subscribe();
    let born = *orders.borrow_and_update();
    // A server that is down refuses; so does its proxy, as well as it can.
    let Some(far) = shared.connect(number).await else {
        return reset(&near);
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let random = |direction: u64| {
        let seed = shared.seed ^ ((number << 1) | direction).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        born.foul.then(|| StdRng::seed_from_u64(seed))
    };
    let mut there = Pump::new(near_read, far_write, random(0), &shared);
    let mut back = Pump::new(far_read, near_write, random(1), &shared);
    let end = tokio::select! {
        end = async { tokio::select! {
            end = there.run() => end,
            end = back.run() => end,
        } } => end,
        silenced = ordered(&mut orders, born) => if silenced {
            shared.note(LinkFault::HalfOpen);
            End::Silent(Duration::MAX)
        } else {
            End::Reset
        },
    };
    match end {
        // The other direction may still have something to say, and ends by itself.
        End::Closed => {
            let both = async { tokio::join!(there.drain(), back.drain()) };
            let _ = tokio::time::timeout(Duration::from_secs(5), both).await;
        }
        End::CutOff => {
            let _ = there.write.shutdown().await;
            let _ = back.write.shutdown().await;
            // A socket that is closed with something unread resets instead: what still comes is thrown away for a while.
            let both = async { tokio::join!(there.discard(), back.discard()) };
            let _ = tokio::time::timeout(Duration::from_secs(5), both).await;
        }
        End::Silent(time) => {
            let born = Orders {
                silences: u64::MAX,
                ..born
            };
            let _ = tokio::time::timeout(time, ordered(&mut orders, born)).await;
            there.reset_with(back);
        }
        End::Reset => there.reset_with(back),
    }
}

/// Waits until this link must be silent (true) or cut.
async fn ordered(orders: &mut watch::Receiver<Orders>, born: Orders) -> bool {
    let concerned = |orders: &Orders| orders.cuts > born.cuts || orders.silences > born.silences;
    match orders.wait_for(concerned).await {
        Ok(orders) => orders.cuts == born.cuts,
        Err(_) => false,
    }
}

fn reset(stream: &TcpStream) {
    // One that is closed already needs none.
    let _ = stream.set_zero_linger();
}

/// One direction of a link.
struct Pump<'a> {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    random: Option<StdRng>,
    shared: &'a Shared,
}

impl<'a> Pump<'a> {
    fn new(
        read: OwnedReadHalf,
        write: OwnedWriteHalf,
        random: Option<StdRng>,
        shared: &'a Shared,
    ) -> Pump<'a> {
        Pump {
            read,
            write,
            random,
            shared,
        }
    }

    fn reset_with(self, other: Pump<'_>) {
        for pump in [self, other] {
            reset(pump.write.as_ref());
            // Dropped, it would end the stream in order first.
            pump.write.forget();
        }
    }

    async fn drain(&mut self) {
        self.random = None;
        self.run().await;
    }

    async fn discard(&mut self) {
        let _ = tokio::io::copy(&mut self.read, &mut tokio::io::sink()).await;
    }

    async fn run(&mut self) -> End {
        loop {
            let Some(random) = &mut self.random else {
                return self.pass(usize::MAX, Duration::ZERO).await.unwrap_or(End::Closed);
            };
            let fault = LinkFault::ALL[random.random_range(0..LinkFault::ALL.len())];
            let below = 1usize << random.random_range(0..=LATEST);
            let before = random.random_range(0..below);
            let (late, packets) = (
                random.random_range(LATE_MILLIS),
                random.random_range(LATE_PACKETS),
            );
            let stall = Duration::from_millis(random.random_range(STALL_MILLIS));
            let silent = Duration::from_millis(random.random_range(SILENT_MILLIS));
            if let Some(end) = self.pass(before, Duration::ZERO).await {
                return end;
            }
            self.shared.note(fault);
            match fault {
                LinkFault::Delay => {
                    let bytes = PACKET * packets as usize;
                    if let Some(end) = self.pass(bytes, Duration::from_millis(late)).await {
                        return end;
                    }
                }
                LinkFault::Stall => tokio::time::sleep(stall).await,
                LinkFault::Truncate => return End::CutOff,
                LinkFault::Reset => return End::Reset,
                LinkFault::HalfOpen => return End::Silent(silent),
            }
        }
    }

    /// Passes so many bytes on, each packet that late; how it ended, if it did before that.
    async fn pass(&mut self, mut bytes: usize, late: Duration) -> Option<End> {
        let mut buffer = vec![0; if late.is_zero() { 16 * 1024 } else { PACKET }];
        while bytes > 0 {
            let most = buffer.len().min(bytes);
            match self.read.read(&mut buffer[..most]).await {
                Ok(0) => {
                    let _ = self.write.shutdown().await;
                    return Some(End::Closed);
                }
                Ok(count) => {
                    if !late.is_zero() {
                        tokio::time::sleep(late).await;
                    }
                    if self.write.write_all(&buffer[..count]).await.is_err() {
                        return Some(End::Reset);
                    }
                    bytes -= count;
                }
                Err(_) => return Some(End::Reset),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A server that sends back what it gets.
    async fn echo() -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                calls.spawn(async move {
                    let (mut read, mut write) = stream.into_split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        (address, serving)
    }

    /// Sends bytes and reads them back: how many came, and how it ended.
    async fn talk(proxy: &Proxy, bytes: usize) -> (usize, std::io::Result<()>) {
        let stream = TcpStream::connect(proxy.address).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let sent = vec![7; bytes];
        let sending = async {
            let _ = write.write_all(&sent).await;
            let _ = write.shutdown().await;
        };
        let receiving = async {
            let mut came = 0;
            let mut buffer = [0; 4_096];
            loop {
                match read.read(&mut buffer).await {
                    Ok(0) => return (came, Ok(())),
                    Ok(count) => came += count,
                    Err(error) => return (came, Err(error)),
                }
            }
        };
        tokio::time::timeout(LIMIT, async { tokio::join!(sending, receiving).1 })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_honest_link_passes_everything_both_ways() {
        let (address, _serving) = echo().await;
        let proxy = Proxy::start(address, 1).await.unwrap();
        let (came, ended) = talk(&proxy, 300_000).await;
        assert_eq!((came, ended.is_ok()), (300_000, true));
        assert!(proxy.happened().is_empty());
    }

    #[tokio::test]
    async fn a_foul_link_does_everything_that_is_promised_and_turns_honest() {
        let (address, _serving) = echo().await;
        let proxy = Proxy::start(address, 1).await.unwrap();
        proxy.turn_foul();
        let (mut short, mut resets) = (0, 0);
        // The seed draws the same faults each time, so this is bounded.
        for _ in 0..200 {
            if proxy.happened().len() == LinkFault::ALL.len() && short > 0 && resets > 0 {
                break;
            }
            let (came, ended) = talk(&proxy, 40_000).await;
            short += usize::from(came < 40_000 && ended.is_ok());
            resets += usize::from(ended.is_err());
        }
        assert_eq!(proxy.happened().len(), LinkFault::ALL.len());
        assert!(short > 0 && resets > 0, "{short} cut off, {resets} reset");
        proxy.turn_honest();
        assert_eq!(talk(&proxy, 40_000).await.0, 40_000);
    }

    #[tokio::test]
    async fn a_silenced_link_says_nothing_and_new_ones_are_well() {
        let (address, _serving) = echo().await;
        let proxy = Proxy::start(address, 1).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        proxy.silence();
        crate::eventually("the silence", LIMIT, || async {
            Ok(proxy.happened().contains_key(&LinkFault::HalfOpen).then_some(()))
        })
        .await
        .unwrap();
        stream.write_all(b"b").await.unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(talk(&proxy, 1_000).await.0, 1_000);
        proxy.turn_honest();
        let ended = tokio::time::timeout(LIMIT, stream.read(&mut byte)).await.unwrap();
        assert!(ended.is_err(), "{ended:?}");
    }
}
