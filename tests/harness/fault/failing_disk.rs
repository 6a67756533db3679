//! A round on a disk that fails: `strace` lets every sync, or every write, of a running program fail with an I/O error.
//! Nothing is acknowledged after that; the program ends by itself, as it can't know what the disk holds; and all that it
//! had acknowledged is there when it is started again.

use std::path::Path;

use tokio::process::Command;

use super::ground::{ARRIVAL, Database, Ground, SATELLITE};
use super::writer::{Pulse, Written};
use super::{Round, Tally, possible};
use crate::{Outcome, Program, eventually, prove_equal, shelves};

/// Which calls of the system fail, as `strace` names them, and what that is called.
const FAILURES: [(&str, &str); 2] = [("fsync,fdatasync", "syncs"), ("pwrite64", "writes")];

/// The round: each failure at each site.
pub async fn failing_disk(seed: u64) -> Outcome<Round> {
    // Whether a process may be traced is found out on one that does nothing.
    let probe = ["-f", "-e", "inject=fsync:error=EIO", "true"];
    if let Err(why) = possible("strace", &probe).await? {
        return Ok(Round::Skipped(format!(
            "no call of a process can be made to fail: {why}"
        )));
    }
    let mut ground = Ground::prepare(&Database::Sqlite, seed).await?;
    let mut tally = Tally::default();
    let mut written: Vec<Written> = Vec::new();
    for (calls, title) in FAILURES {
        for victim in [SATELLITE, 1] {
            // Something is written and on its way, then all rests: what is acknowledged from here on is acknowledged
            // on a disk that fails.
            let [head, north] = ground.writers(seed ^ u64::from(victim)).await?;
            for mut writer in [head, north] {
                for _ in 0..20 {
                    writer.step(&Pulse::default()).await;
                }
                written.push(writer.into_written());
            }
            prove_equal(&ground.primary, &ground.satellite, ARRIVAL).await?;
            fail(&mut ground, victim, calls).await?;
            let name = if victim == 1 { "primary" } else { "satellite" };
            tally.add(format!("disks whose {title} fail, of the {name}"), 1);
        }
    }
    ground.prove(&written, &mut tally).await?;
    ground.end(tally).await
}

/// Lets the calls of one site fail until it ends, and starts it again.
async fn fail(ground: &mut Ground, victim: u16, calls: &str) -> Outcome<()> {
    let other = if victim == 1 { SATELLITE } else { 1 };
    let acknowledged = ground.site(other)?.logged("batch acknowledged")?.len();
    let id = ground.site(victim)?.process_id()?;
    let log = ground.network.folder().join(format!("strace-{id}"));
    let mut strace = trace(id, calls, &log).await?;

    // The other site writes, so that the victim is sent something, and the victim is asked to write, too.
    let (client, store) = if victim == 1 {
        (&ground.primary, "HEAD")
    } else {
        (&ground.satellite, "NORTH")
    };
    let (sender, sent) = if victim == 1 {
        (&ground.satellite, "NORTH")
    } else {
        (&ground.primary, "HEAD")
    };
    let wanted = shelves::receipt(sender, sent, "AMOX").await?;
    sender.create(wanted).await?;
    // It may be gone by the time that it is asked.
    if let Ok(wanted) = shelves::receipt(client, store, "AMOX").await
        && let Ok(created) = client.create(wanted).await
    {
        return Err(format!("{} was acknowledged on a disk that fails", created.id).into());
    }
    let site = ground.site(victim)?;
    let code = site.ends_by_itself(ARRIVAL).await?;
    if code != Some(1) {
        return Err(format!("it ended with {code:?} because of its disk").into());
    }
    let told = std::fs::read_to_string(site.log())?;
    if !told.contains("DISK_FAILED") {
        return Err("its log does not say that the disk failed".into());
    }
    strace.end(ARRIVAL).await?;
    let now = ground.site(other)?.logged("batch acknowledged")?.len();
    if now > acknowledged {
        return Err(format!(
            "{} batches were acknowledged on a disk that fails",
            now - acknowledged
        )
        .into());
    }
    ground.site(victim)?.start().await
}

/// Attaches to all threads of a process, and waits until that is done.
async fn trace(id: u32, calls: &str, log: &Path) -> Outcome<Program> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-p", &id.to_string()]);
    strace.args([
        "-e",
        &format!("trace={calls}"),
        "-e",
        &format!("inject={calls}:error=EIO"),
    ]);
    let program = Program::start("strace", strace, log)?;
    eventually("strace to be attached", ARRIVAL, || async {
        let said = std::fs::read_to_string(log)?;
        match said.contains("attached") {
            true => Ok(Some(())),
            false => Err(said.into()),
        }
    })
    .await?;
    Ok(program)
}
