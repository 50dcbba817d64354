//! The portal's cookies: the session, the code of an invitation under way, and the message about what just happened.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use super::{Flash, frame::Undo};
use crate::{
    config::Config,
    types::{DeploymentId, OrganisationId, Timestamp},
};

/// Which cookie.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    /// The session's token.
    Session,
    /// The code of the invitation that is being looked at.
    Join,
    /// The code of the link by which a new password is being chosen.
    Reset,
    /// The code of the security mail that is being looked at.
    NotMe,
    /// The code of what a patient looks at.
    ForYou,
    /// A message for the next page.
    Flash,
    /// What opens the form that waits until the person has proved themselves.
    Form,
    /// By which a browser is known again; stays for long, and says nothing about anybody.
    Browser,
}

/// Browsers keep no cookie for longer than 400 days (RFC 6265bis).
const BROWSER_STAYS: time::Duration = time::Duration::days(400);
/// As long as the form itself waits: nobody is promised one that is gone.
const FORM_WAITS: time::Duration = time::Duration::minutes(30);

impl Name {
    /// `__Host-` binds a cookie to this very host and to TLS (RFC 6265bis); on this machine's plain http browsers refuse it.
    const fn text(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Host-session",
            (Self::Session, false) => "session",
            (Self::Join, true) => "__Host-join",
            (Self::Join, false) => "join",
            (Self::Reset, true) => "__Host-reset",
            (Self::Reset, false) => "reset",
            (Self::NotMe, true) => "__Host-not-me",
            (Self::NotMe, false) => "not-me",
            (Self::ForYou, true) => "__Host-for-you",
            (Self::ForYou, false) => "for-you",
            (Self::Flash, true) => "__Host-flash",
            (Self::Flash, false) => "flash",
            (Self::Form, true) => "__Host-form",
            (Self::Form, false) => "form",
            (Self::Browser, true) => "__Host-browser",
            (Self::Browser, false) => "browser",
        }
    }
}

/// The cookie's value.
pub fn get(config: &Config, jar: &CookieJar, name: Name) -> Option<String> {
    jar.get(name.text(config.is_https())).map(|cookie| cookie.value().to_owned())
}

/// Sets a cookie that no script can read. It ends with the browser, except those that have a time of their own.
pub fn set(config: &Config, jar: CookieJar, name: Name, value: String) -> CookieJar {
    jar.add(build(config, name, value))
}

/// Takes a cookie away.
pub fn clear(config: &Config, jar: CookieJar, name: Name) -> CookieJar {
    jar.remove(build(config, name, String::new()))
}

fn build(config: &Config, name: Name, value: String) -> Cookie<'static> {
    let cookie = Cookie::build((name.text(config.is_https()), value))
        .path("/")
        .http_only(true)
        .secure(config.is_https())
        .same_site(SameSite::Lax);
    match name {
        Name::Browser => cookie.max_age(BROWSER_STAYS).build(),
        Name::Form => cookie.max_age(FORM_WAITS).build(),
        Name::Session | Name::Join | Name::Reset | Name::NotMe | Name::ForYou | Name::Flash => cookie.build(),
    }
}

/// How much of a message is kept, as it stands in the cookie: browsers take 4096 bytes, and other cookies are sent along.
const LONGEST_FLASH: usize = 2000;

/// Leaves a message for the next page.
pub fn leave_flash(config: &Config, jar: CookieJar, kind: &'static str, text: &str) -> CookieJar {
    set(config, jar, Name::Flash, format!("{kind}.{}", encode(text)))
}

/// Leaves a message about changes of role in a scope (its printed id), which can be undone by the instant at which they happened.
pub fn leave_undoable(
    config: &Config,
    jar: CookieJar,
    kind: &'static str,
    text: &str,
    scope: &str,
    at: Timestamp,
) -> CookieJar {
    set(config, jar, Name::Flash, format!("{kind}!{scope}!{}.{}", at.0, encode(text)))
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for letter in text.chars() {
        if encoded.len() > LONGEST_FLASH {
            encoded.extend(url::form_urlencoded::byte_serialize("…".as_bytes()));
            break;
        }
        let mut bytes = [0; 4];
        encoded.extend(url::form_urlencoded::byte_serialize(letter.encode_utf8(&mut bytes).as_bytes()));
    }
    encoded
}

/// Takes the message that the page before left.
pub fn take_flash(config: &Config, jar: CookieJar) -> (CookieJar, Option<Flash>) {
    let Some(value) = get(config, &jar, Name::Flash) else { return (jar, None) };
    (clear(config, jar, Name::Flash), read_flash(&value))
}

fn read_flash(value: &str) -> Option<Flash> {
    let (head, text) = value.split_once('.')?;
    let mut head = head.splitn(3, '!');
    let kind = match head.next()? {
        "done" => "done",
        "problem" => "problem",
        _ => return None,
    };
    let text = url::form_urlencoded::parse(format!("t={text}").as_bytes()).next()?.1.into_owned();
    let undo = head.next().zip(head.next()).and_then(|(scope, at)| undo(scope, at));
    Some(Flash { kind, text, undo })
}

/// The address is made here and only its scope is read, so that no forged cookie can lead the button anywhere else.
fn undo(scope: &str, at: &str) -> Option<Undo> {
    let scope = match (scope.parse::<DeploymentId>(), scope.parse::<OrganisationId>()) {
        (Ok(deployment), _) => deployment.to_string(),
        (_, Ok(organisation)) => organisation.to_string(),
        _ => return None,
    };
    Some(Undo { action: format!("/{scope}/staff/undo"), at: at.parse().ok()?, list: String::new() })
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_FLASH, encode, read_flash};

    const SCOPE: &str = "dep_01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn a_message_comes_back_with_its_way_back() {
        let deployment: crate::types::DeploymentId = crate::types::Id::from_uuid(uuid::Uuid::from_u128(7));
        let value = format!("done!{deployment}!1790000000000.{}", encode("Zoë is Admin now. 50% & more"));
        let flash = read_flash(&value).unwrap();
        assert_eq!(flash.text, "Zoë is Admin now. 50% & more");
        let undo = flash.undo.unwrap();
        assert_eq!((undo.action, undo.at), (format!("/{deployment}/staff/undo"), 1_790_000_000_000));
    }

    #[test]
    fn a_forged_message_leads_nowhere_else() {
        for head in [
            "done!//elsewhere.example!1",
            "done!../sign-out?x=!1",
            &format!("done!{SCOPE}/../..!1"),
            "done!dep_x\"><b>!1",
            &format!("done!{SCOPE}!soon"),
        ] {
            let flash = read_flash(&format!("{head}.Hello")).unwrap_or_default();
            assert!(flash.undo.is_none(), "{head}");
        }
        assert!(read_flash("alert.Hello").is_none());
    }

    #[test]
    fn a_message_never_outgrows_its_cookie() {
        assert!(encode(&"漢".repeat(5000)).len() < LONGEST_FLASH + 30);
    }
}
