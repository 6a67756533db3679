//! How a primary is put together: the one place that knows all its parts.

use std::sync::Arc;

use futures::FutureExt;
use supplysync_api::v1::site_service_server::{self, SiteServiceServer};
use supplysync_api::v1::sync_service_server;
use supplysync_model::Fault;
use supplysync_net::credential::Credential;
use supplysync_net::{CredentialVerifier, Revocations, Server, Visitor};
use supplysync_node::password_file::finish_change;
use supplysync_node::serve::{Foundation, Site, SiteRole};
use supplysync_node::steps::{STEP, in_steps};
use supplysync_runtime::{Context, OnEnd};
use tokio::sync::{Mutex, Notify};

use crate::config::Config;
use crate::credentials::Credentials;
use crate::delivery::Delivery;
use crate::enrolment::{Issuing, ShutOut, own_certificate, port};
use crate::preferences::PrimaryPreferences;
use crate::replicas;
use crate::service::enrolment::Enrolments;
use crate::service::site::Sites;
use crate::service::sync::{Shared, SyncHandler};
use crate::sessions::Sessions;
use crate::shared_credentials::SharedCredentials;
use crate::wake::Waking;

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
        database: config.database.access(&config.data_dir)?,
        data_dir: config.data_dir.clone(),
        verify: config.verify,
        traces: config.traces.clone(),
        revocations: revocations.clone(),
    };
    let foundation = Foundation::lay(site, context).await?;
    let (context, store) = (&foundation.context, &foundation.store);

    let credentials = store.read("credentials", |tx| {
        async move { Credentials::load(tx).await }.boxed()
    });
    let credentials = credentials.await?;
    let Credential {
        user_name,
        password_hash,
    } = credentials.present.clone();
    let verifier = CredentialVerifier::new(user_name, password_hash, context.clock.clone(), &*context.random);
    verifier.accept(credentials.clone().accepted());
    let verifier = Arc::new(verifier);
    let password_file = config.data_dir.join(&config.enrolment.password_file);
    finish_change(store, &password_file).await?;
    let open = Sessions::default();
    let delivery = Delivery::begin(store.clone(), verifier.clone(), open.clone(), &password_file).await?;
    let shared_credentials = SharedCredentials {
        store: store.clone(),
        verifier: verifier.clone(),
        delivery: delivery.clone(),
        password_file: password_file.clone(),
        seen: credentials,
    };
    let book = PrimaryPreferences {
        changing: Mutex::default(),
        delivery: delivery.clone(),
        password_file: password_file.clone(),
        store: store.clone(),
        control: foundation.control.clone(),
        verifier: verifier.clone(),
        random: context.random.clone(),
    };
    let issuing = Arc::new(Issuing::new(
        config.enrolment.clone(),
        foundation.certificates.clone(),
        context.clock.clone(),
        context.random.clone(),
    ));
    let shut_out = ShutOut::begin(
        store.clone(),
        revocations.clone(),
        open.clone(),
        &issuing.folder(),
    )
    .await?;
    let sync = SyncHandler::new(
        foundation.sessions(),
        verifier,
        context.clone(),
        foundation.users.clone(),
        Shared {
            open: open.clone(),
            revocations: revocations.clone(),
            delivery,
        },
    );

    let more = [
        site_service_server::SERVICE_NAME,
        sync_service_server::SERVICE_NAME,
    ];
    let waking = Waking::new(
        store.clone(),
        foundation.control.clone(),
        foundation.certificates.clone(),
        context.clone(),
        foundation.users.clone(),
    );
    let told_to_keep = Arc::new(Notify::new());
    let mut routes = foundation.routes(&more, Arc::new(book), Some(Arc::new(waking.clone())))?;
    routes
        .add_service(sync)
        .add_service(SiteServiceServer::new(Sites::new(
            store.clone(),
            foundation.control.clone(),
            config.limits.max_sync_id,
            Arc::clone(&issuing),
            shut_out.clone(),
            waking,
            told_to_keep.clone(),
        )));
    let kept = store.clone();
    let keeping = in_steps(
        "keep stores, or stop",
        async move || kept.keeping_step(STEP).await,
        told_to_keep,
        context.stop.clone(),
    );
    let keeping = foundation.users.track_future(keeping);
    context.tasks.spawn("keep stores", OnEnd::Critical, keeping);
    if config.database.is_shared() {
        let following = foundation
            .users
            .track_future(shut_out.follow(context.stop.clone()));
        context
            .tasks
            .spawn("follow revocations", OnEnd::Critical, following);
        let following = foundation
            .users
            .track_future(shared_credentials.follow(context.stop.clone()));
        context
            .tasks
            .spawn("follow credentials", OnEnd::Critical, following);
        let following = replicas::follow(
            store.clone(),
            open,
            foundation.control.clone(),
            context.stop.clone(),
        );
        let following = foundation.users.track_future(following);
        context
            .tasks
            .spawn("follow other primaries", OnEnd::Critical, following);
        let saying = replicas::say_who_is_here(
            store.clone(),
            foundation.control.board().clone(),
            context.stop.clone(),
        );
        let saying = foundation.users.track_future(saying);
        context.tasks.spawn("say who is here", OnEnd::Critical, saying);
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
            password_file,
            config.limits.max_sync_id,
        );
        let serving = port::serve(server, handler, context.stop.clone());
        let serving = foundation.users.track_future(serving);
        context.tasks.spawn("enrolment port", OnEnd::Critical, serving);
    }
    foundation.serve(routes.routes());
    Ok(())
}
