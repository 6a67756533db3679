//! A round in which packets are lost: both programs and this harness in a network of their own, where `nft` drops packets of
//! the satellite's link at random, and now and then all of them.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::process::Command;
use tokio::sync::oneshot;

use super::ground::{ARRIVAL, Database, Ground, dial_on, while_writing};
use super::writer::Pulse;
use super::{Round, Tally, possible};
use crate::{Outcome, eventually, run};

/// Of a hundred packets.
const LOST: u32 = 15;
/// Packets lost one by one until the link goes dark, and while it is dark.
const AT_RANDOM: u64 = 40;
const IN_THE_DARK: u64 = 8;
/// How often that happens.
const TIMES: u32 = 2;
const COMMAND: Duration = Duration::from_secs(30);

/// The round.
pub async fn packet_loss(seed: u64) -> Outcome<Round> {
    let network = match Namespace::make(&format!("supplysync-{}-{seed:x}", std::process::id())).await? {
        Ok(network) => network,
        Err(why) => {
            return Ok(Round::Skipped(format!(
                "no network of its own can be made: {why}"
            )));
        }
    };
    let (send, receive) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    let place = network.name.clone();
    // A thread belongs to a network, and all that it opens and starts belongs there, too.
    let thread = std::thread::Builder::new().name("packet loss".to_owned());
    let thread = thread.spawn(move || {
        let _ = send.send(inside(&place, seed, stopped));
    })?;
    let _inside = Inside {
        stop: Some(stop),
        thread: Some(thread),
    };
    receive.await.map_err(|_| "the round panicked")?
}

/// The thread of a round: it ends, with all that it started, before this is gone.
struct Inside {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic there is an error of the round already.
            let _ = thread.join();
        }
    }
}

fn inside(place: &str, seed: u64, stopped: oneshot::Receiver<()>) -> Outcome<Round> {
    let file = File::open(format!("/run/netns/{place}"))?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            round = round(seed) => round,
            _ = stopped => Err("stopped".into()),
        }
    })
}

async fn round(seed: u64) -> Outcome<Round> {
    let ground = Ground::prepare(&Database::Sqlite, seed).await?;
    let filter = Filter::on(ground.proxy.port()).await?;
    let mut tally = Tally::default();
    let pulses = <[Pulse; 2]>::default();
    let story = async {
        for _ in 0..TIMES {
            filter.drop_of_a_hundred(LOST).await?;
            filter.has_dropped(AT_RANDOM).await?;
            filter.drop_of_a_hundred(100).await?;
            filter.has_dropped(IN_THE_DARK).await?;
        }
        filter.drop_of_a_hundred(0).await
    };
    let story = async {
        tokio::select! {
            told = story => told,
            () = dial_on(&ground.satellite) => Ok(()),
        }
    };
    let writers = ground.writers(seed).await?;
    let ((), written) = while_writing(writers, &pulses, story).await?;
    ground.prove(&written, &mut tally).await?;
    tally.add(
        "packets lost, at least",
        u64::from(TIMES) * (AT_RANDOM + IN_THE_DARK),
    );
    tally.add("links that went dark", TIMES.into());
    ground.end(tally).await
}

/// The rule for one port, on loopback in the network of the thread that uses it.
struct Filter {
    port: u16,
}

impl Filter {
    async fn on(port: u16) -> Outcome<Filter> {
        let filter = Filter { port };
        nft("add table inet faults").await?;
        nft("add chain inet faults incoming { type filter hook input priority 0 ; }").await?;
        Ok(filter)
    }

    /// From now on so many of a hundred packets of the link are lost, both ways.
    async fn drop_of_a_hundred(&self, packets: u32) -> Outcome<()> {
        nft("flush chain inet faults incoming").await?;
        let which = match packets {
            100.. => String::new(),
            some => format!("numgen random mod 100 < {some}"),
        };
        for end in ["dport", "sport"] {
            let port = self.port;
            let rule = format!("add rule inet faults incoming tcp {end} {port} {which} counter drop");
            if packets > 0 {
                nft(&rule).await?;
            }
        }
        Ok(())
    }

    /// Waits until so many were lost under the present rule.
    async fn has_dropped(&self, packets: u64) -> Outcome<()> {
        eventually("packets to be lost", ARRIVAL, || async {
            let listed = nft("list chain inet faults incoming").await?;
            let words: Vec<&str> = listed.split_whitespace().collect();
            let counters = words
                .windows(3)
                .filter(|words| words[..2] == ["counter", "packets"]);
            let counts: Result<Vec<u64>, _> = counters.map(|words| words[2].parse()).collect();
            let lost: u64 = counts?.iter().sum();
            match lost >= packets {
                true => Ok(Some(())),
                false => Err(format!("{lost} of {packets}").into()),
            }
        })
        .await
    }
}

async fn nft(words: &str) -> Outcome<String> {
    let mut nft = Command::new("nft");
    nft.arg(words);
    run(nft, COMMAND).await?.success()
}

/// A network of its own, with a loopback and nothing else.
struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one in which packets can be dropped; why not, if that is not possible here.
    async fn make(name: &str) -> Outcome<Result<Namespace, String>> {
        if let Err(why) = possible("ip", &["netns", "add", name]).await? {
            return Ok(Err(why));
        }
        let namespace = Namespace {
            name: name.to_owned(),
        };
        for command in [
            &["link", "set", "lo", "up"][..],
            &["netns", "exec", name, "nft", "list", "ruleset"],
        ] {
            let arguments = match command[0] {
                "link" => [&["-netns", name], command].concat(),
                _ => command.to_vec(),
            };
            if let Err(why) = possible("ip", &arguments).await? {
                return Ok(Err(why));
            }
        }
        Ok(Ok(namespace))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let mut delete = std::process::Command::new("ip");
        delete.args(["netns", "delete", &self.name]);
        if !delete.status().is_ok_and(|status| status.success()) {
            eprintln!("the network {} could not be removed", self.name);
        }
    }
}
