//! A round on a full disk: a satellite whose data directory is a small file system of its own. Nothing that it
//! acknowledged is lost, what it refuses it refuses plainly, it reads on, and goes on by itself once there is room.

use std::path::{Path, PathBuf};
use std::process::Command;

use supplysync_api::v1::MasterDataKind;

use super::ground::{ARRIVAL, Database, Ground, SATELLITE};
use super::writer::{Pulse, Writer};
use super::{Round, Tally, possible};
use crate::{Called, Client, Outcome, eventually, generated_names, shelves};

/// What a full disk is refused with.
const REASON: &str = "DISK_FULL";
/// Room for a satellite's data: its database is 400 KB, its log of changes grows by some KB with each.
const SIZE: &str = "size=24m,mode=700";
/// Changes tried until one finds no room: the database may have some of its own.
const TRIES: u32 = 2_000;
/// Names that come from the primary meanwhile.
const NAMES: usize = 500;

/// The round.
pub async fn full_disk(seed: u64) -> Outcome<Round> {
    let folder = tempfile::tempdir()?;
    let probe = Mount::on(folder.path()).await?;
    if let Err(why) = probe {
        return Ok(Round::Skipped(format!(
            "no small file system can be mounted: {why}"
        )));
    }
    drop(probe);

    let mut disk = None;
    let mounted = &mut disk;
    let place = async |folder: &Path| {
        std::fs::create_dir_all(folder)?;
        *mounted = Some(Mount::on(folder).await??);
        Ok(())
    };
    let mut ground = Ground::prepare_with(&Database::Sqlite, seed, place).await?;
    let disk = disk.ok_or("the disk is not mounted")?;
    let mut tally = Tally::default();
    let pulse = Pulse::default();
    let mut writer = Writer::new(&ground.satellite, "NORTH", false, seed).await?;
    for _ in 0..20 {
        writer.step(&pulse).await;
    }
    if writer.written().records() == 0 {
        return Err("nothing was written before the disk was full".into());
    }

    disk.fill()?;
    let mut tries = 0;
    while writer.written().failed(REASON) == 0 {
        disk.fill()?;
        writer.step(&pulse).await;
        tries += 1;
        if tries > TRIES {
            let failures = writer.written().failures();
            return Err(
                format!("none of {TRIES} changes was refused for a full disk, but {failures:?}").into(),
            );
        }
    }
    refused_plainly(&ground.satellite, &disk).await?;
    reads_on(&ground.satellite).await?;
    stands_still_and_says_why(&ground).await?;
    // A power cut now does not make it worse.
    ground.site(SATELLITE)?.kill().await?;
    ground.site(SATELLITE)?.start().await?;
    reads_on(&ground.satellite).await?;
    tally.add("full disks: killed and started again on one", 1);
    disk.fill()?;
    stands_still_and_says_why(&ground).await?;

    disk.make_room()?;
    let clinic = &ground.satellite;
    eventually("writing to go on by itself", ARRIVAL, || async move {
        let wanted = shelves::receipt(clinic, "NORTH", "AMOX").await?;
        clinic.create(wanted).await.map(Some)
    })
    .await?;
    // Synchronisation must begin again by itself, too: nobody asks it to.
    eventually("synchronisation to go on by itself", ARRIVAL, || async {
        let names = clinic.records("master").await?;
        Ok((names >= NAMES as u64).then_some(()))
    })
    .await?;
    let written = [writer.into_written()];
    ground.prove(&written, &mut tally).await?;
    tally.add("full disks", 1);
    let ended = ground.end(tally).await;
    drop(disk);
    ended
}

/// One small change may still find room where a larger one did not.
async fn refused_plainly(clinic: &Client, disk: &Mount) -> Outcome<()> {
    let wanted = shelves::receipt(clinic, "NORTH", "AMOX").await?;
    for _ in 0..TRIES {
        disk.fill()?;
        let request = shelves::create_request(wanted.clone());
        let created = clinic.stock().create_transaction(request).await;
        if created.is_err() {
            let refusal = created.refusal()?;
            if refusal.reason == REASON && refusal.message.contains("full") {
                return Ok(());
            }
            let (reason, message) = (refusal.reason, refusal.message);
            return Err(format!("a full disk is refused with {reason}: {message}").into());
        }
    }
    Err(format!("{TRIES} changes found room on a full disk").into())
}

async fn reads_on(clinic: &Client) -> Outcome<()> {
    let lines = clinic.stock_lines("NORTH").await?;
    let on_hand = clinic.stock_on_hand().await?;
    if lines.is_empty() || on_hand.rows.is_empty() {
        return Err("a full disk hides stock".into());
    }
    Ok(())
}

/// What comes from the primary finds no room either, and the status has the reason.
async fn stands_still_and_says_why(ground: &Ground) -> Outcome<()> {
    let (primary, clinic) = (&ground.primary, &ground.satellite);
    let before = primary.records("master").await?;
    if before < NAMES as u64 {
        let names = vec![(MasterDataKind::Name, generated_names(1, NAMES))];
        primary.import_all(names).await?;
    }
    eventually("the status to say why it stands still", ARRIVAL, || async {
        let reason = clinic.peer(1).await?.reason;
        match reason.contains("disk") && reason.contains("full") {
            true => Ok(Some(())),
            false => Err(format!("its reason is {reason:?}").into()),
        }
    })
    .await?;
    if clinic.records("master").await? >= NAMES as u64 {
        return Err("what came from the primary found room on a full disk".into());
    }
    Ok(())
}

/// A small file system in memory, unmounted in the end.
struct Mount(PathBuf);

impl Mount {
    /// On a folder; why not, if that is not allowed here.
    async fn on(folder: &Path) -> Outcome<Result<Mount, String>> {
        let path = folder.to_str().ok_or("the folder's name is no text")?;
        let mounted = possible("mount", &["-t", "tmpfs", "-o", SIZE, "supplysync-test", path]).await?;
        Ok(mounted.map(|()| Mount(folder.to_owned())))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes all the room that is left.
    fn fill(&self) -> Outcome<()> {
        use std::io::{ErrorKind, Write};
        let mut file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.ballast())?;
        // In the end byte by byte: a page that is half full has room.
        for size in [64 * 1024, 4_096, 1] {
            loop {
                match file.write_all(&vec![7; size]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn make_room(&self) -> Outcome<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: on a failing test the program may still hold it.
        let mut unmount = Command::new("umount");
        unmount.arg("--lazy").arg(&self.0);
        if !unmount.status().is_ok_and(|status| status.success()) {
            eprintln!("{} could not be unmounted", self.0.display());
        }
    }
}
