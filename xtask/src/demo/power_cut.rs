//! Act 7: 20,000 generated records, a satellite killed in the middle of receiving them, and going on from where it was.

use std::time::Duration;

use supplysync_api::v1::MasterDataKind;
use supplysync_tests::{Client, Outcome, eventually, generated_names, within};
use tokio::time::Instant;

use super::cast::{ARRIVAL_LIMIT, Cast, SATELLITES};
use super::catalogue::MASTER;
use super::stage::Stage;

/// Records in the load.
const RECORDS: u64 = 20_000;
/// The power is cut once more than these have arrived.
const PART: u64 = RECORDS / 4;
/// The satellite whose power is cut.
const VICTIM: u16 = 4;
/// How closely the load is watched, so that it is cut in the middle.
const GLANCE: Duration = Duration::from_millis(2);
/// Loads that may slip through before one is caught in the middle; the machine may be busy.
const ATTEMPTS: u64 = 3;

/// Plays it.
pub async fn play(cast: &mut Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("20,000 records, and a power cut in the middle");
    for attempt in 0..ATTEMPTS {
        let cut = cut_in_the_middle(cast, stage, 1 + attempt * RECORDS).await?;
        if cut.at_the_cut < cut.total {
            return recover(cast, stage, &cut).await;
        }
        stage.say("the load was over before the cut; once more");
        cast.network.satellite(VICTIM)?.start().await?;
        cast.connect_again(VICTIM).await?;
    }
    Err(format!("{ATTEMPTS} loads were over before the power was cut").into())
}

/// A load that was cut.
struct Cut {
    /// Records on the satellite before it began.
    before: u64,
    /// Seen there just before the kill; more may have become durable since.
    at_the_cut: u64,
    /// Records when all have arrived.
    total: u64,
}

async fn cut_in_the_middle(cast: &mut Cast, stage: &mut Stage, first: u64) -> Outcome<Cut> {
    let before = cast.client(VICTIM)?.records(MASTER).await?;
    let total = before + RECORDS;
    let names = generated_names(usize::try_from(first)?, usize::try_from(RECORDS)?);
    let import = cast.primary()?.import_all(vec![(MasterDataKind::Name, names)]);
    let started = Instant::now();
    let victim = cast.client(VICTIM)?;
    let watch = within(
        "the load to be under way",
        ARRIVAL_LIMIT,
        first_beyond(victim, before + PART),
    );
    let (imported, at_the_cut) = futures::future::try_join(import, watch).await?;
    let created: u64 = imported.counts.iter().map(|counts| counts.created).sum();
    cast.network.satellite(VICTIM)?.kill().await?;
    stage.must(
        "imported",
        created == RECORDS,
        &format!(
            "{created} records imported into the primary, {:.1} s",
            started.elapsed().as_secs_f64()
        ),
        || format!("{created}"),
    )?;
    Ok(Cut {
        before,
        at_the_cut,
        total,
    })
}

/// The first count that is more than `count`.
async fn first_beyond(client: &Client, count: u64) -> Outcome<u64> {
    loop {
        let records = client.records(MASTER).await?;
        if records > count {
            return Ok(records);
        }
        tokio::time::sleep(GLANCE).await;
    }
}

async fn recover(cast: &mut Cast, stage: &mut Stage, cut: &Cut) -> Outcome<()> {
    let (name, received) = (cast.name(VICTIM)?.to_owned(), cut.at_the_cut - cut.before);
    stage.say(&format!("{name}: SIGKILL with {received} of {RECORDS} received"));
    let started = Instant::now();
    cast.network.satellite(VICTIM)?.start().await?;
    cast.connect_again(VICTIM).await?;
    let victim = cast.client(VICTIM)?;
    // Its first answer: what it found in its own database, and perhaps a batch more.
    let after = victim.records(MASTER).await?;
    stage.must(
        "nothing_durable_was_lost",
        after >= cut.at_the_cut,
        &format!(
            "started again: it has {} of {RECORDS}, none of them lost",
            after - cut.before
        ),
        || format!("{after} records after the restart, {} before", cut.at_the_cut),
    )?;
    let left = cut.total - after;
    stage.must(
        "it_goes_on_from_where_it_was",
        left < RECORDS,
        &format!("goes on from there: {left} are left, not {RECORDS}"),
        || format!("{left} are left"),
    )?;
    let progress = &std::cell::RefCell::new(stage.progress(&name, RECORDS));
    progress.borrow_mut().at(after - cut.before);
    let lowest = &std::cell::Cell::new(after);
    eventually("the rest to arrive", ARRIVAL_LIMIT, || async move {
        let records = victim.records(MASTER).await?;
        lowest.set(lowest.get().min(records));
        progress.borrow_mut().at(records.saturating_sub(cut.before));
        Ok((records >= cut.total).then_some(()))
    })
    .await?;
    progress.borrow_mut().done();
    stage.must("the_count_never_went_back", lowest.get() == after, "", || {
        format!("down to {}", lowest.get())
    })?;
    cast.in_step().await?;
    let seconds = started.elapsed().as_secs_f64();
    stage.fact("received_before_the_cut", received);
    stage.fact("left_after_the_restart", left);
    stage.fact("seconds_from_restart_to_equal", seconds);
    stage.must(
        "all_satellites_equal_the_primary",
        true,
        &format!(
            "{} satellites equal to the primary again, {seconds:.1} s after the restart",
            SATELLITES.len()
        ),
        String::new,
    )
}
