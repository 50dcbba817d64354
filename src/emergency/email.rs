//! The mail of this room: the word that somebody opened a patient in an emergency, to those who look after access where the patient
//! is. It tells the patient's number and no name.

use askama::Template;
use futures::{FutureExt, future::BoxFuture};

use super::store;
use crate::{
    access::Scope,
    error::Result,
    identity,
    op::Op,
    outbox::{Claimed, Email, Letter, NewMail},
    portal::Portal,
    sites, staff,
    types::EmergencyId,
    web::frame::{exact, time_of_day},
};

/// The word in the queue.
const OPENED: &str = "emergency_opened";

/// A patient was opened in an emergency.
pub struct OpenedMail;

/// What the texts are made of.
pub struct OpenedWords {
    number: String,
    place: String,
    name: String,
    email: String,
    reason: String,
    begun: String,
    until: String,
    url: String,
}

#[derive(Template)]
#[template(path = "email/emergency_opened/subject.txt")]
struct OpenedSubject<'a> {
    mail: &'a OpenedWords,
}
#[derive(Template)]
#[template(path = "email/emergency_opened/body.txt")]
struct OpenedText<'a> {
    mail: &'a OpenedWords,
}
#[derive(Template)]
#[template(path = "email/emergency_opened/body.html")]
struct OpenedHtml<'a> {
    mail: &'a OpenedWords,
}

/// Tells everybody who looks after access at the patient's deployment or in the whole organisation.
pub(super) async fn tell_watchers(op: &mut Op, id: EmergencyId, scope: Scope) -> Result<()> {
    for account in staff::actions::access_watchers(op.tx(), scope, op.now()).await? {
        op.send(NewMail {
            id: op.new_id(),
            organisation: scope.organisation,
            kind: OPENED,
            about: id.uuid(),
            generation: 1,
            recipient: identity::actions::address_of(op.tx(), account).await?,
        });
    }
    Ok(())
}

impl Email for OpenedMail {
    fn kind(&self) -> &'static str {
        OPENED
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let db = portal.db.reader();
            // However late the mail leaves, and even if it has ended meanwhile: that it was opened must be known.
            let Some(access) = store::find(db, EmergencyId::from_uuid(mail.about_id)).await? else { return Ok(None) };
            let place = sites::actions::place_of(db, access.scope).await?;
            let person = identity::actions::account_of(db, access.account).await?;
            let zone = place.time_zone();
            let words = OpenedWords {
                url: portal.config.url(&format!("{}/emergencies", access.scope.path())),
                place: place.full_name(),
                number: access.number,
                name: person.name,
                email: person.email,
                reason: access.reason,
                begun: exact(access.begun_at, &zone),
                until: time_of_day(access.ends_at, &zone),
            };
            Letter::write(&OpenedSubject { mail: &words }, &OpenedText { mail: &words }, &OpenedHtml { mail: &words })
                .map(Some)
        }
        .boxed()
    }
}
