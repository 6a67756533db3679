//! The main job, in small: a catalogue, a store at each satellite, goods received and issued there.

use std::fmt::Write;
use std::time::Duration;

use supplysync_api::v1::MasterDataKind;
use supplysync_tests::shelves::{assign_store, import_catalogue, issue, receipt};
use supplysync_tests::{Outcome, eventually};

use crate::network::Network;

/// How long a satellite may take to hear that a store is active there.
const OPENS: Duration = Duration::from_secs(60);

/// The code of a satellite's store.
fn code(service: &str) -> String {
    format!("SHOP-{}", service.to_uppercase())
}

/// Imports the catalogue and makes one store active on each satellite.
pub async fn open(network: &Network) -> Outcome<()> {
    let primary = network.unlocked().await?;
    import_catalogue(&primary).await?;
    let mut names = "code,name,roles,country,address,phone,email,on_hold\n".to_owned();
    let mut stores = "code,name,name_code,mode,disabled\n".to_owned();
    for (service, _) in network.sites() {
        let code = code(service);
        writeln!(names, "ST-{code},Shop of {service},customer;supplier,,,,,false")?;
        writeln!(stores, "{code},Shop of {service},ST-{code},store,false")?;
    }
    let files = vec![(MasterDataKind::Name, names), (MasterDataKind::Store, stores)];
    primary.import_all(files).await?;
    for (service, sync_id) in network.sites() {
        assign_store(&primary, &code(service), sync_id).await?;
    }
    Ok(())
}

/// At each of these satellites ten packs are received, and three issued.
pub async fn trade(network: &Network, services: &[&str]) -> Outcome<()> {
    for service in services {
        let store = code(service);
        let satellite = network.satellite(service).await?;
        let received = eventually("a receipt", OPENS, || async {
            let draft = receipt(&satellite, &store, "PARA").await?;
            satellite.create(draft).await.map(Some)
        });
        satellite.confirm(&received.await?.id).await?;
        let issued = satellite.create(issue(&satellite, &store, "3").await?).await?;
        satellite.confirm(&issued.id).await?;
    }
    Ok(())
}
