//! The patient's private page: what its link opens, and what the patient answers there.

use serde_json::json;

use crate::{
    access::Origin,
    audit::Event,
    contact::{Appointment, LONGEST_LINE, OPEN_FOR, PRIVATE, State, store},
    error::{Error, Result},
    identity::attempts,
    keys::link::LinkCode,
    op::{Caller, Op},
    portal::Portal,
    sites::{self, Place},
    types::{AppointmentId, MessageId, PatientId, Timestamp},
};

/// Why a link that this portal has made works no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The care team no longer monitors the patient.
    NotMonitored,
    /// The patient's links were made anew.
    Replaced,
    /// The message was taken back.
    Withdrawn,
    /// It has lain for too long.
    Old,
}

/// What a link opens.
#[expect(clippy::large_enum_variant, reason = "one at a time, and soon shown")]
pub enum Opened {
    /// Something, and where its sender works.
    Private(Place, Private),
    /// Nothing any more.
    Dead(Why),
    /// This portal has never made such a link.
    Unknown,
}

/// What stands on a private page. Nothing of it says who the patient is.
pub enum Private {
    /// A message.
    Message {
        /// Who sent it.
        sender: String,
        /// What it says.
        text: String,
        /// When it was sent.
        sent_at: Timestamp,
    },
    /// An appointment.
    Appointment(Appointment),
}

/// What a link is about.
enum About {
    Message(store::messages::Linked),
    Appointment(PatientId, Box<Appointment>),
}

impl About {
    const fn patient(&self) -> PatientId {
        match self {
            Self::Message(message) => message.patient_id,
            Self::Appointment(patient, _) => *patient,
        }
    }

    const fn generation(&self) -> i64 {
        match self {
            Self::Message(message) => message.generation,
            Self::Appointment(_, appointment) => appointment.generation,
        }
    }

    /// After when it cannot be opened any more.
    fn until(&self) -> Timestamp {
        match self {
            Self::Message(message) => message.sent_at.plus(OPEN_FOR),
            // However far ahead it lies, it can be looked at until it is over.
            Self::Appointment(_, appointment) => appointment.created_at.plus(OPEN_FOR).max(appointment.ends_at),
        }
    }

    const fn is_opened(&self) -> bool {
        match self {
            Self::Message(message) => message.opened_at.is_some(),
            Self::Appointment(_, appointment) => appointment.opened_at.is_some(),
        }
    }
}

/// What the code speaks of, if it is right. Codes that this portal never made are counted against the network that they come from.
async fn believe(portal: &Portal, origin: &Origin, code: &LinkCode) -> Result<Option<About>> {
    let db = portal.db.reader();
    let about = match store::messages::find_linked(db, MessageId::from_uuid(code.id)).await? {
        Some(message) => Some(About::Message(message)),
        None => store::appointments::find(db, AppointmentId::from_uuid(code.id))
            .await?
            .map(|(patient, appointment)| About::Appointment(patient, Box::new(appointment))),
    };
    let about = about.filter(|about| PRIVATE.fits(&portal.keys, code, about.generation()));
    if about.is_none() {
        attempts::count_guess(portal, &origin.address).await?;
    }
    Ok(about)
}

/// Why it cannot be opened, if so.
fn judge(about: &About, to: &store::Addressee, now: Timestamp) -> Option<Why> {
    if !to.is_monitored() {
        return Some(Why::NotMonitored);
    }
    if to.link_generation != about.generation() {
        return Some(Why::Replaced);
    }
    if matches!(about, About::Message(message) if message.withdrawn_at.is_some()) {
        return Some(Why::Withdrawn);
    }
    (now > about.until()).then_some(Why::Old)
}

/// What a code opens, without any trace.
///
/// # Errors
/// [`Error::TooMany`] after too many guesses.
pub async fn find_private(portal: &Portal, origin: &Origin, code: Option<&LinkCode>) -> Result<Opened> {
    look(portal, origin, code).await.map(|(opened, _)| opened)
}

