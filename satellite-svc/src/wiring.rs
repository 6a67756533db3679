//! How a satellite is put together: the one place that knows all its parts.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_net::{Endpoint, Revocations};
use supplysync_node::password_file::{finish_change, read_password};
use supplysync_node::serve::{Foundation, Site, SiteRole};
use supplysync_node::session::Packing;
use supplysync_node::steps::{STEP, in_steps};
use supplysync_runtime::{Context, OnEnd};
use tokio::sync::Mutex;

use crate::config::Config;
use crate::dial::{Dialler, Primary};
use crate::follow::{Partner, follow};
use crate::patience::watch;
use crate::preferences::SatellitePreferences;
use crate::renewal::Renewal;
use crate::rhythm::Rhythm;
use crate::shut_out;

/// Puts the satellite together and starts it. Returns once its tasks run. The primary need not be there.
pub async fn serve(config: Config, context: Context) -> Result<(), Fault> {
    let password_file = config.data_dir.join(&config.sync.password_file);
    read_password(&password_file)?;
    let revocations = Revocations::default();
    let site = Site {
        role: SiteRole::Satellite,
        name: config.site.name.clone(),
        tls: config.tls.resolved(&config.data_dir),
        listen: config.listen.clone(),
        database: config.database.access(&config.data_dir)?,
        data_dir: config.data_dir.clone(),
        verify: config.verify,
        traces: config.traces.clone(),
        revocations: revocations.clone(),
    };
    let foundation = Foundation::lay(site, context).await?;
    finish_change(&foundation.store, &password_file).await?;
    let (tasks, stop) = (&foundation.context.tasks, &foundation.context.stop);
    let hearing = shut_out::follow(foundation.store.clone(), revocations, stop.clone()).await?;
    let hearing = foundation.users.track_future(hearing);
    tasks.spawn("follow revocations", OnEnd::Critical, hearing);

    let rhythm = Rhythm {
        interval_minutes: config.sync.interval_minutes,
        live: config.sync.live,
    };
    // What is configured must be right, also while something else was chosen since.
    let configured = Endpoint::new(&config.sync.primary_url, &foundation.certificates.present());
    let partner = Partner {
        primary_url: configured.map_err(wrong_url)?.url().to_owned(),
        user_name: config.sync.user_name.clone(),
    };
    let (now, following) = follow(foundation.store.clone(), (rhythm, partner), stop.clone()).await?;
    let following = foundation.users.track_future(following);
    tasks.spawn("follow settings", OnEnd::Critical, following);

    let certificates = &foundation.certificates;
    let met = now.partner.borrow().clone();
    let endpoint = Endpoint::new(&met.primary_url, &certificates.present()).map_err(wrong_url)?;
    let endpoint = Arc::new(ArcSwap::from_pointee(endpoint));
    let (present, control) = (endpoint.clone(), foundation.control.clone());
    certificates.also(move |material| {
        present.load().replace(material)?;
        // Who was refused with the certificate before need not wait.
        control.sync_now();
        Ok(())
    });
    let renewal = Renewal {
        urls: config.sync.renewal_urls(),
        certificates: certificates.clone(),
        clock: foundation.context.clock.clone(),
        random: foundation.context.random.clone(),
        stop: stop.clone(),
    };
    tasks.spawn("renewal", OnEnd::Critical, renewal.run());
    let book = Arc::new(SatellitePreferences {
        store: foundation.store.clone(),
        changed_here: now.changed_here.clone(),
        control: foundation.control.clone(),
        certificates: certificates.clone(),
        password_file: password_file.clone(),
        changing: Mutex::default(),
    });
    let dialler = Dialler {
        sessions: foundation.sessions(),
        primary: Primary {
            endpoint,
            user_name: met.user_name,
            certificates: certificates.clone(),
            password_file,
            packing: match config.sync.compress {
                true => Packing::Compressed,
                false => Packing::Plain,
            },
        },
        rhythm: now.rhythm,
        partner: now.partner,
        book: book.clone(),
        random: foundation.context.random.clone(),
        stop: stop.clone(),
    };
    let dialling = foundation.users.track_future(dialler.run());
    tasks.spawn("dialler", OnEnd::Critical, dialling);

    let patience = Duration::from_secs(60 * u64::from(config.sync.move_patience_minutes));
    let watching = watch(
        foundation.store.clone(),
        patience,
        foundation.context.clock.clone(),
        stop.clone(),
    );
    let watching = foundation.users.track_future(watching);
    tasks.spawn("move patience", OnEnd::Critical, watching);

    let answering = crate::proposals::watch(foundation.store.clone(), stop.clone());
    let answering = foundation.users.track_future(answering);
    tasks.spawn("answer proposals", OnEnd::Critical, answering);

    let store = foundation.store.clone();
    let removing = in_steps(
        "remove withdrawn copies",
        async move || store.removal_step(STEP).await,
        Arc::default(),
        stop.clone(),
    );
    let removing = foundation.users.track_future(removing);
    tasks.spawn("remove withdrawn copies", OnEnd::Critical, removing);

    let routes = foundation.routes(&[], book, None)?;
    foundation.serve(routes.routes());
    Ok(())
}

fn wrong_url(fault: Fault) -> Fault {
    let described = fault
        .violations()
        .first()
        .map(|violation| violation.description.as_str());
    let message = format!("sync.primary_url: {}", described.unwrap_or(fault.message()));
    Fault::new(FaultCode::InvalidArgument, Reason::CONFIGURATION_INVALID, message)
}
