//! The queue of the sealer, and the seals.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, Set, Statement};

use super::Stored;
use crate::{
    audit::chain::{BEGINNING, Hash},
    db::{CHUNK, Tx, placeholders},
    types::{EventId, Timestamp},
};

mod seal_row {
    use sea_orm::entity::prelude::*;

    use crate::types::{EventId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seals")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub event_id: EventId,
        pub sealed_at: Timestamp,
        pub hash: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The newest seal; number 0 and [`BEGINNING`] when there is none.
pub async fn head(db: &impl ConnectionTrait) -> Result<(i64, Hash), DbErr> {
    let sql = "SELECT seq, hash FROM seals ORDER BY seq DESC LIMIT 1";
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let Some(row) = row else { return Ok((0, BEGINNING)) };
    let hash: Vec<u8> = row.try_get_by_index(1)?;
    let hash = hash.try_into().map_err(|_| DbErr::Custom("a seal's hash is not 32 bytes long".to_owned()))?;
    Ok((row.try_get_by_index(0)?, hash))
}

/// Whether there is anything to seal. Asked of a reading connection, so that an idle portal takes no write lock.
pub async fn anything_waits(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let sql = "SELECT 1 FROM unsealed_events LIMIT 1";
    Ok(db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?.is_some())
}

/// Makes this transaction the only one that seals; false when another has begun already. SQLite's transactions exclude each other.
pub async fn become_the_sealer(tx: &Tx) -> Result<bool, DbErr> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(true);
    }
    // An arbitrary number of our own, beside the one that migrations take.
    let statement = Statement::from_string(DbBackend::Postgres, "SELECT pg_try_advisory_xact_lock(7241564)");
    tx.query_one_raw(statement).await?.map_or(Ok(false), |row| row.try_get_by_index(0))
}

/// The events at the head of the queue, by their ids.
pub async fn waiting(tx: &Tx, limit: usize) -> Result<Vec<Stored>, DbErr> {
    let sql = format!(
        "SELECT u.event_id, {} FROM unsealed_events u JOIN events e ON e.id = u.event_id ORDER BY u.event_id LIMIT $1",
        Stored::COLUMNS
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, [limit.into()])).await?;
    rows.iter().map(|row| Stored::read(row, row.try_get_by_index(0)?, 1)).collect()
}

/// Appends seals and takes their events from the queue.
pub async fn seal(tx: &Tx, seals: &[(i64, EventId, Hash)], at: Timestamp) -> Result<(), DbErr> {
    for chunk in seals.chunks(CHUNK) {
        let rows = chunk.iter().map(|(seq, event, hash)| seal_row::ActiveModel {
            seq: Set(*seq),
            event_id: Set(*event),
            sealed_at: Set(at),
            hash: Set(hash.to_vec()),
        });
        seal_row::Entity::insert_many(rows).exec_without_returning(tx).await?;
        let sql = format!("DELETE FROM unsealed_events WHERE event_id IN ({})", placeholders(1, chunk.len()));
        let ids = chunk.iter().map(|(_, event, _)| (*event).into());
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, ids)).await?;
    }
    Ok(())
}
