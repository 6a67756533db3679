//! How a primary is put together: the one place that knows all its parts.

use std::sync::Arc;

use futures::FutureExt;
use supplysync_api::v1::site_service_server::{self, SiteServiceServer};
use supplysync_api::v1::sync_service_server;
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_net::CredentialVerifier;
use supplysync_node::serve::{Foundation, Site, SiteRole};
use supplysync_runtime::Context;
use supplysync_store::Store;

use crate::command::site::SiteDefaults;
use crate::config::{Config, PASSWORD_HASH, USER_NAME};
use crate::service::site::Sites;
use crate::service::sync::SyncHandler;

/// What satellites get unless they are given something else: asked every five minutes, and told at once.
const INTERVAL_MINUTES: u32 = 5;

/// Puts the primary together and starts it. Returns once its tasks run.
pub async fn serve(config: Config, context: Context) -> Result<(), Fault> {
    let site = Site {
        role: SiteRole::Primary,
        name: config.site.name.clone(),
        tls: config.tls.resolved(&config.data_dir),
        listen: config.listen.clone(),
        database: config.database.store_config(&config.data_dir),
    };
    let foundation = Foundation::lay(site, context).await?;
    let (context, store) = (&foundation.context, &foundation.store);

    let (user_name, password_hash) = credentials(store).await?;
    let verifier = CredentialVerifier::new(user_name, password_hash, context.clock.clone(), &*context.random);
    let sync = SyncHandler::new(
        foundation.sessions(),
        Arc::new(verifier),
        context.clone(),
        foundation.users.clone(),
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
        .add_service(SiteServiceServer::new(Sites::new(store.clone(), defaults)));
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
