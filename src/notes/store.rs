//! The rows of notes. They are only ever inserted.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, Statement};

use super::Note;
use crate::{
    access::{Granted, OnePatient},
    db::{Tx, list::ListSql},
    readings::Unreviewed,
    types::{AccountId, Cursor, NoteId, PatientId, Timestamp},
};

mod note {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, DeploymentId, NoteId, OrganisationId, PatientId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: NoteId,
        pub organisation_id: OrganisationId,
        pub deployment_id: DeploymentId,
        pub patient_id: PatientId,
        pub author_id: AccountId,
        pub author_name: String,
        pub text: String,
        pub at: Timestamp,
        pub addendum_to: Option<NoteId>,
        pub red: i64,
        pub amber: i64,
        pub grey: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl From<note::Model> for Note {
    fn from(row: note::Model) -> Self {
        Self {
            id: row.id,
            author: row.author_id,
            author_name: row.author_name,
            text: row.text,
            at: row.at,
            reviewed: Unreviewed { red: row.red, amber: row.amber, grey: row.grey },
            addenda: Vec::new(),
        }
    }
}

/// A note on its way in.
pub(super) struct NewNote<'a> {
    pub id: NoteId,
    pub patient: PatientId,
    pub author: AccountId,
    pub author_name: &'a str,
    pub text: &'a str,
    pub at: Timestamp,
    pub addendum_to: Option<NoteId>,
    pub reviewed: Unreviewed,
}

pub(super) async fn insert(tx: &Tx, granted: &Granted, new: NewNote<'_>) -> Result<(), DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(()) };
    note::Entity::insert(note::ActiveModel {
        id: Set(new.id),
        organisation_id: Set(granted.scope().organisation),
        deployment_id: Set(deployment),
        patient_id: Set(new.patient),
        author_id: Set(new.author),
        author_name: Set(new.author_name.to_owned()),
        text: Set(new.text.to_owned()),
        at: Set(new.at),
        addendum_to: Set(new.addendum_to),
        red: Set(new.reviewed.red),
        amber: Set(new.reviewed.amber),
        grey: Set(new.reviewed.grey),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// Whether the patient has such a note to which can be added.
pub(super) async fn can_be_added_to(tx: &Tx, granted: &Granted, patient: PatientId, id: NoteId) -> Result<bool, DbErr> {
    use note::Column as C;
    let asked = note::Entity::find_by_id(id)
        .filter(C::PatientId.eq(patient))
        .filter(C::DeploymentId.eq(granted.scope().deployment))
        .filter(C::AddendumTo.is_null());
    Ok(asked.one(tx).await?.is_some())
}

/// A note with these very words that the author wrote about the patient since then, among their newest.
pub(super) async fn same_since(
    tx: &Tx,
    granted: &Granted,
    (patient, author): (PatientId, AccountId),
    (text, addendum_to): (&str, Option<NoteId>),
    since: Timestamp,
) -> Result<Option<NoteId>, DbErr> {
    use note::Column as C;
    let newest = note::Entity::find()
        .filter(C::PatientId.eq(patient))
        .filter(C::DeploymentId.eq(granted.scope().deployment))
        .order_by_desc(C::Id)
        .limit(20)
        .all(tx)
        .await?;
    let same = newest
        .into_iter()
        .find(|row| row.author_id == author && row.at >= since && row.text == text && row.addendum_to == addendum_to);
    Ok(same.map(|row| row.id))
}

/// One page of a patient's notes, newest first, with one row more than `size`; each with what was added to it.
pub(super) async fn page(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Note>, DbErr> {
    use sea_orm::FromQueryResult;
    let mut sql = ListSql::within("patient_id", one.patient().uuid());
    sql.only("addendum_to IS NULL");
    let descending = !from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        sql.beyond("id", vec![cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&["id"], descending, size);
    let sql = format!("SELECT * FROM notes {end}");
    let rows =
        note::Model::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).all(db);
    let mut notes: Vec<Note> = rows.await?.into_iter().map(Note::from).collect();
    let addenda = note::Entity::find()
        .filter(note::Column::PatientId.eq(one.patient()))
        .filter(note::Column::AddendumTo.is_in(notes.iter().map(|note| note.id)))
        .order_by_asc(note::Column::Id)
        .all(db)
        .await?;
    for row in addenda {
        let to = row.addendum_to;
        if let Some(note) = notes.iter_mut().find(|note| Some(note.id) == to) {
            note.addenda.push(row.into());
        }
    }
    Ok(notes)
}
