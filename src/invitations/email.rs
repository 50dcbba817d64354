//! The mails of this room: the invitation itself, and the word to the inviter that it was declined.

mod summaries;

use askama::Template;
use futures::{FutureExt, future::BoxFuture};

use super::{Invitation, SecondLook, State, join_url, link_of, store};
use crate::{
    access,
    error::{Error, Result},
    identity,
    outbox::{Claimed, Email, Letter},
    portal::Portal,
    sites,
    types::InvitationId,
    web::frame::exact,
};

/// The word in the queue for an invitation.
pub const INVITATION: &str = "invitation";
/// The word in the queue for a reminder.
pub const REMINDER: &str = "invitation_reminder";
/// The word in the queue for what an inviter is told of invitations that did not arrive.
pub const UNDELIVERED: &str = "invitations_undelivered";
/// The word in the queue for what an inviter is told of reminders.
pub const REMINDED: &str = "invitations_reminded";
/// The word in the queue for a declined invitation.
pub const DECLINED: &str = "invitation_declined";

pub use summaries::{RemindedMail, UndeliveredMail};

/// The invitation, with its link.
pub struct InvitationMail;
/// The word to the inviter that it reached the wrong person.
pub struct DeclinedMail;

/// What the invitation's texts are made of.
pub struct InvitationWords {
    organisation: String,
    deployment: Option<String>,
    role: String,
    inviter: String,
    invitee_name: Option<String>,
    expires: String,
    /// When the access begins, if that is later; and when it ends by itself.
    begins: Option<String>,
    ends: Option<String>,
    link: String,
    join_url: String,
    code: String,
    /// Whether a code is asked that the inviter tells by telephone.
    asks_spoken: bool,
}

#[derive(Template)]
#[template(path = "email/invitation/subject.txt")]
struct InvitationSubject<'a> {
    mail: &'a InvitationWords,
}
#[derive(Template)]
#[template(path = "email/invitation/body.txt")]
struct InvitationText<'a> {
    mail: &'a InvitationWords,
}
#[derive(Template)]
#[template(path = "email/invitation/body.html")]
struct InvitationHtml<'a> {
    mail: &'a InvitationWords,
}

impl Email for InvitationMail {
    fn kind(&self) -> &'static str {
        INVITATION
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let Some(invitation) = store::find(portal.db.reader(), InvitationId::from_uuid(mail.about_id)).await?
            else {
                return Ok(None);
            };
            if !still_wanted(portal, &invitation, mail) {
                return Ok(None);
            }
            let words = invitation_words(portal, &invitation).await?;
            Letter::write(
                &InvitationSubject { mail: &words },
                &InvitationText { mail: &words },
                &InvitationHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}

/// The same link once more, before it ends.
pub struct ReminderMail;

#[derive(Template)]
#[template(path = "email/reminder/subject.txt")]
struct ReminderSubject<'a> {
    mail: &'a InvitationWords,
}
#[derive(Template)]
#[template(path = "email/reminder/body.txt")]
struct ReminderText<'a> {
    mail: &'a InvitationWords,
}
#[derive(Template)]
#[template(path = "email/reminder/body.html")]
struct ReminderHtml<'a> {
    mail: &'a InvitationWords,
}

impl Email for ReminderMail {
    fn kind(&self) -> &'static str {
        REMINDER
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let found = store::find(portal.db.reader(), InvitationId::from_uuid(mail.about_id)).await?;
            let wanted = |invitation: &Invitation| {
                // A resent invitation has a mail of its own and a later end.
                is_open(portal, invitation, mail) && invitation.sent_at < mail.created_at
            };
            let Some(invitation) = found.filter(wanted) else { return Ok(None) };
            let words = invitation_words(portal, &invitation).await?;
            Letter::write(
                &ReminderSubject { mail: &words },
                &ReminderText { mail: &words },
                &ReminderHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}

fn is_open(portal: &Portal, invitation: &Invitation, mail: &Claimed) -> bool {
    invitation.state == State::Pending
        && invitation.generation == mail.generation
        && invitation.expires_at > portal.now()
}

/// Deleted, corrected, held, expired, or resent with a newer mail: then this one is not sent any more.
fn still_wanted(portal: &Portal, invitation: &Invitation, mail: &Claimed) -> bool {
    is_open(portal, invitation, mail) && invitation.mail == mail.id
}

async fn invitation_words(portal: &Portal, invitation: &Invitation) -> Result<InvitationWords> {
    let db = portal.db.reader();
    let place = sites::actions::place_of(db, invitation.scope).await?;
    let role = access::find_role(db, invitation.scope.organisation, invitation.role).await?.ok_or(Error::NotFound)?;
    let inviter = match invitation.inviter {
        Some(inviter) => identity::actions::name_of(db, inviter).await?,
        None => "The operator of this portal".to_owned(),
    };
    let (link, code) = link_of(portal, invitation.id, invitation.generation);
    Ok(InvitationWords {
        expires: exact(invitation.expires_at, &place.time_zone()),
        begins: invitation.access_from.filter(|start| *start > portal.now()).map(|at| exact(at, &place.time_zone())),
        ends: invitation.access_until.map(|at| exact(at, &place.time_zone())),
        organisation: place.organisation.name,
        deployment: place.deployment.map(|deployment| deployment.name),
        role: role.name,
        inviter,
        invitee_name: invitation.name.clone(),
        link,
        join_url: join_url(portal),
        code,
        asks_spoken: invitation.second_look != SecondLook::NotNeeded,
    })
}

/// What the declined texts are made of.
pub struct DeclinedWords {
    inviter_name: String,
    email: String,
    role: String,
    place: String,
    organisation: String,
    pending_url: String,
}

#[derive(Template)]
#[template(path = "email/declined/subject.txt")]
struct DeclinedSubject<'a> {
    mail: &'a DeclinedWords,
}
#[derive(Template)]
#[template(path = "email/declined/body.txt")]
struct DeclinedText<'a> {
    mail: &'a DeclinedWords,
}
#[derive(Template)]
#[template(path = "email/declined/body.html")]
struct DeclinedHtml<'a> {
    mail: &'a DeclinedWords,
}

impl Email for DeclinedMail {
    fn kind(&self) -> &'static str {
        DECLINED
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let db = portal.db.reader();
            let Some(invitation) = store::find(db, InvitationId::from_uuid(mail.about_id)).await? else {
                return Ok(None);
            };
            let Some(inviter) = invitation.inviter else { return Ok(None) };
            let place = sites::actions::place_of(db, invitation.scope).await?;
            let role = access::find_role(db, invitation.scope.organisation, invitation.role).await?;
            let words = DeclinedWords {
                inviter_name: identity::actions::name_of(db, inviter).await?,
                email: invitation.email.to_string(),
                role: role.map_or_else(|| invitation.role.to_string(), |role| role.name),
                place: place.full_name(),
                pending_url: portal.config.url(&format!("{}/invitations", invitation.scope.path())),
                organisation: place.organisation.name,
            };
            Letter::write(
                &DeclinedSubject { mail: &words },
                &DeclinedText { mail: &words },
                &DeclinedHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}
