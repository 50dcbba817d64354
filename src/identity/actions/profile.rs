//! What people change about themselves: name, number, units, password. Only somebody signed in by a browser can; a key is for work,
//! not for the account behind it.

use serde_json::{Value, json};

use super::{Change, HashedPassword, change_password, second_factor::record};
use crate::{
    access::Via,
    audit::Event,
    error::{Error, Fields, Result},
    identity::{
        Account, MEASURES, Passkey, Units, attempts,
        attempts::{NO_MORE_CODES, Subject},
        codes::RECOVERY_CODES,
        passwords,
        store::{self, profile::DetailsRow},
    },
    op::{Caller, Op},
    portal::Portal,
    types::{AccountId, PersonName, SessionId, Timestamp},
};

/// The longest number that is kept: E.164 has fifteen digits, and people put marks between them.
const LONGEST_NUMBER: usize = 30;

/// What somebody may change about themselves.
#[derive(Clone, Debug)]
pub struct Details {
    /// Name on screen.
    pub name: String,
    /// The address that is the user name.
    pub email: String,
    /// The mobile number as it was typed; empty when there is none.
    pub phone: String,
    /// In which units readings are shown.
    pub units: Units,
    /// When the password was last changed; none when it is still the first.
    pub password_changed_at: Option<Timestamp>,
}

/// The account, and the session by which its owner acts.
///
/// # Errors
/// [`Error::SignInRequired`] for a key and for the terminal.
pub(super) fn owner(op: &Op) -> Result<(Account, SessionId)> {
    let actor = op.actor()?;
    let Via::Session(session) = actor.via else { return Err(Error::SignInRequired) };
    Ok((Account { id: actor.account, name: actor.name.clone(), email: actor.email.clone() }, session))
}

/// The caller's own details.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn own_details(portal: &Portal, caller: &Caller) -> Result<Details> {
    let row = store::profile::details(portal.db.reader(), caller.actor()?.account).await?;
    let DetailsRow { name, email, phone, units, password_changed_at } = row.ok_or(Error::SignInRequired)?;
    Ok(Details { name, email, phone, units: Units::parse(&units), password_changed_at })
}

/// In which units somebody reads readings.
///
/// # Errors
/// When the database fails.
pub async fn units_of(portal: &Portal, account: AccountId) -> Result<Units> {
    Ok(Units::parse(&store::profile::units(portal.db.reader(), account).await?))
}

/// Changes the caller's name, everywhere it is shown, and their mobile number. One event says what changed.
///
/// # Errors
/// [`Error::Invalid`] beside the field that cannot be used.
pub async fn change_details(portal: &Portal, caller: &Caller, name: &str, phone: &str) -> Result<()> {
    let name = PersonName::parse(name).map_err(|bad| ("name", bad.to_string()));
    let phone = parse_phone(phone).map_err(|bad| ("phone", bad.to_owned()));
    let (name, phone) = match (name, phone) {
        (Ok(name), Ok(phone)) => (name, phone),
        (name, phone) => return Err(Error::Invalid(name.err().into_iter().chain(phone.err()).collect())),
    };
    let mut op = Op::begin(portal, caller).await?;
    let (account, _) = owner(&op)?;
    let before = store::profile::details(op.tx(), account.id).await?.ok_or(Error::SignInRequired)?;
    let mut detail = serde_json::Map::new();
    if before.name != name.as_str() {
        store::profile::set_name(op.tx(), account.id, &name).await?;
        detail.insert("from".to_owned(), json!(before.name));
        detail.insert("name".to_owned(), json!(name.as_str()));
    }
    if before.phone != phone {
        store::profile::set_phone(op.tx(), account.id, &phone).await?;
        // Colleagues read the log; the number itself is nobody's but the person's.
        detail.insert("mobile_number".to_owned(), json!("changed"));
    }
    if !detail.is_empty() {
        record(&mut op, "profile.changed", account.id, Value::Object(detail)).await?;
    }
    op.commit().await
}

