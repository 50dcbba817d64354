//! **Call patient**.

use serde_json::json;

use crate::{
    access::Permission,
    audit::Event,
    contact::store,
    error::{Error, Result},
    op::{Caller, Op},
    portal::Portal,
    programmes,
    types::PatientId,
};

/// What a call opens.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// This address: `tel:…` or `https://…`.
    Ready(String),
    /// The patient has no telephone number.
    NoNumber,
    /// The link would show the telephone number, and the caller may not see it.
    Hidden,
    /// No calls are made here.
    Off,
}

/// Fills the deployment's call link for one patient; the call is in the access log before it is given.
///
/// # Errors
/// When the caller may not contact the patient.
pub async fn call_patient(portal: &Portal, caller: &Caller, patient: PatientId) -> Result<Call> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ContactPatient, patient).await?;
    let scope = granted.scope();
    let programme = programmes::actions::programme_of(op.tx(), scope.deployment.ok_or(Error::NotFound)?).await?;
    let link = programme.call_link;
    if link.is_empty() {
        return Ok(Call::Off);
    }
    let mut phone = String::new();
    if link.contains("{phone}") {
        if !op.actor()?.may(Permission::ViewPatientIdentifiers, &scope) {
            return Ok(Call::Hidden);
        }
        phone = dialled(&store::phone_of(op.tx(), &granted, patient).await?.ok_or(Error::NotFound)?);
        if phone.is_empty() {
            return Ok(Call::NoNumber);
        }
    }
    let number = store::number_of(op.tx(), &granted, patient).await?.ok_or(Error::NotFound)?;
    let Some(filled) = fill(&link, &phone, &number) else { return Ok(Call::Off) };
    op.record(Event::done("patient.called", patient, scope, json!({})));
    op.commit().await?;
    Ok(Call::Ready(filled))
}

/// What a telephone dials of a number as people write it.
fn dialled(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    if phone.trim_start().starts_with('+') && !digits.is_empty() { format!("+{digits}") } else { digits }
}

/// Only a telephone or a secure site, whatever the settings hold.
fn fill(link: &str, phone: &str, number: &str) -> Option<String> {
    if link == "tel:{phone}" {
        return Some(format!("tel:{phone}"));
    }
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let filled = link.replace("{phone}", &encode(phone)).replace("{number}", &encode(number));
    let url = url::Url::parse(&filled).ok()?;
    (url.scheme() == "https" && url.host().is_some()).then(|| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_opens_a_telephone_or_a_secure_site_and_nothing_else() {
        assert_eq!(dialled(" +44 (0)20 7946-0123"), "+4402079460123");
        assert_eq!(dialled("none"), "");
        assert_eq!(fill("tel:{phone}", "+4420", "7"), Some("tel:+4420".to_owned()));
        let room = fill("https://video.example/r/{number}?p={phone}", "+1", "NF 1/../x");
        assert_eq!(room.as_deref(), Some("https://video.example/r/NF%201%2F..%2Fx?p=%2B1"));
        for bad in ["javascript:alert(1)", "http://video.example/{number}", "tel:{number}", "data:text/html,x"] {
            assert_eq!(fill(bad, "1", "1"), None, "{bad}");
        }
    }
}