async fn look(portal: &Portal, origin: &Origin, code: Option<&LinkCode>) -> Result<(Opened, bool)> {
    let Some(code) = code else { return Ok((Opened::Unknown, false)) };
    let Some(about) = believe(portal, origin, code).await? else { return Ok((Opened::Unknown, false)) };
    let db = portal.db.reader();
    let to = store::addressee(db, about.patient()).await?.ok_or(Error::NotFound)?;
    if let Some(why) = judge(&about, &to, portal.now()) {
        return Ok((Opened::Dead(why), false));
    }
    let first = !about.is_opened();
    let place = sites::actions::place_of(db, to.scope()).await?;
    let private = match about {
        About::Message(message) => {
            Private::Message { sender: message.sender_name, text: message.text, sent_at: message.sent_at }
        }
        About::Appointment(_, appointment) => Private::Appointment(*appointment),
    };
    Ok((Opened::Private(place, private), first))
}

/// The same for the patient, whose first look is remembered.
///
/// # Errors
/// As [`find_private`].
pub async fn open_private(portal: &Portal, origin: &Origin, code: Option<&LinkCode>) -> Result<Opened> {
    let (opened, first) = look(portal, origin, code).await?;
    if let (true, Opened::Private(_, private), Some(code)) = (first, &opened, code) {
        let (tx, now) = (portal.db.begin_write().await?, portal.now());
        match private {
            Private::Message { .. } => store::messages::mark_opened(&tx, MessageId::from_uuid(code.id), now).await?,
            Private::Appointment(one) => store::appointments::mark_opened(&tx, one.id, now).await?,
        }
        tx.commit().await?;
    }
    Ok(opened)
}

/// What a patient answers.
pub struct Answer<'a> {
    /// `confirm`, `another` or `decline`.
    pub what: &'a str,
    /// When they would have time.
    pub text: &'a str,
    /// The appointment as it was shown.
    pub sequence: i64,
}

/// Takes a patient's answer to an appointment; false when the link is dead. It can be changed until the appointment begins.
///
/// # Errors
/// [`Error::Conflict`] when the care team has changed the appointment meanwhile or it has begun; [`Error::Invalid`] for a line that
/// is too long or missing.
pub async fn answer_appointment(
    portal: &Portal,
    origin: &Origin,
    code: Option<&LinkCode>,
    answer: &Answer<'_>,
) -> Result<bool> {
    let Opened::Private(place, Private::Appointment(seen)) = find_private(portal, origin, code).await? else {
        return Ok(false);
    };
    let state = match answer.what {
        "confirm" => State::Confirmed,
        "another" => State::Another,
        "decline" => State::Declined,
        _ => return Err(Error::field("do", "Choose one of the answers.")),
    };
    let text: String = if state == State::Another { answer.text.trim().to_owned() } else { String::new() };
    if state == State::Another && text.is_empty() {
        return Err(Error::field("text", "Say when you would have time."));
    }
    if text.chars().count() > LONGEST_LINE || text.chars().any(char::is_control) {
        return Err(Error::field("text", format!("Say it in one line of at most {LONGEST_LINE} characters.")));
    }
    let caller = Caller::Visitor(origin.clone());
    let mut op = Op::begin_in(portal, &caller, place.scope.organisation).await?;
    // Once more behind the lock: the patient may have been let go, or the links made anew, a moment ago.
    let found = store::appointments::find(op.tx(), seen.id).await?;
    let Some((patient, appointment)) = found else { return Ok(false) };
    let to = store::addressee(op.tx(), patient).await?.ok_or(Error::NotFound)?;
    let about = About::Appointment(patient, Box::new(appointment));
    if judge(&about, &to, op.now()).is_some() {
        return Ok(false);
    }
    let now = op.now();
    if !store::appointments::answer(op.tx(), (seen.id, answer.sequence), state, &text, now).await? {
        return Err(Error::Conflict(
            "The appointment has changed or has begun since this page was shown. Open the page again".to_owned(),
        ));
    }
    let detail = json!({ "appointment": seen.id, "answer": state.word().to_lowercase() });
    op.record(Event::done("appointment.answered", patient, to.scope(), detail));
    op.commit().await?;
    Ok(true)
}
