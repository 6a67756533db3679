//! What `serve` of both programs stands on: certificate, ports, database, the services that every site offers, and an
//! orderly end. What only one role has is added in that program's `wiring.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use supplysync_api::v1::diagnostics_service_server::{self, DiagnosticsServiceServer};
use supplysync_api::v1::master_data_service_server::{self, MasterDataServiceServer};
use supplysync_api::v1::preference_service_server::{self, PreferenceServiceServer};
use supplysync_api::v1::report_service_server::{self, ReportServiceServer};
use supplysync_api::v1::stock_service_server::{self, StockServiceServer};
use supplysync_api::{FILE_DESCRIPTOR_SET, fault};
use supplysync_model::{Fault, FaultCode, Reason};
use supplysync_net::certificate::Validity;
use supplysync_net::http2::{self, MAX_MESSAGE_BYTES};
use supplysync_net::{AccessLayer, PeerIdentity, Revocations, Server, TlsMaterial};
use supplysync_runtime::health::Condition;
use supplysync_runtime::traces::Origin;
use supplysync_runtime::{Context, Health, OnEnd, Traces, TracesConfig};
use supplysync_store::{Store, StoreConfig, StoreDeps};
use supplysync_sync_core::SessionLimits;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;
use tonic::service::{Routes, RoutesBuilder};

use crate::access;
use crate::certificates::Certificates;
use crate::cli::settings::{ListenSection, TlsSection, VerifySection};
use crate::command::preferences::PreferenceBook;
use crate::landings::Landings;
use crate::metrics::{self, Readings};
use crate::service::diagnostics::Diagnostics;
use crate::service::master_data::MasterData;
use crate::service::preference::Preferences;
use crate::service::report::Reports;
use crate::service::stock::Stock;
use crate::session::{SessionContext, SyncControl};
use crate::wake::Wake;
use crate::{nightly, repairs};

/// How long calls and sessions may take to end once the program stops; then they are cut.
const DRAIN: Duration = Duration::from_secs(5);

/// Which role a program has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteRole {
    /// `primary-svc`.
    Primary,
    /// `satellite-svc`.
    Satellite,
}

/// What of the configuration is needed here.
#[derive(Debug, Clone)]
pub struct Site {
    /// The program's role.
    pub role: SiteRole,
    /// The name in the configuration.
    pub name: String,
    /// Certificate and authority, paths resolved.
    pub tls: TlsSection,
    /// Ports.
    pub listen: ListenSection,
    /// The database.
    pub database: StoreConfig,
    /// Where the site keeps everything else.
    pub data_dir: PathBuf,
    /// The daily verification.
    pub verify: VerifySection,
    /// Where traces go, if anywhere.
    pub traces: TracesConfig,
    /// Whose certificates are refused; the role fills it.
    pub revocations: Revocations,
}

/// What stands before services are added.
pub struct Foundation {
    /// The program.
    pub context: Context,
    /// The site's database.
    pub store: Store,
    /// The site's certificate, and who is told when it changes.
    pub certificates: Certificates,
    /// Synchronisation, for handlers and sessions.
    pub control: SyncControl,
    /// Whatever uses the database beside the services: it is closed when these have ended.
    pub users: TaskTracker,
    server: Server,
    health: SocketAddr,
    serving: Condition,
    verify: VerifySection,
    /// Whether no other server has the database.
    alone: bool,
    revocations: Revocations,
    traces: Traces,
    /// Dropped with the rest, after the last session and the last write: then the last spans are sent.
    _last_spans: DropGuard,
}

