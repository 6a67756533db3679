//! How a primary is put together: the one place that knows all its parts.

use std::sync::Arc;

use futures::FutureExt;
use supplysync_api::v1::site_service_server::{self, SiteServiceServer};
use supplysync_api::v1::sync_service_server;
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_net::{CredentialVerifier, Revocations, Server, Visitor};
use supplysync_node::serve::{Foundation, Site, SiteRole};
use supplysync_runtime::{Context, OnEnd};
use supplysync_store::Store;

use crate::command::site::SiteDefaults;
use crate::config::{Config, PASSWORD_HASH, USER_NAME};
use crate::enrolment::{Issuing, ShutOut, own_certificate, port};
use crate::service::enrolment::Enrolments;
use crate::service::site::Sites;
use crate::service::sync::{Shared, SyncHandler};
use crate::sessions::Sessions;

/// What satellites get unless they are given something else: asked every five minutes, and told at once.
const INTERVAL_MINUTES: u32 = 5;

/// Puts the primary together and starts it. Returns once its tasks run.
pub async fn serve(config: Config, context: Context) -> Result<(), Fault> {
    let tls = config.tls.resolved(&config.data_dir);
    own_certificate::renew_expired(&tls, &config.enrolment, &*context.clock, &*context.random)?;
    let revocations = Revocations::default();
    let site = Site {
        role: SiteRole::Primary,
        name: config.site.name.clone(),
        tls,
        listen: config.listen.clone(),
        database: config.database.store_config(&config.data_dir),
        revocations: revocations.clone(),
    };
    let foundation = Foundation::lay(site, context).await?;
    let (context, store) = (&foundation.context, &foundation.store);

    let (user_name, password_hash) = credentials(store).await?;
    let verifier = CredentialVerifier::new(user_name, password_hash, context.clock.clone(), &*context.random);
    let open = Sessions::default();
    let issuing = Arc::new(Issuing::new(
        config.enrolment.clone(),
        foundation.certificates.clone(),
        context.clock.clone(),
        context.random.clone(),
    ));
    let shut_out = ShutOut::begin(store.clone(), revocations.clone(), open.clone(), issuing.folder()).await?;
    let sync = SyncHandler::new(
        foundation.sessions(),
        Arc::new(verifier),
        context.clone(),
        foundation.users.clone(),
        Shared {
            open,
            revocations: revocations.clone(),
        },
    );
    let defaults = SiteDefaults {
        max_sync_id: config.limits.max_sync_id,
        interval_minutes: INTERVAL_MINUTES,
        live: true,
    };

    let more = [
        site_service_server::SERVICE_NAME,
        sync_service_server::SERVICE_NAME,
    ];
    let mut routes = foundation.routes(&more)?;
    routes
        .add_service(sync)
        .add_service(SiteServiceServer::new(Sites::new(
            store.clone(),
            defaults,
            Arc::clone(&issuing),
            shut_out.clone(),
        )));
    if config.database.is_shared() {
        let following = foundation
            .users
            .track_future(shut_out.follow(context.stop.clone()));
        context
            .tasks
            .spawn("follow revocations", OnEnd::Critical, following);
    }
    if config.enrolment.enabled {
        let keeping = own_certificate::keep_valid(Arc::clone(&issuing), context.stop.clone());
        context.tasks.spawn("own certificate", OnEnd::Critical, keeping);
        let server = Server::<Visitor>::bind_for(config.enrolment.listen, &issuing.own()).await?;
        tracing::info!(address = %server.local_addr(), "the enrolment port is open");
        let tls = server.tls();
        foundation
            .certificates
            .also(move |material| tls.replace(material));
        let handler = Enrolments::new(
            store.clone(),
            issuing,
            revocations,
            config.data_dir.join(&config.enrolment.password_file),
            config.limits.max_sync_id,
        );
        let serving = port::serve(server, handler, context.stop.clone());
        let serving = foundation.users.track_future(serving);
        context.tasks.spawn("enrolment port", OnEnd::Critical, serving);
    }
    foundation.serve(routes.routes());
    Ok(())
}

/// The user name and the password's hash that `init` stored.
async fn credentials(store: &Store) -> Result<(String, String), Fault> {
    let read = store.read("credentials", |tx| {
        async move {
            Ok((
                tx.preference(USER_NAME).await?,
                tx.preference(PASSWORD_HASH).await?,
            ))
        }
        .boxed()
    });
    let text = |value: Option<Vec<u8>>| value.and_then(|bytes| String::from_utf8(bytes).ok());
    match read.await? {
        (user_name, hash) if user_name.is_some() && hash.is_some() => text(user_name)
            .zip(text(hash))
            .ok_or_else(|| Fault::internal("the stored credentials are not text")),
        _ => Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::DATABASE_NOT_INITIALISED,
            "`primary-svc init` was interrupted on this database: run it again, it goes on from where it was",
        )),
    }
}
