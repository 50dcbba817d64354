//! Opening a patient in an emergency, ending it, and looking at what was opened.

use serde_json::json;

use super::{EmergencyAccess, LASTS, email, read_number, read_reason, store};
use crate::{
    access::{Actor, Opening, Permission, Refusal, Scope, Via},
    audit::Event,
    error::{Error, Result},
    identity::attempts::{self, Subject},
    op::{Caller, Op, write_apart},
    portal::Portal,
    sites,
    types::{Cursor, EmergencyId, OrganisationId, PageOf, PatientId},
};

/// What was typed.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The patient's number.
    pub number: String,
    /// Why.
    pub reason: String,
    /// The deployment's printed id, where the number alone does not tell; otherwise empty.
    pub deployment: String,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The patient is open, at this place.
    Opened(PatientId, Scope),
    /// A role of theirs reaches the patient already.
    Reached(PatientId, Scope),
    /// Patients of several deployments have this number: their places, with names.
    Several(Vec<(Scope, String)>),
}

/// Refuses whoever may not ask for an emergency access in this place at all; the refusal is written to the access log.
///
/// # Errors
/// [`Error::Forbidden`]; [`Error::StepUpRequired`] for a key, which can prove nobody.
pub async fn require_clinician(portal: &Portal, caller: &Caller, scope: Scope) -> Result<()> {
    let actor = caller.actor()?;
    if matches!(actor.via, Via::ApiKey { .. }) {
        return Err(Error::StepUpRequired);
    }
    let Err(refusal) = actor.clinician_in(scope.organisation) else { return Ok(()) };
    write_apart(portal, vec![refused(scope, &refusal.to_string())], caller).await?;
    Err(Error::Forbidden(refusal))
}

/// The number that was tried is not in it: somebody may have typed a name.
fn refused(scope: Scope, reason: &str) -> Event {
    Event::refused("emergency.refused", scope, Some(scope), json!({ "reason": reason }))
}

/// Opens one patient of the organisation of `scope`, to read only, for an hour. Those who look after access where the patient is are
/// told by mail. Numbers cannot be guessed: after a few that nobody has, one has to wait.
///
/// # Errors
/// [`Error::Invalid`] for a number that nobody has or a reason that says nothing, [`Error::Forbidden`] for whoever does not look after
/// patients, [`Error::StepUpRequired`] without a fresh proof, [`Error::TooMany`] after too many numbers.
pub async fn open_patient(portal: &Portal, caller: &Caller, scope: Scope, asked: &Asked) -> Result<Answer> {
    require_clinician(portal, caller, scope).await?;
    let (number, reason) = read(asked)?;
    caller.require_fresh_proof(portal.now())?;
    let tries = Subject::emergency(caller.actor()?.account);
    attempts::reserve(portal, &tries).await?;
    let answer = open_known(portal, caller, scope, asked, &number, &reason).await;
    // Only a number that nobody has is a guess.
    if !matches!(answer, Err(Error::Invalid(_))) {
        attempts::take_back(portal, &tries).await?;
    }
    answer
}

fn read(asked: &Asked) -> Result<(String, String)> {
    let mut wrong = Vec::new();
    let number = read_number(&asked.number).map_err(|text| wrong.push(("number", text))).unwrap_or_default();
    let reason = read_reason(&asked.reason).map_err(|text| wrong.push(("reason", text))).unwrap_or_default();
    if wrong.is_empty() { Ok((number, reason)) } else { Err(Error::Invalid(wrong)) }
}

async fn open_known(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    asked: &Asked,
    number: &str,
    reason: &str,
) -> Result<Answer> {
    let op = Op::begin(portal, caller).await?;
    let clinician = op.actor()?.clinician_in(scope.organisation)?;
    op.require_fresh_proof()?;
    let mut found = store::with_number(op.tx(), &clinician, number).await?;
    if found.len() > 1 && asked.deployment.is_empty() {
        let names = sites::actions::deployment_names(op.tx(), scope.organisation).await?;
        let places = found.into_iter().map(|(_, at)| (at, sites::level(&names, at.deployment)));
        return Ok(Answer::Several(places.collect()));
    }
    if found.len() > 1 {
        found.retain(|(_, at)| at.to_string() == asked.deployment);
    }
    let Some((patient, at)) = found.pop() else {
        let error =
            Error::field("number", "No patient of the organisation has this number; check each letter and digit");
        return Err(op.refuse(refused(scope, "no patient has the number that was typed"), error).await);
    };
    match op.actor()?.opens_in_emergency(patient, at) {
        Ok(opening) => open(op, &opening, reason).await,
        Err(Refusal::ReachedAlready) => Ok(Answer::Reached(patient, at)),
        Err(refusal) => {
            let event = refused(scope, &refusal.to_string());
            Err(op.refuse(event, Error::Forbidden(refusal)).await)
        }
    }
}

async fn open(mut op: Op, opening: &Opening, reason: &str) -> Result<Answer> {
    let (id, ends_at) = (op.new_id(), op.now().plus(LASTS));
    store::insert(op.tx(), opening, id, reason, op.now(), ends_at).await?;
    op.because(reason);
    let detail = json!({ "emergency": id, "ends_at": ends_at });
    op.record(Event::done("emergency.opened", opening.patient(), opening.scope(), detail));
    email::tell_watchers(&mut op, id, opening.scope()).await?;
    op.commit().await?;
    Ok(Answer::Opened(opening.patient(), opening.scope()))
}

/// Ends what the caller has open of the patient of this emergency access of theirs; gives the access, and whether there was anything
/// left to end.
///
/// # Errors
/// [`Error::NotFound`] when the caller has no such emergency access.
pub async fn end_access(portal: &Portal, caller: &Caller, id: EmergencyId) -> Result<(EmergencyAccess, bool)> {
    let mut op = Op::begin(portal, caller).await?;
    let account = op.actor()?.account;
    let found = store::find(op.tx(), id).await?;
    let access = found.filter(|access| access.account == account).ok_or(Error::NotFound)?;
    let ended = store::end(op.tx(), account, access.patient, op.now()).await?;
    for id in &ended {
        op.record(Event::done("emergency.ended", access.patient, access.scope, json!({ "emergency": id })));
    }
    op.commit().await?;
    Ok((access, !ended.is_empty()))
}

/// What somebody has open in an organisation.
///
/// # Errors
/// When the database fails.
pub async fn open_now(portal: &Portal, actor: &Actor, organisation: OrganisationId) -> Result<Vec<EmergencyAccess>> {
    Ok(store::open_now(portal.db.reader(), actor.account, organisation, portal.now()).await?)
}

/// One page of the emergency accesses to patients of a place, newest first.
///
/// # Errors
/// When the caller may not read the access log there.
pub async fn list_accesses(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<EmergencyAccess>> {
    let visible = caller.scope(portal, Permission::ViewAudit, scope).await?;
    let rows = store::list(portal.db.reader(), &visible, from, size).await?;
    Ok(PageOf::cut(rows, size, from, |row, backwards| Cursor::new("", row.id, backwards)))
}
