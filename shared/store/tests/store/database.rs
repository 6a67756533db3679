//! Databases to test on: temporary SQLite files, and PostgreSQL schemas of their own; and what is in them, as text.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::{Connection, Row};
use supplysync_model::{Clock, Fault, Random, SyncId, Timestamp};
use supplysync_store::{NewIdentity, Store, StoreConfig, StoreDeps};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::records::Bed;

/// A clock that moves a second each time it is read, and random bits that never repeat.
#[derive(Default)]
struct Source {
    seconds: AtomicI64,
    drawn: AtomicU64,
}

impl Clock for Source {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000 + 1000 * self.seconds.fetch_add(1, Ordering::Relaxed))
    }
}

impl Random for Source {
    fn bytes16(&self) -> [u8; 16] {
        let [a, b] = [
            self.drawn.fetch_add(1, Ordering::Relaxed),
            u64::from(std::process::id()),
        ];
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&a.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        bytes[8..].copy_from_slice(&(a ^ b).to_be_bytes());
        bytes
    }
}

pub fn deps() -> StoreDeps {
    let source = Arc::new(Source::default());
    StoreDeps {
        clock: source.clone(),
        random: source,
    }
}

pub fn identity(site: u16) -> NewIdentity {
    NewIdentity {
        sync_id: SyncId::new(site).unwrap(),
        site_name: format!("Site {site}"),
    }
}

/// Where databases come from.
pub trait Database: Bed<Records = Store> {
    /// Whether the database itself tells of a commit, perhaps before who has committed goes on.
    const TELLS: bool;

    /// A place that holds nothing yet.
    async fn empty(&self) -> StoreConfig;

    /// Runs a statement past the store.
    async fn execute(config: &StoreConfig, sql: &str);

    /// Every row of every table, as text.
    async fn dump(config: &StoreConfig) -> BTreeMap<String, Vec<String>>;

    /// A statement's words that make the next change of a table fail, and those that undo it.
    fn sabotage(table: &str) -> (String, String);

    /// A new store of a site, and where it is.
    async fn init(&self, site: u16) -> (Store, StoreConfig) {
        let config = self.empty().await;
        let store = Store::init(config.clone(), identity(site), deps()).await.unwrap();
        (store, config)
    }
}

/// Files in a temporary folder.
pub struct Sqlite {
    folder: TempDir,
    made: AtomicU64,
}

impl Sqlite {
    pub fn new() -> Sqlite {
        Sqlite {
            folder: tempfile::tempdir().unwrap(),
            made: AtomicU64::new(0),
        }
    }

    pub fn path(config: &StoreConfig) -> PathBuf {
        url(config).strip_prefix("sqlite:").unwrap().into()
    }
}

impl Bed for Sqlite {
    type Records = Store;

    async fn site(&self, site: u16) -> Store {
        self.init(site).await.0
    }
}

impl Database for Sqlite {
    const TELLS: bool = false;

    async fn empty(&self) -> StoreConfig {
        let name = self.made.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("{name}.db"));
        StoreConfig::new(format!("sqlite:{}", path.display()))
    }

    async fn execute(config: &StoreConfig, sql: &str) {
        let mut connection = sqlx::SqliteConnection::connect(&url(config)).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    async fn dump(config: &StoreConfig) -> BTreeMap<String, Vec<String>> {
        let mut connection = sqlx::SqliteConnection::connect(&url(config)).await.unwrap();
        let columns = "SELECT m.name, group_concat('quote(' || p.name || ')', '||'',''||') FROM sqlite_master m \
                       JOIN pragma_table_info(m.name) p WHERE m.type = 'table' GROUP BY m.name";
        let mut dump = BTreeMap::new();
        for table in sqlx::query(columns).fetch_all(&mut connection).await.unwrap() {
            let (name, row): (String, String) = (table.get(0), table.get(1));
            let sql = format!("SELECT {row} FROM {name} ORDER BY 1");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            dump.insert(name, rows.iter().map(|row| row.get(0)).collect());
        }
        dump
    }

    fn sabotage(table: &str) -> (String, String) {
        let events = ["INSERT", "UPDATE", "DELETE"];
        let make = events.map(|event| {
            format!(
                "CREATE TRIGGER break_{event} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'injected'); END;"
            )
        });
        let undo = events.map(|event| format!("DROP TRIGGER break_{event};"));
        (make.concat(), undo.concat())
    }
}

