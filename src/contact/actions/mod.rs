//! Sending messages, making appointments, calling, and what a patient does on their private page.

mod appointments;
mod call;
mod messages;
mod open;
mod tell;

pub use appointments::{Moved, Proposed, cancel_appointment, move_appointment, propose_appointment, show_appointment};
pub use call::{Call, call_patient};
pub use messages::{send_message, withdraw_message};
pub use open::{Answer, Opened, Private, Why, answer_appointment, find_private, open_private};
pub use tell::{patient_of_mail, tell_monitoring};

use std::{collections::HashMap, time::Duration};

use sea_orm::ConnectionTrait;

use super::{Appointment, Message, store};
use crate::{
    access::OnePatient,
    error::{Error, Result},
    op::Op,
    outbox::{self, life::Stage},
    portal::Portal,
    sites,
    types::{Cursor, MailId, PageOf, PatientId, Timestamp},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What the page **Telemedicine** shows, each a page of its own.
pub struct Telemedicine {
    /// What was sent, newest first.
    pub messages: PageOf<Message>,
    /// Appointments that lie ahead, the next first.
    pub upcoming: PageOf<Appointment>,
    /// Appointments that lie behind, the last first.
    pub past: PageOf<Appointment>,
    /// Whether the patient has an address to send to.
    pub has_address: bool,
}

/// What was sent to a patient and which appointments there are. The caller has opened the patient's page, and that is in the access log.
///
/// # Errors
/// When the database fails.
pub async fn show_telemedicine(
    portal: &Portal,
    one: &OnePatient,
    [messages, upcoming, past]: [Option<&Cursor>; 3],
    size: usize,
) -> Result<Telemedicine> {
    let (db, now) = (portal.db.reader(), portal.now());
    let mut sent = store::messages::list(db, one, messages, size).await?;
    let mut ahead = store::appointments::list(db, one, (true, now), upcoming, size).await?;
    let mut behind = store::appointments::list(db, one, (false, now), past, size).await?;
    let mails = sent.iter().map(|one| one.mail);
    let mails = mails.chain(ahead.iter().chain(&behind).map(|one| one.mail)).collect();
    let stages = stages(db, mails).await?;
    let stage = |mail: &MailId| stages.get(mail).copied().unwrap_or(Stage::Queued);
    sent.iter_mut().for_each(|one| one.stage = stage(&one.mail));
    ahead.iter_mut().chain(&mut behind).for_each(|one| one.stage = stage(&one.mail));
    let begin = |one: &Appointment, backwards| Cursor::new(one.starts_at.0.to_string(), one.id, backwards);
    Ok(Telemedicine {
        messages: PageOf::cut(sent, size, messages, |one, backwards| {
            Cursor::new(one.sent_at.0.to_string(), one.id, backwards)
        }),
        upcoming: PageOf::cut(ahead, size, upcoming, begin),
        past: PageOf::cut(behind, size, past, begin),
        has_address: store::has_address(db, one).await?,
    })
}

async fn stages(db: &impl ConnectionTrait, mails: Vec<MailId>) -> Result<HashMap<MailId, Stage>> {
    let deliveries = outbox::deliveries(db, mails).await?;
    Ok(deliveries.into_iter().map(|(id, delivery)| (id, Stage::of(&delivery.state))).collect())
}

/// Whether the patient has an address to send to.
///
/// # Errors
/// When the database fails.
pub async fn has_address(portal: &Portal, one: &OnePatient) -> Result<bool> {
    Ok(store::has_address(portal.db.reader(), one).await?)
}

/// The patient as somebody to send to.
async fn addressee(op: &Op, patient: PatientId) -> Result<store::Addressee> {
    let found = store::addressee(op.tx(), patient).await?.ok_or(Error::NotFound)?;
    if !found.is_monitored() {
        return Err(Error::Conflict(
            "Monitoring of this patient was stopped, so nothing is sent to them. Reactivate the patient first"
                .to_owned(),
        ));
    }
    if found.email.is_empty() {
        return Err(Error::field("email", "This patient has no e-mail address, so nothing can be sent."));
    }
    Ok(found)
}

/// Refuses what would be more than the patient may get in a day, and says when the next can go.
fn refuse_if_many(op: &Op, sent: &[Timestamp], what: &str, zone: &jiff::tz::TimeZone) -> Result<()> {
    let most = op.portal().config.messages_per_patient as usize;
    if most == 0 || sent.len() < most {
        return Ok(());
    }
    let frees = sent.get(sent.len() - most).copied().unwrap_or_else(|| op.now()).plus(DAY);
    let at = frees.to_jiff().to_zoned_datetime(zone.clone()).strftime("%A %-d %B, %H:%M");
    Err(Error::OverLimit {
        text: format!("{what} {most} times in 24 hours, and that is the most. The next can go on {at}"),
        retry_after: Duration::from_millis(u64::try_from(frees.0 - op.now().0).unwrap_or(0)),
    })
}

async fn zone_of(op: &Op, scope: crate::access::Scope) -> Result<jiff::tz::TimeZone> {
    Ok(sites::actions::place_of(op.tx(), scope).await?.time_zone())
}
