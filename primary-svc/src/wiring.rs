//! How a primary is put together: the one place that knows all its parts.

use std::sync::Arc;

use futures::FutureExt;
use supplysync_api::v1::site_service_server::{self, SiteServiceServer};
use supplysync_api::v1::sync_service_server;
use supplysync_model::Fault;
use supplysync_net::CredentialVerifier;
use supplysync_net::credential::Credential;
use supplysync_node::serve::{Foundation, Site, SiteRole};
use supplysync_runtime::Context;

use crate::config::Config;
use crate::credentials::Credentials;
use crate::preferences::PrimaryPreferences;
use crate::service::site::Sites;
use crate::service::sync::SyncHandler;

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

    let credentials = store.read("credentials", |tx| async move { Credentials::load(tx).await }.boxed());
    let credentials = credentials.await?;
    let Credential {
        user_name,
        password_hash,
    } = credentials.present.clone();
    let verifier = CredentialVerifier::new(user_name, password_hash, context.clock.clone(), &*context.random);
    verifier.accept(credentials.accepted());
    let verifier = Arc::new(verifier);
    let book = PrimaryPreferences {
        store: store.clone(),
        control: foundation.control.clone(),
        verifier: verifier.clone(),
        random: context.random.clone(),
    };
    let sync = SyncHandler::new(
        foundation.sessions(),
        verifier,
        context.clone(),
        foundation.users.clone(),
    );

    let more = [
        site_service_server::SERVICE_NAME,
        sync_service_server::SERVICE_NAME,
    ];
    let mut routes = foundation.routes(&more, Arc::new(book))?;
    routes
        .add_service(sync)
        .add_service(SiteServiceServer::new(Sites::new(
            store.clone(),
            foundation.control.clone(),
            config.limits.max_sync_id,
        )));
    foundation.serve(routes.routes());
    Ok(())
}
