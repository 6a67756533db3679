//! Act 4: the primary holds a copy of every store; a satellite holds the one copy that it was granted, and no other.

use std::collections::BTreeMap;

use supplysync_api::v1::{CopyState, SetCopiesRequest, StockLine};
use supplysync_tests::{Called, Client, Outcome, eventually};

use super::cast::{ARRIVAL_LIMIT, Cast, PRIMARY, SATELLITES};
use super::script::COPIED_STORE;
use super::stage::Stage;

/// The satellite that keeps a copy.
const KEEPER: u16 = 3;

/// Shows both.
pub async fn play(cast: &Cast, stage: &mut Stage) -> Outcome<()> {
    stage.step("The primary holds a copy of it all; satellite 3 holds the one it was granted");
    cast.in_step().await?;
    let compared = compare_with_owners(cast).await?;
    let line = format!(
        "all {compared} stock lines of the satellites' stores are on the primary too, version for version"
    );
    stage.must("primary_holds_everything", compared > 0, &line, || {
        "there is nothing to compare".into()
    })?;

    let unlocked = cast.primary()?.unlock(cast.network.authorisation_code()).await?;
    let request = SetCopiesRequest {
        sync_id: KEEPER.into(),
        stores: vec![COPIED_STORE.to_owned()],
        ..SetCopiesRequest::default()
    };
    unlocked.sites().set_copies(request).await.answer()?;
    let keeper = cast.client(KEEPER)?;
    eventually("the copy to be complete and proven", ARRIVAL_LIMIT, || async {
        let states = states(keeper).await?;
        match states.get(COPIED_STORE) {
            Some(CopyState::Proven) => Ok(Some(())),
            other => Err(format!("{COPIED_STORE} is {other:?}").into()),
        }
    })
    .await?;
    let states = states(keeper).await?;
    let list = |wanted: CopyState| -> Vec<&str> {
        let found = states.iter().filter(|(_, state)| **state == wanted);
        found.map(|(store, _)| store.as_str()).collect()
    };
    let (own, copies, others) = (
        list(CopyState::ActiveHere),
        list(CopyState::Proven),
        list(CopyState::NotKept),
    );
    stage.say(&format!(
        "{}: active here {}; copy of {}; not kept {}",
        cast.name(KEEPER)?,
        own.join(" "),
        copies.join(" "),
        others.join(" ")
    ));
    let exact =
        copies == [COPIED_STORE] && own.len() + copies.len() + others.len() == states.len() && own.len() == 4;
    stage.must(
        "satellite_3_holds_that_copy_only",
        exact,
        "that copy and no other; what is not kept says so, and never reads as zero",
        || format!("{states:?}"),
    )?;
    let (copy, original) = (
        keeper.stock_lines(COPIED_STORE).await?,
        cast.client(2)?.stock_lines(COPIED_STORE).await?,
    );
    let line = format!(
        "{} stock lines of {COPIED_STORE}, equal to those of its owner",
        copy.len()
    );
    stage.must(
        "the_copy_equals_the_original",
        !copy.is_empty() && versions(&copy) == versions(&original),
        &line,
        || format!("{copy:?} and {original:?}"),
    )
}

/// Compares each store's stock on the primary with its owner's, and counts the lines.
async fn compare_with_owners(cast: &Cast) -> Outcome<usize> {
    let fresh = cast.primary()?.stock_on_hand().await?.stores;
    let mut compared = 0;
    for store in fresh
        .iter()
        .filter(|store| store.active_site != u32::from(PRIMARY))
    {
        let owner = SATELLITES
            .into_iter()
            .find(|satellite| u32::from(*satellite) == store.active_site);
        let owner = cast.client(owner.ok_or_else(|| format!("{} has no owner", store.store_code))?)?;
        let (here, there) = (
            cast.primary()?.stock_lines(&store.store_code).await?,
            owner.stock_lines(&store.store_code).await?,
        );
        if versions(&here) != versions(&there) {
            return Err(format!(
                "{}: the primary has {here:?}, the owner {there:?}",
                store.store_code
            )
            .into());
        }
        compared += there.len();
    }
    Ok(compared)
}

/// Each line by its id, with its version and its packs.
fn versions(lines: &[StockLine]) -> BTreeMap<&str, (&str, &str)> {
    lines
        .iter()
        .map(|line| (line.id.as_str(), (line.etag.as_str(), line.packs_total.as_str())))
        .collect()
}

async fn states(client: &Client) -> Outcome<BTreeMap<String, CopyState>> {
    let stores = client.stock_on_hand().await?.stores;
    Ok(stores
        .into_iter()
        .map(|store| {
            let state = store.state();
            (store.store_code, state)
        })
        .collect())
}
