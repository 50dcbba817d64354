//! The mail of this room: the word that a plan was stopped, to those who can send it in their own name.

use askama::Template;
use futures::{FutureExt, future::BoxFuture};

use super::{Plan, State, store};
use crate::{
    access::{DefaultRole, RoleKey},
    error::Result,
    identity,
    op::Op,
    outbox::{Claimed, Email, Letter, NewMail},
    portal::Portal,
    sites, staff,
    types::PlanId,
};

/// The word in the queue.
pub const STOPPED: &str = "plan_stopped";
/// More would be told by each other.
const MOST_TOLD: usize = 10;

/// A plan was stopped.
pub struct StoppedMail;

/// What the texts are made of.
pub struct StoppedWords {
    title: String,
    place: String,
    reason: String,
    done: u64,
    total: u64,
    url: String,
}

#[derive(Template)]
#[template(path = "email/plan_stopped/subject.txt")]
struct StoppedSubject<'a> {
    mail: &'a StoppedWords,
}
#[derive(Template)]
#[template(path = "email/plan_stopped/body.txt")]
struct StoppedText<'a> {
    mail: &'a StoppedWords,
}
#[derive(Template)]
#[template(path = "email/plan_stopped/body.html")]
struct StoppedHtml<'a> {
    mail: &'a StoppedWords,
}

/// Tells the organisation's Admins, and whoever made the plan if that is somebody else than its sender.
pub(super) async fn tell_managers(op: &mut Op, plan: &Plan) -> Result<()> {
    let admin = RoleKey::Default(DefaultRole::Admin);
    let mut told = staff::actions::accounts_with_role(op.tx(), plan.scope.organisation, admin, op.now()).await?;
    told.truncate(MOST_TOLD);
    if Some(plan.made_by) != plan.sender && !told.contains(&plan.made_by) {
        told.push(plan.made_by);
    }
    for account in told {
        op.send(NewMail {
            id: op.new_id(),
            organisation: plan.scope.organisation,
            kind: STOPPED,
            about: plan.id.uuid(),
            generation: 1,
            recipient: identity::actions::address_of(op.tx(), account).await?,
        });
    }
    Ok(())
}

impl Email for StoppedMail {
    fn kind(&self) -> &'static str {
        STOPPED
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let db = portal.db.reader();
            let found = store::find_for_work(db, PlanId::from_uuid(mail.about_id)).await?;
            // Somebody has sent it meanwhile.
            let Some(plan) = found.filter(|plan| plan.state == State::Stopped) else { return Ok(None) };
            let place = sites::actions::place_of(db, plan.scope).await?;
            let words = StoppedWords {
                url: portal.config.url(&plan.path()),
                title: plan.title,
                place: place.full_name(),
                reason: plan.stopped_because,
                done: plan.done,
                total: plan.total,
            };
            Letter::write(
                &StoppedSubject { mail: &words },
                &StoppedText { mail: &words },
                &StoppedHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}