/// A number as people write it. Only what cannot be a number is refused, and nothing is rewritten; none is empty.
///
/// # Errors
/// The sentence beside the field.
pub fn parse_phone(text: &str) -> Result<String, &'static str> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let good = |(n, c): (usize, char)| c.is_ascii_digit() || " -().".contains(c) || (n == 0 && c == '+');
    if text.is_empty() {
        return Ok(text);
    }
    if text.chars().enumerate().all(good) && (7..=15).contains(&digits) && text.len() <= LONGEST_NUMBER {
        Ok(text)
    } else {
        Err("Enter a number with its country code, such as +44 7700 900123")
    }
}

/// Chooses in which units the caller reads readings: a chosen unit for each measure. One that is not given stays.
///
/// # Errors
/// [`Error::Invalid`] for a unit that the measure does not have.
pub async fn change_units(portal: &Portal, caller: &Caller, chosen: &[(String, String)]) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    let (account, _) = owner(&op)?;
    let before = Units::parse(&store::profile::units(op.tx(), account.id).await?);
    let mut words = Vec::new();
    let mut problems = Fields::new();
    for measure in &MEASURES {
        match chosen.iter().find(|(key, _)| key == measure.key) {
            Some((_, unit)) if measure.units.contains(&unit.as_str()) => words.push(unit.as_str()),
            Some(_) => problems.push((measure.key, "Choose one of these units".to_owned())),
            None => words.push(before.of(measure)),
        }
    }
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
    let units = Units::parse(&words.join(","));
    if units.to_stored() != before.to_stored() {
        store::profile::set_units(op.tx(), account.id, &units.to_stored()).await?;
        record(&mut op, "profile.units_changed", account.id, json!({ "units": units.to_stored() })).await?;
    }
    op.commit().await
}

/// The modules that somebody hides from the Patient List.
///
/// # Errors
/// When the database fails.
pub async fn hidden_columns_of(portal: &Portal, account: AccountId) -> Result<Vec<String>> {
    let stored = store::profile::hidden_columns(portal.db.reader(), account).await?;
    Ok(stored.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect())
}

/// Chooses which of the modules `among` the caller hides from the Patient List; what is hidden of others stays hidden.
///
/// # Errors
/// When it is no person who asks.
pub async fn hide_columns(portal: &Portal, caller: &Caller, among: &[&str], hidden: &[&str]) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    let (account, _) = owner(&op)?;
    let before = store::profile::hidden_columns(op.tx(), account.id).await?;
    let elsewhere = before.split(',').filter(|key| !key.is_empty() && !among.contains(key));
    let mut keys: Vec<_> = elsewhere.chain(among.iter().copied().filter(|key| hidden.contains(key))).collect();
    keys.sort_unstable();
    keys.dedup();
    let after = keys.join(",");
    if after != before {
        store::profile::set_hidden_columns(op.tx(), account.id, &after).await?;
        record(&mut op, "profile.columns_changed", account.id, json!({ "hidden": after })).await?;
    }
    op.commit().await
}

/// The caller's second factors.
#[derive(Clone, Debug)]
pub struct OwnFactors {
    /// When the authenticator app was set up, and when a code of it was last used.
    pub authenticator: Option<(Timestamp, Option<Timestamp>)>,
    /// The passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// How many recovery codes are left, and when they were made.
    pub recovery_codes: Option<(u32, Timestamp)>,
}

/// What second factors the caller has.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn own_factors(portal: &Portal, caller: &Caller) -> Result<OwnFactors> {
    let (db, account) = (portal.db.reader(), caller.actor()?.account);
    let authenticator = store::factors::authenticator_of(db, account).await?;
    let codes = store::factors::recovery_codes_of(db, account).await?;
    Ok(OwnFactors {
        authenticator: authenticator.map(|row| (row.added_at, row.used_at)),
        passkeys: store::passkeys::list(db, account).await?,
        recovery_codes: codes.map(|row| (u32::from(RECOVERY_CODES).saturating_sub(row.used.count_ones()), row.made_at)),
    })
}