impl Foundation {
    /// Reads the certificate, takes the ports, answers on the health port, opens the database. Each refusal says what to
    /// do; nothing is changed before all of it holds, but for migrations of an older database.
    pub async fn lay(site: Site, context: Context) -> Result<Foundation, Fault> {
        let tls = &site.tls;
        metrics::begin();
        let material = match site.role {
            SiteRole::Primary => TlsMaterial::load,
            // One that expired while the clinic was offline may still be renewed, and its users go on meanwhile.
            SiteRole::Satellite => TlsMaterial::load_even_expired,
        }(&tls.certificate, &tls.key, &tls.authority, context.clock.clone())?;
        if material.validity() == Validity::Expired {
            tracing::error!(
                expired = %material.description().not_after,
                "this site's certificate has expired: it serves its users and asks for a new one, but can't synchronise until it has it"
            );
        }
        let material = material.refusing(site.revocations.clone());
        let health = Health::bind(site.listen.health).await?;
        let server = Server::bind(site.listen.grpc, &material).await?;
        let certificates = Certificates::new(material, site.tls.clone());
        let tls = server.tls();
        certificates.also(move |material| tls.replace(material));
        let serving = context.readiness.condition("serving");
        let (readiness, stop) = (context.readiness.clone(), context.stop.clone());
        let health_address = health.local_addr();
        context.tasks.spawn(
            "health",
            OnEnd::Critical,
            health.serve(readiness, context.metrics.clone(), stop),
        );
        let deps = StoreDeps {
            clock: context.clock.clone(),
            random: context.random.clone(),
        };
        let store = Store::open(site.database, deps).await?;
        let alone = store.durability().await?.backend == "sqlite";
        if let Err(fault) = check_identity(&store, site.role, &certificates.present()) {
            store.close().await;
            return Err(fault);
        }
        tell_what_is_odd(&store, &site.name).await?;
        let unparked = store
            .write("retry parked", |tx| {
                Box::pin(async move { tx.retry_parked().await })
            })
            .await?;
        if unparked > 0 {
            tracing::info!(records = unparked, "records that were parked can be read now");
        }
        let origin = Origin {
            program: context.name,
            version: env!("CARGO_PKG_VERSION"),
            site: store.sync_id(),
        };
        let (traces, last_spans) = Traces::begin(&site.traces, origin, &context.tasks)?;
        if traces.are_on() {
            store.tell(Arc::new(Landings {
                traces: traces.clone(),
                site: origin.site,
            }));
        }
        let control = SyncControl::default();
        context.metrics.read_from(Readings::new(
            site.role,
            context.clone(),
            store.clone(),
            certificates.clone(),
            control.board().clone(),
            site.data_dir,
        ));
        Ok(Foundation {
            context,
            store,
            certificates,
            control,
            users: TaskTracker::new(),
            server,
            health: health_address,
            serving,
            verify: site.verify,
            alone,
            revocations: site.revocations,
            traces,
            _last_spans: last_spans,
        })
    }

