//! The mails of this room: the word that somebody's access ends soon, to that person and to whoever gave it.

use askama::Template;
use futures::{FutureExt, future::BoxFuture};

use super::store;
use crate::{
    access::{self, Scope},
    error::{Error, Result},
    outbox::{Claimed, Email, Letter},
    portal::Portal,
    sites,
    types::{MembershipId, Timestamp},
    web::frame::exact,
};

/// The word in the queue for the person whose access ends.
pub const ENDING: &str = "access_ending";
/// The word in the queue for whoever gave it.
pub const ENDING_COLLEAGUE: &str = "access_ending_colleague";

/// To the person themselves.
pub struct EndingMail;
/// To whoever gave the access.
pub struct EndingColleagueMail;

/// What the texts are made of.
pub struct EndingWords {
    name: String,
    email: String,
    role: String,
    place: String,
    ends: String,
    staff_url: String,
}

#[derive(Template)]
#[template(path = "email/ending/subject.txt")]
struct EndingSubject<'a> {
    mail: &'a EndingWords,
}
#[derive(Template)]
#[template(path = "email/ending/body.txt")]
struct EndingText<'a> {
    mail: &'a EndingWords,
}
#[derive(Template)]
#[template(path = "email/ending/body.html")]
struct EndingHtml<'a> {
    mail: &'a EndingWords,
}
#[derive(Template)]
#[template(path = "email/ending_colleague/subject.txt")]
struct ColleagueSubject<'a> {
    mail: &'a EndingWords,
}
#[derive(Template)]
#[template(path = "email/ending_colleague/body.txt")]
struct ColleagueText<'a> {
    mail: &'a EndingWords,
}
#[derive(Template)]
#[template(path = "email/ending_colleague/body.html")]
struct ColleagueHtml<'a> {
    mail: &'a EndingWords,
}

impl Email for EndingMail {
    fn kind(&self) -> &'static str {
        ENDING
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let Some(mail) = words(portal, mail).await? else { return Ok(None) };
            Letter::write(&EndingSubject { mail: &mail }, &EndingText { mail: &mail }, &EndingHtml { mail: &mail })
                .map(Some)
        }
        .boxed()
    }
}

impl Email for EndingColleagueMail {
    fn kind(&self) -> &'static str {
        ENDING_COLLEAGUE
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let Some(mail) = words(portal, mail).await? else { return Ok(None) };
            Letter::write(
                &ColleagueSubject { mail: &mail },
                &ColleagueText { mail: &mail },
                &ColleagueHtml { mail: &mail },
            )
            .map(Some)
        }
        .boxed()
    }
}

/// Nothing when the access has ended, or ends at another time than when the mail was wanted.
async fn words(portal: &Portal, mail: &Claimed) -> Result<Option<EndingWords>> {
    let db = portal.db.reader();
    let ends_at = Timestamp(mail.generation);
    let found = store::find_ending(db, MembershipId::from_uuid(mail.about_id), ends_at).await?;
    let Some(row) = found.filter(|_| ends_at > portal.now()) else { return Ok(None) };
    let scope = Scope { organisation: row.organisation_id, deployment: row.deployment_id };
    let place = sites::actions::place_of(db, scope).await?;
    let key = row.role.parse().map_err(|_| Error::NotFound)?;
    let role = access::find_role(db, scope.organisation, key).await?;
    Ok(Some(EndingWords {
        name: row.name,
        email: row.email,
        role: role.map_or(row.role, |role| role.name),
        ends: exact(row.ends_at, &place.time_zone()),
        place: place.full_name(),
        staff_url: portal.config.url(&format!("{}/staff", scope.path())),
    }))
}
