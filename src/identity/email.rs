//! The mails of this room: the link to choose a new password, the word that something was done with an account, and the word to those
//! who manage access that somebody says it was not them.

use askama::Template;
use futures::{FutureExt, future::BoxFuture};

use super::{actions, actions::notices::OpenNotice, browser_name, notice_link, reset_link, store};
use crate::{
    access::{Origin, Scope},
    error::Result,
    outbox::{Claimed, Email, Letter},
    portal::Portal,
    sites::{self, Place},
    types::{NoticeId, PasswordResetId, Timestamp},
    web::frame::exact,
};

/// The word in the queue for a link to choose a new password.
pub const PASSWORD_RESET: &str = "password_reset";
/// The word in the queue for security mail.
pub const SECURITY_NOTICE: &str = "security_notice";
/// The word in the queue for a second person who manages access, when one has reset a second factor.
pub const SECOND_FACTOR_RESET: &str = "second_factor_reset";
/// The word in the queue for those who manage access.
pub const DISOWNED: &str = "disowned";

/// The link to choose a new password.
pub struct PasswordResetMail;
/// What was done with an account, to its owner.
pub struct SecurityNoticeMail;
/// That a colleague has reset somebody's second factor, to a second person who manages access.
pub struct SecondFactorResetMail;
/// That somebody says it was not them, to those who manage access.
pub struct DisownedMail;

async fn place_of(portal: &Portal, mail: &Claimed) -> Result<Place> {
    sites::actions::place_of(portal.db.reader(), Scope::organisation(mail.organisation_id)).await
}

/// What the texts of a reset are made of.
pub struct ResetWords {
    name: String,
    email: String,
    organisation: String,
    link: String,
    page_url: String,
    code: String,
    expires: String,
    /// Whether the old password works no more already.
    void: bool,
}

#[derive(Template)]
#[template(path = "email/password_reset/subject.txt")]
struct ResetSubject<'a> {
    mail: &'a ResetWords,
}
#[derive(Template)]
#[template(path = "email/password_reset/body.txt")]
struct ResetText<'a> {
    mail: &'a ResetWords,
}
#[derive(Template)]
#[template(path = "email/password_reset/body.html")]
struct ResetHtml<'a> {
    mail: &'a ResetWords,
}

impl Email for PasswordResetMail {
    fn kind(&self) -> &'static str {
        PASSWORD_RESET
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let (db, now) = (portal.db.reader(), portal.now());
            let id = PasswordResetId::from_uuid(mail.about_id);
            // Used, expired, or of somebody whose access has ended meanwhile: then nobody wants it sent any more.
            let Some(reset) = store::resets::find_reset(db, id, now).await? else { return Ok(None) };
            if !actions::may_still_reset(portal, &reset.account()).await? {
                return Ok(None);
            }
            let place = place_of(portal, mail).await?;
            let (page_url, code) = reset_link(portal, id);
            let words = ResetWords {
                link: format!("{page_url}#{code}"),
                expires: exact(reset.expires_at, &place.time_zone()),
                organisation: place.organisation.name,
                name: reset.name,
                email: reset.email,
                void: reset.password_void,
                page_url,
                code,
            };
            Letter::write(&ResetSubject { mail: &words }, &ResetText { mail: &words }, &ResetHtml { mail: &words })
                .map(Some)
        }
        .boxed()
    }
}

/// Where something was done from, in words: "192.0.2.7, Firefox on Windows". Empty when nobody needs to know.
pub fn origin_words(origin: &Origin) -> String {
    match (origin.address.as_str(), origin.agent.as_str()) {
        ("", _) => String::new(),
        (address, "") => address.to_owned(),
        (address, agent) => format!("{address}, {}", browser_name(agent)),
    }
}

/// What the texts of a notice are made of, for its owner and for those who manage access.
pub struct NoticeMailWords {
    name: String,
    email: String,
    heading: &'static str,
    sentences: Vec<String>,
    at: String,
    origin: String,
    by_others: bool,
    organisation: String,
    link: String,
    page_url: String,
    code: String,
    log_url: String,
}

