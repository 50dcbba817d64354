//! What inviters are told in one mail instead of many.

use askama::Template;
use futures::{FutureExt, future::BoxFuture};

use super::{REMINDED, UNDELIVERED};
use crate::{
    access,
    error::Result,
    identity,
    invitations::{PendingRow, store},
    outbox::{
        Claimed, Email, Letter,
        life::{self, Stage},
    },
    portal::Portal,
    sites,
    types::{AccountId, Timestamp},
};

/// A mail names this many people; the list behind its button has all of them.
const NAMED: usize = 50;

/// To the inviter: these did not arrive.
pub struct UndeliveredMail;

/// One invitation in a summary.
pub struct Line {
    email: String,
    place: String,
    why: String,
}

/// What a summary's texts are made of.
pub struct SummaryWords {
    inviter_name: String,
    organisation: String,
    count: usize,
    lines: Vec<Line>,
    more: usize,
    url: String,
}

#[derive(Template)]
#[template(path = "email/undelivered/subject.txt")]
struct UndeliveredSubject<'a> {
    mail: &'a SummaryWords,
}
#[derive(Template)]
#[template(path = "email/undelivered/body.txt")]
struct UndeliveredText<'a> {
    mail: &'a SummaryWords,
}
#[derive(Template)]
#[template(path = "email/undelivered/body.html")]
struct UndeliveredHtml<'a> {
    mail: &'a SummaryWords,
}

impl Email for UndeliveredMail {
    fn kind(&self) -> &'static str {
        UNDELIVERED
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let rows = store::told_in(portal.db.reader(), mail.id).await?;
            let Some(words) = words(portal, mail, rows, "not_delivered").await? else { return Ok(None) };
            Letter::write(
                &UndeliveredSubject { mail: &words },
                &UndeliveredText { mail: &words },
                &UndeliveredHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}

/// To the inviter, once a day: these were reminded.
pub struct RemindedMail;

#[derive(Template)]
#[template(path = "email/reminded/subject.txt")]
struct RemindedSubject<'a> {
    mail: &'a SummaryWords,
}
#[derive(Template)]
#[template(path = "email/reminded/body.txt")]
struct RemindedText<'a> {
    mail: &'a SummaryWords,
}
#[derive(Template)]
#[template(path = "email/reminded/body.html")]
struct RemindedHtml<'a> {
    mail: &'a SummaryWords,
}

impl Email for RemindedMail {
    fn kind(&self) -> &'static str {
        REMINDED
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let (end, inviter) = (Timestamp(mail.generation), AccountId::from_uuid(mail.about_id));
            let from = end.minus(std::time::Duration::from_secs(24 * 3600));
            let rows = store::reminded_in(portal.db.reader(), mail.organisation_id, inviter, from, end).await?;
            let Some(words) = words(portal, mail, rows, "pending").await? else { return Ok(None) };
            Letter::write(
                &RemindedSubject { mail: &words },
                &RemindedText { mail: &words },
                &RemindedHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}

/// Nothing when nothing is left to tell, or the inviter works there no more.
async fn words(portal: &Portal, mail: &Claimed, rows: Vec<PendingRow>, state: &str) -> Result<Option<SummaryWords>> {
    let db = portal.db.reader();
    let inviter = AccountId::from_uuid(mail.about_id);
    let here = access::memberships_of(db, inviter, portal.now()).await?;
    let home = here.iter().find(|membership| membership.scope.organisation == mail.organisation_id);
    let Some(home) = home.filter(|_| !rows.is_empty()) else { return Ok(None) };
    let place = sites::actions::place_of(db, home.scope).await?;
    let names = sites::actions::deployment_names(db, mail.organisation_id).await?;
    let count = rows.len();
    let lines = rows.into_iter().take(NAMED).map(|row| {
        let stage = Stage::of(&row.delivery.state);
        let why = life::reason(stage, &row.delivery.answer).map_or(stage.meaning(), |reason| reason.sentence);
        Line {
            email: row.invitation.email.to_string(),
            place: sites::level(&names, row.invitation.scope.deployment),
            why: why.trim_end_matches('.').to_owned(),
        }
    });
    Ok(Some(SummaryWords {
        inviter_name: identity::actions::name_of(db, inviter).await?,
        organisation: place.organisation.name,
        count,
        lines: lines.collect(),
        more: count.saturating_sub(NAMED),
        url: portal.config.url(&format!("{}/invitations?state={state}", home.scope.path())),
    }))
}
