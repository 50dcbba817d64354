//! "This was not me": the page behind the link of a security mail. Looking changes nothing; one press secures the account.

use askama::Template;
use axum::{Form, extract::State};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::links::{CodeForm, LinkPages};
use crate::{
    access::Scope,
    identity::{NOTICE, actions::notices, email::origin_words},
    portal::Portal,
    sites,
    types::kind,
    web::{Frame, PageResult, When, cookies, origin, page, see_other},
};

const PAGES: LinkPages = LinkPages {
    kind: &NOTICE,
    cookie: cookies::Name::NotMe,
    path: "/not-me",
    title: "This was not me",
    for_staff: true,
    dead_title: "This link does not work",
    dead_text: "A link of a security mail works for 30 days. Or it was cut off on the way to you.",
    next_step: "If somebody else uses your account, choose a new password: that ends every session. Then talk to those who manage access where you work.",
    link: ("Choose a new password", "/forgot"),
};

#[derive(Template)]
#[template(path = "not_me.html")]
struct NotMePage {
    frame: Frame,
    notice: String,
    email: String,
    heading: &'static str,
    sentences: Vec<String>,
    at: When,
    origin: String,
    by_others: bool,
    disowned: bool,
    has_access: bool,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
) -> PageResult {
    let Some(code) = PAGES.held(&portal, &jar) else { return PAGES.ask(&portal) };
    let Some(notice) = notices::find_notice(&portal, &origin, code.as_ref()).await? else {
        return PAGES.dead(&portal, jar);
    };
    let place = sites::actions::place_of(portal.db.reader(), Scope::organisation(notice.organisation)).await?;
    page(&NotMePage {
        frame: Frame::plain(&portal.config, PAGES.title),
        notice: notice.id.to_string(),
        email: notice.account.email,
        heading: notice.kind.heading(),
        sentences: notice.sentences,
        at: When::new(notice.at, portal.now(), &place.time_zone()),
        origin: origin_words(&notice.origin),
        by_others: notice.kind.is_by_others(),
        disowned: notice.disowned,
        has_access: notice.has_access,
    })
}

pub(super) async fn submit_code(
    State(portal): State<Portal>,
    jar: CookieJar,
    Form(form): Form<CodeForm>,
) -> PageResult {
    PAGES.take(&portal, jar, &form.code)
}

#[derive(Deserialize)]
pub(super) struct SecureForm {
    #[serde(default)]
    notice: String,
}

/// The page that follows says that it was done, and says so again whenever the button is pressed again.
pub(super) async fn submit_secure(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
    Form(form): Form<SecureForm>,
) -> PageResult {
    let held = PAGES.held_for::<kind::Notice>(&portal, &jar, &form.notice)?;
    let Some(code) = held else { return Ok(see_other(PAGES.path)) };
    if !notices::disown(&portal, &origin, code.as_ref()).await? {
        return PAGES.dead(&portal, jar);
    }
    Ok(see_other(PAGES.path))
}
