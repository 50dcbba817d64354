//! The portal's cookies: the session, the code of an invitation under way, and the message about what just happened.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use super::Flash;
use crate::config::Config;

/// Which cookie.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    /// The session's token.
    Session,
    /// The code of the invitation that is being looked at.
    Join,
    /// A message for the next page.
    Flash,
}

impl Name {
    /// `__Host-` binds a cookie to this very host and to TLS (RFC 6265bis); on this machine's plain http browsers refuse it.
    const fn text(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Host-session",
            (Self::Session, false) => "session",
            (Self::Join, true) => "__Host-join",
            (Self::Join, false) => "join",
            (Self::Flash, true) => "__Host-flash",
            (Self::Flash, false) => "flash",
        }
    }
}

/// The cookie's value.
pub fn get(config: &Config, jar: &CookieJar, name: Name) -> Option<String> {
    jar.get(name.text(config.is_https())).map(|cookie| cookie.value().to_owned())
}

/// Sets a cookie that ends with the browser and that no script can read.
pub fn set(config: &Config, jar: CookieJar, name: Name, value: String) -> CookieJar {
    jar.add(build(config, name, value))
}

/// Takes a cookie away.
pub fn clear(config: &Config, jar: CookieJar, name: Name) -> CookieJar {
    jar.remove(build(config, name, String::new()))
}

fn build(config: &Config, name: Name, value: String) -> Cookie<'static> {
    Cookie::build((name.text(config.is_https()), value))
        .path("/")
        .http_only(true)
        .secure(config.is_https())
        .same_site(SameSite::Lax)
        .build()
}

/// Leaves a message for the next page.
pub fn leave_flash(config: &Config, jar: CookieJar, kind: &'static str, text: &str) -> CookieJar {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    set(config, jar, Name::Flash, format!("{kind}.{encoded}"))
}

/// Takes the message that the page before left.
pub fn take_flash(config: &Config, jar: CookieJar) -> (CookieJar, Option<Flash>) {
    let Some(value) = get(config, &jar, Name::Flash) else { return (jar, None) };
    let flash = value.split_once('.').and_then(|(kind, text)| {
        let kind = match kind {
            "done" => "done",
            "problem" => "problem",
            _ => return None,
        };
        let text = url::form_urlencoded::parse(format!("t={text}").as_bytes()).next()?.1.into_owned();
        Some(Flash { kind, text })
    });
    (clear(config, jar, Name::Flash), flash)
}
