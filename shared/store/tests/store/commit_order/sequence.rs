//! The mistake of others: a number taken at insert, read by a cursor that jumps past what is not committed yet.

use sqlx::Row;
use supplysync_store::StoreConfig;

use super::writers::{Fate, Feed, WRITERS};
use crate::database::url;

/// A table with such a number.
pub struct Sequence {
    pool: sqlx::PgPool,
}

impl Sequence {
    pub async fn new(config: &StoreConfig) -> Sequence {
        let options = sqlx::postgres::PgPoolOptions::new().max_connections(WRITERS + 1);
        let pool = options.connect(&url(config)).await.unwrap();
        let table = "CREATE TABLE change (seq BIGSERIAL PRIMARY KEY, number BIGINT NOT NULL)";
        sqlx::raw_sql(table).execute(&pool).await.unwrap();
        Sequence { pool }
    }
}

impl Feed for Sequence {
    async fn write(&self, _: u32, numbers: Vec<u32>, fate: Fate) -> bool {
        let mut tx = self.pool.begin().await.unwrap();
        let numbers: Vec<i64> = numbers.into_iter().map(i64::from).collect();
        let insert = sqlx::query("INSERT INTO change (number) SELECT * FROM UNNEST($1)").bind(numbers);
        insert.execute(&mut *tx).await.unwrap();
        if fate == Fate::Slow {
            sqlx::raw_sql("SELECT pg_sleep(0.004)")
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        if fate == Fate::RolledBack {
            tx.rollback().await.unwrap()
        } else {
            tx.commit().await.unwrap()
        }
        fate != Fate::RolledBack
    }

    async fn read(&self, _: u32, after: u64) -> Option<(Vec<u32>, u64)> {
        let page = sqlx::query("SELECT seq, number FROM change WHERE seq > $1 ORDER BY seq LIMIT 2500");
        let rows = page.bind(after as i64).fetch_all(&self.pool).await.unwrap();
        let last = rows.last().map_or(after, |row| row.get::<i64, _>(0) as u64);
        Some((rows.iter().map(|row| row.get::<i64, _>(1) as u32).collect(), last))
    }
}