    /// What sessions share.
    pub fn sessions(&self) -> SessionContext {
        SessionContext {
            store: self.store.clone(),
            control: self.control.clone(),
            clock: self.context.clock.clone(),
            limits: SessionLimits::default(),
            traces: self.traces.clone(),
            software_version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The services that every site offers, with health and reflection. `more` are the names of those that the caller
    /// adds, for reflection; `book` is what the role keeps of the preferences; `wake` is a primary's.
    pub fn routes(
        &self,
        more: &[&str],
        book: Arc<dyn PreferenceBook>,
        wake: Option<Arc<dyn Wake>>,
    ) -> Result<RoutesBuilder, Fault> {
        let store = || self.store.clone();
        let stop = self.context.stop.clone();
        let diagnostics = Diagnostics::new(store(), self.control.clone(), stop, wake);
        let preferences = Preferences::new(store(), Arc::clone(&self.context.random), book);
        let (_, health) = tonic_health::server::health_reporter();
        let mut routes = Routes::builder();
        routes
            .add_service(
                MasterDataServiceServer::new(MasterData::new(store()))
                    .max_decoding_message_size(MAX_MESSAGE_BYTES),
            )
            .add_service(
                StockServiceServer::new(Stock::new(store())).max_decoding_message_size(MAX_MESSAGE_BYTES),
            )
            .add_service(ReportServiceServer::new(Reports::new(store())))
            .add_service(DiagnosticsServiceServer::new(diagnostics))
            .add_service(PreferenceServiceServer::new(preferences))
            .add_service(health);
        // Older clients know only v1alpha.
        let described = || {
            let names = [
                master_data_service_server::SERVICE_NAME,
                stock_service_server::SERVICE_NAME,
                report_service_server::SERVICE_NAME,
                diagnostics_service_server::SERVICE_NAME,
                preference_service_server::SERVICE_NAME,
                "grpc.health.v1.Health",
            ];
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            let names = names.iter().chain(more);
            names.fold(builder, |builder, name| builder.with_service_name(*name))
        };
        routes
            .add_service(described().build_v1().map_err(Fault::internal)?)
            .add_service(described().build_v1alpha().map_err(Fault::internal)?);
        Ok(routes)
    }

    /// Serves until the program stops: then calls and sessions end in order, and the database is closed last.
    pub fn serve(self, routes: Routes) {
        let identity = self.store.identity();
        tracing::info!(
            site = identity.sync_id.get(),
            name = identity.site_name,
            grpc = %self.server.local_addr(),
            health = %self.health,
            "serving"
        );
        let tasks = self.context.tasks.clone();
        let (store, stop) = (self.store.clone(), self.context.stop.clone());
        tasks.spawn("disk", OnEnd::Critical, async move {
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                fault = store.disk_failed() => Err(fault),
            }
        });
        let following = self.certificates.clone().follow(self.context.stop.clone());
        tasks.spawn("follow certificates", OnEnd::Critical, following);
        let repairing = repairs::watch(
            self.store.clone(),
            self.control.clone(),
            self.context.stop.clone(),
        );
        let repairing = self.users.track_future(repairing);
        tasks.spawn("repair differences", OnEnd::Critical, repairing);
        if self.verify.nightly {
            let verifying = nightly::verify_each_day(
                self.store.clone(),
                self.verify.hour,
                self.alone,
                self.context.stop.clone(),
            );
            let verifying = self.users.track_future(verifying);
            tasks.spawn("daily verification", OnEnd::Critical, verifying);
        }
        tasks.spawn("grpc server", OnEnd::Critical, self.run(routes));
    }

    async fn run(self, routes: Routes) -> Result<(), Fault> {
        let stop = self.context.stop.clone();
        let layer = AccessLayer::new(access::table(), |fault| fault::to_status(&fault).into_http())
            .refusing(self.revocations.clone());
        let serving = http2::server()
            .layer(layer)
            .add_routes(routes)
            .serve_with_incoming_shutdown(self.server.incoming(), stop.clone().cancelled_owned());
        self.serving.met();
        let out_of_time = async {
            stop.cancelled().await;
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            served = serving => served.map_err(Fault::internal)?,
            () = out_of_time => tracing::warn!("some calls did not end in time and are cut"),
        }
        self.users.close();
        self.users.wait().await;
        self.store.close().await;
        Ok(())
    }
}

/// P10: role, certificate and database must be of one site.
fn check_identity(store: &Store, role: SiteRole, material: &TlsMaterial) -> Result<(), Fault> {
    let identity = store.identity();
    let site = identity.sync_id;
    let (program, other) = match role {
        SiteRole::Primary => ("primary-svc", "satellite-svc"),
        SiteRole::Satellite => ("satellite-svc", "primary-svc"),
    };
    if site.is_primary() != (role == SiteRole::Primary) {
        let message = format!(
            "the database belongs to site {site} ({}), which {program} can't be: start {other} on it, or correct database.url",
            identity.site_name
        );
        return Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::DATABASE_OTHER_SITE,
            message,
        ));
    }
    if *material.identity() != PeerIdentity::Site(site) {
        let message = format!(
            "the certificate is for {}, the database belongs to site {site}: use the certificate that \
             `primary-svc certs issue site {site}` made",
            material.identity()
        );
        return Err(Fault::new(
            FaultCode::FailedPrecondition,
            Reason::CERTIFICATE_UNUSABLE,
            message,
        ));
    }
    Ok(())
}

/// What is worth a warning and no refusal.
async fn tell_what_is_odd(store: &Store, configured_name: &str) -> Result<(), Fault> {
    let name = store.identity().site_name;
    if !configured_name.is_empty() && configured_name != name {
        tracing::warn!(
            configured_name,
            name,
            "the configuration calls this site something else than its database, whose name is used"
        );
    }
    let durability = store.durability().await?;
    if !durability.durable {
        let settings = durability.settings;
        tracing::error!(
            ?settings,
            "the database is set up so that a power cut can lose what was acknowledged: correct these settings"
        );
    }
    Ok(())
}
