//! Reading and changing what an organisation has chosen for itself.

use serde_json::json;

use super::{super::settings, Organisation, store};
use crate::{
    access::Scope,
    audit::Event,
    error::{Error, Fields, Result},
    op::{Caller, Op},
    portal::Portal,
};

/// What somebody wants to change.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Keys of [`settings::FIELDS`] with the values as typed.
    pub values: Vec<(String, String)>,
    /// The revision that they have seen; none to change whatever is there.
    pub revision: Option<i64>,
    /// Whether they have answered the questions that some changes ask.
    pub confirmed: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Saved {
    /// Done; nothing is among it when nothing was different.
    Done(Organisation, Vec<settings::Change>),
    /// Nothing was changed yet: these sentences must be confirmed.
    Asks(Vec<&'static str>),
}

/// What the organisation of a scope has chosen, for its Admins.
///
/// # Errors
/// When the caller is none.
pub async fn show_settings(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Organisation> {
    let proof = caller.administers(portal, scope).await?;
    store::find_organisation(portal.db.reader(), proof.organisation()).await?.ok_or(Error::NotFound)
}

/// Changes settings of the scope's organisation, each change an event with what was before and what is after.
///
/// # Errors
/// [`Error::Invalid`] for what cannot be used, [`Error::Conflict`] when somebody else has changed the settings meanwhile.
pub async fn change_settings(portal: &Portal, caller: &Caller, scope: Scope, asked: &Asked) -> Result<Saved> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, proof) = op.require_admin(scope).await?;
    op.require_fresh_proof()?;
    let before = store::find_organisation(op.tx(), proof.organisation()).await?.ok_or(Error::NotFound)?;
    if asked.revision.is_some_and(|seen| seen != before.revision) {
        return Err(changed_meanwhile());
    }
    let after = with(&before, &asked.values)?;
    let questions = settings::questions(&before, &after);
    if !questions.is_empty() && !asked.confirmed {
        return Ok(Saved::Asks(questions));
    }
    let changes = settings::changes(&before, &after);
    if changes.is_empty() {
        return Ok(Saved::Done(before, changes));
    }
    if !store::update_settings(op.tx(), &proof, &after).await? {
        return Err(changed_meanwhile());
    }
    for change in &changes {
        let words = |value: &str| settings::Field::find(change.key).map_or_else(String::new, |f| f.in_words(value));
        let label = settings::Field::find(change.key).map_or(change.key, |field| field.label);
        let detail = json!({
            "key": change.key, "setting": label, "before": words(&change.before), "after": words(&change.after),
        });
        let organisation = Scope::organisation(after.id);
        op.record(Event::done("organisation.setting_changed", after.id, organisation, detail));
    }
    op.commit().await?;
    Ok(Saved::Done(Organisation { revision: after.revision + 1, ..after }, changes))
}

fn changed_meanwhile() -> Error {
    Error::Conflict("Somebody else has changed the settings meanwhile; look at them again".to_owned())
}

/// The settings with these values instead, or every message at once.
fn with(before: &Organisation, values: &[(String, String)]) -> Result<Organisation> {
    let mut after = before.clone();
    let mut bad = Fields::new();
    for (key, value) in values {
        let field = settings::Field::find(key)
            .ok_or_else(|| Error::field("settings", format!("There is no setting “{key}”")))?;
        if let Err(message) = (field.set)(&mut after, value) {
            bad.push((field.key, message));
        }
    }
    if bad.is_empty() { Ok(after) } else { Err(Error::Invalid(bad)) }
}
