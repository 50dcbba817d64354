//! The mails to patients. They say who writes and where to read it, and nothing about anybody's health: a mail lies open on its way
//! and in the mailbox.

use askama::Template;
use futures::{FutureExt, future::BoxFuture};

use super::{Appointment, State, calendar::Entry, private_link, store};
use crate::{
    error::{Error, Result},
    outbox::{Calendar, Claimed, Email, Letter},
    portal::Portal,
    sites::{self, Place},
    types::{AppointmentId, MessageId, PatientId},
    web::frame::exact,
};

/// The word in the queue for a message.
pub const MESSAGE: &str = "patient_message";
/// The word in the queue for everything about an appointment.
pub const APPOINTMENT: &str = "appointment";
/// The word in the queue for the end of monitoring.
pub const MONITORING_STOPPED: &str = "monitoring_stopped";
/// The word in the queue for monitoring that begins again.
pub const MONITORING_BEGUN: &str = "monitoring_begun";

/// That there is a message.
pub struct MessageMail;
/// That an appointment is proposed, moved or cancelled.
pub struct AppointmentMail;
/// That monitoring has stopped (`true`) or begins again.
pub struct MonitoringMail(pub bool);

/// The patient's care team, if the mail is still meant for them: monitored, by this link, at this address.
async fn still_meant(
    portal: &Portal,
    mail: &Claimed,
    patient: PatientId,
    generation: i64,
    monitored: bool,
) -> Result<Option<Place>> {
    let Some(to) = store::addressee(portal.db.reader(), patient).await? else { return Ok(None) };
    if to.is_monitored() != monitored || to.link_generation != generation || to.email != mail.recipient {
        return Ok(None);
    }
    sites::actions::place_of(portal.db.reader(), to.scope()).await.map(Some)
}

/// What the texts of a message's mail are made of.
pub struct MessageWords {
    sender: String,
    organisation: String,
    link: String,
    page_url: String,
    code: String,
}

#[derive(Template)]
#[template(path = "email/patient_message/subject.txt")]
struct MessageSubject<'a> {
    mail: &'a MessageWords,
}
#[derive(Template)]
#[template(path = "email/patient_message/body.txt")]
struct MessageText<'a> {
    mail: &'a MessageWords,
}
#[derive(Template)]
#[template(path = "email/patient_message/body.html")]
struct MessageHtml<'a> {
    mail: &'a MessageWords,
}

impl Email for MessageMail {
    fn kind(&self) -> &'static str {
        MESSAGE
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let id = MessageId::from_uuid(mail.about_id);
            let found = store::messages::find_linked(portal.db.reader(), id).await?;
            let Some(message) = found.filter(|message| message.withdrawn_at.is_none()) else { return Ok(None) };
            let place = still_meant(portal, mail, message.patient_id, message.generation, true).await?;
            let Some(place) = place else { return Ok(None) };
            let (page_url, code) = private_link(portal, mail.about_id, message.generation);
            let words = MessageWords {
                sender: message.sender_name,
                organisation: place.organisation.name,
                link: format!("{page_url}#{code}"),
                page_url,
                code,
            };
            Letter::write(
                &MessageSubject { mail: &words },
                &MessageText { mail: &words },
                &MessageHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}

/// What the texts about an appointment are made of.
pub struct AppointmentWords {
    heading: &'static str,
    sentence: String,
    cancelled: bool,
    organisation: String,
    when: String,
    minutes: i64,
    link: String,
    page_url: String,
    code: String,
}

#[derive(Template)]
#[template(path = "email/appointment/subject.txt")]
struct AppointmentSubject<'a> {
    mail: &'a AppointmentWords,
}
#[derive(Template)]
#[template(path = "email/appointment/body.txt")]
struct AppointmentText<'a> {
    mail: &'a AppointmentWords,
}
#[derive(Template)]
#[template(path = "email/appointment/body.html")]
struct AppointmentHtml<'a> {
    mail: &'a AppointmentWords,
}