#[derive(Template)]
#[template(path = "email/security_notice/subject.txt")]
struct NoticeSubject<'a> {
    mail: &'a NoticeMailWords,
}
#[derive(Template)]
#[template(path = "email/security_notice/body.txt")]
struct NoticeText<'a> {
    mail: &'a NoticeMailWords,
}
#[derive(Template)]
#[template(path = "email/security_notice/body.html")]
struct NoticeHtml<'a> {
    mail: &'a NoticeMailWords,
}

async fn notice_words(portal: &Portal, mail: &Claimed) -> Result<Option<(OpenNotice, NoticeMailWords)>> {
    let id = NoticeId::from_uuid(mail.about_id);
    let row = store::notices::find(portal.db.reader(), id, Timestamp(0)).await?;
    let Some(notice) = row.and_then(OpenNotice::from_row) else { return Ok(None) };
    let place = place_of(portal, mail).await?;
    let (page_url, code) = notice_link(portal, id);
    let words = NoticeMailWords {
        name: notice.account.name.clone(),
        email: notice.account.email.clone(),
        heading: notice.kind.heading(),
        sentences: notice.sentences.clone(),
        at: exact(notice.at, &place.time_zone()),
        origin: origin_words(&notice.origin),
        by_others: notice.kind.is_by_others(),
        log_url: portal.config.url(&format!("{}/access-log", place.scope.path())),
        organisation: place.organisation.name,
        link: format!("{page_url}#{code}"),
        page_url,
        code,
    };
    Ok(Some((notice, words)))
}

impl Email for SecurityNoticeMail {
    fn kind(&self) -> &'static str {
        SECURITY_NOTICE
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let Some((_, words)) = notice_words(portal, mail).await? else { return Ok(None) };
            Letter::write(&NoticeSubject { mail: &words }, &NoticeText { mail: &words }, &NoticeHtml { mail: &words })
                .map(Some)
        }
        .boxed()
    }
}

#[derive(Template)]
#[template(path = "email/disowned/subject.txt")]
struct DisownedSubject<'a> {
    mail: &'a NoticeMailWords,
}
#[derive(Template)]
#[template(path = "email/disowned/body.txt")]
struct DisownedText<'a> {
    mail: &'a NoticeMailWords,
}
#[derive(Template)]
#[template(path = "email/disowned/body.html")]
struct DisownedHtml<'a> {
    mail: &'a NoticeMailWords,
}

impl Email for DisownedMail {
    fn kind(&self) -> &'static str {
        DISOWNED
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let Some((notice, mut words)) = notice_words(portal, mail).await? else { return Ok(None) };
            if !notice.concerns(mail.organisation_id) {
                words.heading = "Something was done with the account";
                words.sentences.clear();
            }
            Letter::write(
                &DisownedSubject { mail: &words },
                &DisownedText { mail: &words },
                &DisownedHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}

/// What the text to the second person is made of.
pub struct WitnessWords {
    by: String,
    reason: String,
    name: String,
    email: String,
    at: String,
    organisation: String,
    log_url: String,
}

#[derive(Template)]
#[template(path = "email/second_factor_reset/subject.txt")]
struct WitnessSubject<'a> {
    mail: &'a WitnessWords,
}
#[derive(Template)]
#[template(path = "email/second_factor_reset/body.txt")]
struct WitnessText<'a> {
    mail: &'a WitnessWords,
}
#[derive(Template)]
#[template(path = "email/second_factor_reset/body.html")]
struct WitnessHtml<'a> {
    mail: &'a WitnessWords,
}

impl Email for SecondFactorResetMail {
    fn kind(&self) -> &'static str {
        SECOND_FACTOR_RESET
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let id = NoticeId::from_uuid(mail.about_id);
            let Some(row) = store::notices::find(portal.db.reader(), id, Timestamp(0)).await? else { return Ok(None) };
            let detail: serde_json::Value = serde_json::from_str(&row.detail)?;
            let word = |name: &str| detail.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
            let place = place_of(portal, mail).await?;
            let words = WitnessWords {
                by: word("by"),
                reason: word("reason"),
                name: row.name,
                email: row.email,
                at: exact(row.created_at, &place.time_zone()),
                log_url: portal.config.url(&format!("{}/access-log", place.scope.path())),
                organisation: place.organisation.name,
            };
            Letter::write(
                &WitnessSubject { mail: &words },
                &WitnessText { mail: &words },
                &WitnessHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}
