//! One invitation: where it stands, what became of its mails, and everything that happened to it.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;

use super::{
    mail::MailWords,
    pending::{PendingRow, Words},
};
use crate::{
    audit::view::Line,
    error::{Error, Result},
    identity::door::SignedIn,
    invitations::{Invitation, SecondLook, State as Standing, actions, email},
    op::Caller,
    outbox::{Delivery, Story, life::Stage},
    portal::Portal,
    sites::{self, Place},
    types::Timestamp,
    web::{Frame, PageResult, When, page},
};

/// One thing that happened.
pub struct Happened {
    order: Timestamp,
    when: When,
    icon: &'static str,
    tone: &'static str,
    title: String,
    text: String,
    answer: String,
    /// Whether it is still to come.
    ahead: bool,
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    frame: Frame,
    row: PendingRow,
    name: Option<String>,
    level: String,
    open: bool,
    happened: Vec<Happened>,
    /// The code that the reader tells by telephone.
    spoken: Option<String>,
    waits_for_look: bool,
    back: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let id = id.parse().map_err(|_| Error::NotFound)?;
    let row = actions::show_row(&portal, &caller, place.scope, id).await?;
    let invitation = row.invitation.clone();
    let happened = history(&portal, &caller, &place, &invitation, &row.held_reason).await?;
    let words = Words::read(&portal, &place).await?;
    let level = sites::actions::place_of(portal.db.reader(), invitation.scope).await?.full_name();
    let title = format!("Invitation of {}", invitation.email);
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, &title, jar).await?;
    let response = page(&InvitationPage {
        frame,
        row: words.row(row),
        name: invitation.name.clone(),
        level,
        open: matches!(invitation.state, Standing::Pending | Standing::Held),
        happened,
        spoken: actions::code_to_tell(&portal, &caller, &invitation)?,
        waits_for_look: invitation.second_look == SecondLook::Waiting,
        back: format!("{}/invitations", place.scope.path()),
    })?;
    Ok((jar, response).into_response())
}

/// Everything that happened, oldest first, and what is still to come.
async fn history(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    invitation: &Invitation,
    held_reason: &str,
) -> Result<Vec<Happened>> {
    let told = actions::history_of(portal, caller, invitation).await?;
    let clock = Clockwork { now: portal.now(), zone: place.time_zone() };
    let mut happened: Vec<_> = told.events.into_iter().filter_map(|line| clock.event(line)).collect();
    for story in &told.mails {
        clock.mail(story, &mut happened);
    }
    if let Some(at) = invitation.held_at.filter(|_| invitation.state == Standing::Held) {
        happened.push(clock.at(at, "held", "refused", "Held".to_owned(), held_reason.to_owned()));
    }
    happened.sort_by_key(|happened| happened.order);
    if matches!(invitation.state, Standing::Pending) {
        let over = invitation.expires_at <= clock.now;
        let title = if over { "Expired" } else { "The link stops working" };
        let text = if over { "Resend the invitation, and the same link works again." } else { "" };
        let mut end = clock.at(invitation.expires_at, "expired", "queued", title.to_owned(), text.to_owned());
        end.ahead = !over;
        happened.push(end);
    }
    Ok(happened)
}

struct Clockwork {
    now: Timestamp,
    zone: jiff::tz::TimeZone,
}

impl Clockwork {
    fn at(&self, at: Timestamp, icon: &'static str, tone: &'static str, title: String, text: String) -> Happened {
        let when = When::new(at, self.now, &self.zone);
        Happened { order: at, when, icon, tone, title, text, answer: String::new(), ahead: false }
    }

    fn event(&self, line: Line) -> Option<Happened> {
        let icon = match line.action.as_str() {
            "invitation.sent" => "invite",
            "invitation.resent" | "invitation.reminded" => "resend",
            "invitation.opened" => "opened",
            "invitation.accepted" | "invitation.approved" | "invitation.released" => "check",
            "invitation.declined" => "declined",
            "invitation.deleted" => "delete",
            "invitation.link_copied" | "invitation.slip_printed" => "copy",
            "invitation.corrected" => "mail",
            // Told by the mails themselves.
            "invitation.bounced" => return None,
            _ => "info",
        };
        Some(self.at(line.at, icon, "plain", line.sentence, String::new()))
    }

    /// What became of a mail.
    fn mail(&self, story: &Story, happened: &mut Vec<Happened>) {
        let what = if story.kind == email::INVITATION { "Mail" } else { "Reminder" };
        for known in &story.tries {
            let delivery = Delivery {
                state: known.state.clone(),
                answer: known.answer.clone(),
                at: known.next_at.unwrap_or(known.at),
                attempts: 0,
            };
            let words = MailWords::new(&delivery, self.now, &self.zone);
            let title = match words.stage {
                Stage::HandedOver => format!("{what} to {} handed over", story.recipient),
                Stage::TryingAgain => format!("{what} to {} not taken yet", story.recipient),
                Stage::NotSent => format!("{what} to {} was not sent", story.recipient),
                _ => format!("{what} to {}: {}", story.recipient, words.word.to_lowercase()),
            };
            let text = match (words.reason, known.next_at) {
                (Some(reason), Some(_)) => format!("{reason}. Tried again {}.", words.at.relative),
                (Some(reason), None) => format!("{reason}. {}", words.advice),
                (None, _) => words.advice.to_owned(),
            };
            let mut entry = self.at(known.at, words.icon, words.tone, title, text);
            entry.answer = known.answer.clone();
            happened.push(entry);
        }
        if story.tries.is_empty() {
            let title = format!("{what} to {} queued", story.recipient);
            let text = Stage::Queued.meaning().to_owned();
            happened.push(self.at(story.created_at, "clock", "queued", title, text));
        }
    }
}