/// What is typed to choose another password.
pub struct PasswordChange<'a> {
    /// The present one.
    pub current: &'a str,
    /// The new one.
    pub new: &'a str,
    /// The new one again.
    pub again: &'a str,
}

/// Chooses another password: with a fresh proof, and the present password once more. This session stays; every other one ends.
///
/// # Errors
/// [`Error::StepUpRequired`] when the proof is not fresh, [`Error::Invalid`] beside the fields that are wrong, [`Error::TooMany`]
/// after too many wrong passwords.
pub async fn change_own_password(portal: &Portal, caller: &Caller, typed: &PasswordChange<'_>) -> Result<()> {
    let actor = caller.actor()?;
    if !matches!(actor.via, Via::Session(_)) {
        return Err(Error::SignInRequired);
    }
    if !actor.is_fresh(portal.now()) {
        return Err(Error::StepUpRequired);
    }
    let subject = Subject::codes(actor.account);
    let this = attempts::reserve(portal, &subject).await?;
    let stored = store::accounts::password_of(portal.db.reader(), actor.account).await?;
    // Hashing takes long and holds no lock.
    let mut problems = Fields::new();
    let fits = unless_busy(portal, &subject, passwords::verify(portal, typed.current, stored.clone()).await).await?;
    if !fits {
        problems.push(("current", this.tell("This is not your present password", NO_MORE_CODES)));
    }
    let judged = passwords::judge(typed.new, &[&actor.name, &actor.email]);
    if !judged.enough {
        problems.push(("password", judged.sentence));
    } else if fits && typed.new == typed.current {
        problems.push(("password", "This is the password that you have already".to_owned()));
    }
    if typed.new != typed.again {
        problems.push(("again", "The two new passwords differ; type the same twice".to_owned()));
    }
    let hashed = match problems.is_empty() {
        true => Some(unless_busy(portal, &subject, passwords::hash(portal, typed.new).await).await?),
        false => None,
    };
    let mut op = Op::begin(portal, caller).await?;
    let (account, session) = owner(&op)?;
    let Some(hashed) = hashed else {
        if fits {
            attempts::forget(op.tx(), &subject).await?;
            op.commit().await?;
            return Err(Error::Invalid(problems));
        }
        let event = Event::refused("password.change_refused", account.id, None, json!({ "wrong": "password" }));
        return Err(op.refuse(event, Error::Invalid(problems)).await);
    };
    op.require_fresh_proof()?;
    // Somebody chose another one in the meantime: what was typed as the present one is not it any more.
    if store::accounts::password_of(op.tx(), account.id).await? != stored {
        return Err(Error::field("current", "This is not your present password"));
    }
    // Of two at once the second finds its session gone.
    if !store::profile::has_session(op.tx(), session).await? {
        return Err(Error::SignInRequired);
    }
    attempts::forget(op.tx(), &subject).await?;
    change_password(&mut op, &account, HashedPassword(hashed), Change::InProfile(session)).await?;
    op.commit().await
}

/// What could not be judged, because too many others are being judged, was no try.
async fn unless_busy<T>(portal: &Portal, subject: &Subject, outcome: Result<T>) -> Result<T> {
    if outcome.is_err() {
        attempts::take_back(portal, subject).await?;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::parse_phone;

    #[test]
    fn numbers_are_kept_as_typed() {
        for good in ["", "+44 7700 900123", "+49 (0) 151-234.567", "07700 900123", "+12025550143"] {
            assert_eq!(parse_phone(good).as_deref(), Ok(good));
        }
        assert_eq!(parse_phone("  +44  7700 900123 ").as_deref(), Ok("+44 7700 900123"));
        for bad in
            ["12345", "+44 7700 90o123", "44+7700900123", "call me", "+1234567890123456", "+44\u{200b}7700900123"]
        {
            assert!(parse_phone(bad).is_err(), "{bad}");
        }
    }
}