/// Schemas in a database of this process, on a server that the environment names: to the store each is a database,
/// and they are made and dropped without a checkpoint.
#[derive(Clone)]
pub struct Postgres {
    database: StoreConfig,
    made: Arc<Mutex<Vec<String>>>,
}

/// Numbers the schemas of this process.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The database of this process, once it is made.
static DATABASE: OnceCell<StoreConfig> = OnceCell::const_new();

impl Postgres {
    /// Runs a test if there is a server, and drops its schemas if it passes: a run makes hundreds.
    pub async fn with<F: Future<Output = ()>>(test: impl FnOnce(Postgres) -> F) {
        let Ok(server) = std::env::var("SUPPLYSYNC_TEST_POSTGRES") else {
            return;
        };
        let postgres = Postgres {
            database: DATABASE.get_or_init(|| make_database(server)).await.clone(),
            made: Arc::default(),
        };
        test(postgres.clone()).await;
        let made = std::mem::take(&mut *postgres.made.lock().unwrap());
        for name in made {
            Self::execute(&postgres.database, &format!("DROP SCHEMA {name} CASCADE")).await;
        }
    }
}

async fn make_database(server: String) -> StoreConfig {
    let name = format!("store_{}", std::process::id());
    let (base, _) = server.rsplit_once('/').unwrap();
    let made = StoreConfig::new(format!("{base}/{name}"));
    let server = StoreConfig::new(server);
    Postgres::execute(&server, &format!("DROP DATABASE IF EXISTS {name}")).await;
    Postgres::execute(&server, &format!("CREATE DATABASE {name}")).await;
    made
}

impl Bed for Postgres {
    type Records = Store;

    async fn site(&self, site: u16) -> Store {
        self.init(site).await.0
    }
}

impl Database for Postgres {
    const TELLS: bool = true;

    async fn empty(&self) -> StoreConfig {
        let name = format!("s{}", MADE.fetch_add(1, Ordering::Relaxed));
        Self::execute(&self.database, &format!("CREATE SCHEMA {name}")).await;
        let url = format!("{}?options[search_path]={name}", url(&self.database));
        self.made.lock().unwrap().push(name);
        StoreConfig::new(url)
    }

    async fn execute(config: &StoreConfig, sql: &str) {
        let mut connection = sqlx::PgConnection::connect(&url(config)).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    async fn dump(config: &StoreConfig) -> BTreeMap<String, Vec<String>> {
        let mut connection = sqlx::PgConnection::connect(&url(config)).await.unwrap();
        let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = current_schema()";
        let mut dump = BTreeMap::new();
        for table in sqlx::query(tables).fetch_all(&mut connection).await.unwrap() {
            let name: String = table.get(0);
            let sql = format!("SELECT CAST(t AS TEXT) FROM {name} t ORDER BY 1");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            dump.insert(name, rows.iter().map(|row| row.get(0)).collect());
        }
        dump
    }

    fn sabotage(table: &str) -> (String, String) {
        let make = format!(
            "CREATE OR REPLACE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'injected'; END $$; \
             CREATE TRIGGER break BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION break()"
        );
        (make, format!("DROP TRIGGER break ON {table}"))
    }
}

pub fn url(config: &StoreConfig) -> String {
    use secrecy::ExposeSecret;
    config.url.expose_secret().to_owned()
}

/// Everything that a store holds, to see that nothing changed.
pub async fn unchanged<D: Database>(
    config: &StoreConfig,
    before: &BTreeMap<String, Vec<String>>,
    after_what: &str,
) {
    let after = D::dump(config).await;
    for (table, rows) in before {
        assert_eq!(after.get(table), Some(rows), "{table} after {after_what}");
    }
}

/// The reason of a refusal.
pub fn reason<T: std::fmt::Debug>(result: Result<T, Fault>) -> &'static str {
    result.unwrap_err().reason().0
}