fn appointment_words(portal: &Portal, place: Place, appointment: &Appointment) -> AppointmentWords {
    let (page_url, code) = private_link(portal, appointment.id.uuid(), appointment.generation);
    let when = exact(appointment.starts_at, &place.time_zone());
    let organisation = place.organisation.name;
    let by = format!("{} of {organisation}", appointment.staff_name);
    let cancelled = appointment.state == State::Cancelled;
    let (heading, sentence) = match (cancelled, appointment.sequence) {
        (true, _) => ("The appointment was cancelled", format!("Your appointment with {by} was cancelled.")),
        (false, 0) => ("An appointment is proposed to you", format!("{by} proposes an appointment to you.")),
        (false, _) => ("The appointment was moved", format!("Your appointment with {by} was moved to another time.")),
    };
    AppointmentWords {
        heading,
        sentence,
        cancelled,
        when,
        minutes: appointment.minutes(),
        link: format!("{page_url}#{code}"),
        page_url,
        code,
        organisation,
    }
}

/// Neither place nor deployment stands in it: calendars are shared and synchronised, and either may tell of an illness.
fn calendar(portal: &Portal, mail: &Claimed, words: &AppointmentWords, appointment: &Appointment) -> Result<Calendar> {
    let method = if words.cancelled { "CANCEL" } else { "REQUEST" };
    let from: lettre::message::Mailbox =
        portal.config.mail_from.parse().map_err(|_| Error::internal("mail_from is no address"))?;
    let entry = Entry {
        method,
        uid: format!("{}@{}", appointment.id, portal.config.public_host()),
        sequence: appointment.sequence,
        stamp: appointment.changed_at,
        starts_at: appointment.starts_at,
        ends_at: appointment.ends_at,
        summary: &format!("Appointment with {}", words.organisation),
        description: "What else there is to know stands on your private page, and you answer there. The link is in the mail.",
        organizer: (&words.organisation, from.email.as_ref()),
        attendee: &mail.recipient,
    };
    Ok(Calendar { method, text: entry.write() })
}

impl Email for AppointmentMail {
    fn kind(&self) -> &'static str {
        APPOINTMENT
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let id = AppointmentId::from_uuid(mail.about_id);
            let found = store::appointments::find(portal.db.reader(), id).await?;
            let Some((patient, appointment)) = found else { return Ok(None) };
            // Moved or cancelled since, or over before the mail could leave.
            if appointment.sequence + 1 != mail.generation || appointment.ends_at < portal.now() {
                return Ok(None);
            }
            let cancelled = appointment.state == State::Cancelled;
            let place = match still_meant(portal, mail, patient, appointment.generation, true).await? {
                // That there is no appointment any more is told to those as well whose monitoring has stopped.
                None if cancelled => {
                    let to = store::addressee(portal.db.reader(), patient).await?;
                    let Some(to) = to.filter(|to| to.email == mail.recipient) else { return Ok(None) };
                    Some(sites::actions::place_of(portal.db.reader(), to.scope()).await?)
                }
                place => place,
            };
            let Some(place) = place else { return Ok(None) };
            let words = appointment_words(portal, place, &appointment);
            let calendar = calendar(portal, mail, &words, &appointment)?;
            let letter = Letter::write(
                &AppointmentSubject { mail: &words },
                &AppointmentText { mail: &words },
                &AppointmentHtml { mail: &words },
            )?;
            Ok(Some(Letter { calendar: Some(calendar), ..letter }))
        }
        .boxed()
    }
}

/// What the texts about monitoring are made of.
pub struct MonitoringWords {
    organisation: String,
    stopped: bool,
}

#[derive(Template)]
#[template(path = "email/monitoring/subject.txt")]
struct MonitoringSubject<'a> {
    mail: &'a MonitoringWords,
}
#[derive(Template)]
#[template(path = "email/monitoring/body.txt")]
struct MonitoringText<'a> {
    mail: &'a MonitoringWords,
}
#[derive(Template)]
#[template(path = "email/monitoring/body.html")]
struct MonitoringHtml<'a> {
    mail: &'a MonitoringWords,
}

impl Email for MonitoringMail {
    fn kind(&self) -> &'static str {
        if self.0 { MONITORING_STOPPED } else { MONITORING_BEGUN }
    }

    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>> {
        async move {
            let patient = PatientId::from_uuid(mail.about_id);
            let place = still_meant(portal, mail, patient, mail.generation, !self.0).await?;
            let Some(place) = place else { return Ok(None) };
            let words = MonitoringWords { organisation: place.organisation.name, stopped: self.0 };
            Letter::write(
                &MonitoringSubject { mail: &words },
                &MonitoringText { mail: &words },
                &MonitoringHtml { mail: &words },
            )
            .map(Some)
        }
        .boxed()
    }
}
