//! What the pages behind the links of this room share: the code comes in the address's fragment, script or the person's own hand posts
//! it, and a cookie keeps it until the last step.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use crate::{
    error::{Error, Result},
    keys::link::{LinkCode, LinkKind},
    portal::Portal,
    types::{Id, Kind},
    web::{Frame, Link, PageResult, cookies, page, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "account_code.html")]
struct CodePage {
    frame: Frame,
    action: &'static str,
    prefix: &'static str,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "account_dead.html")]
struct DeadPage {
    frame: Frame,
    action: &'static str,
    text: &'static str,
    next_step: &'static str,
    link: Link,
}

/// A pasted or posted code.
#[derive(Deserialize)]
pub(super) struct CodeForm {
    #[serde(default)]
    pub code: String,
}

/// The pages of one kind of link.
pub(super) struct LinkPages {
    pub kind: &'static LinkKind,
    pub cookie: cookies::Name,
    /// The page behind the link.
    pub path: &'static str,
    pub title: &'static str,
    pub dead_title: &'static str,
    pub dead_text: &'static str,
    pub next_step: &'static str,
    pub link: (&'static str, &'static str),
}

impl LinkPages {
    /// What the cookie holds: nothing, or a text that may be a code.
    pub fn held(&self, portal: &Portal, jar: &CookieJar) -> Option<Option<LinkCode>> {
        cookies::get(&portal.config, jar, self.cookie).map(|text| self.kind.parse(&text))
    }

    /// The same for a form that names the thing it was shown for; a conflict when another tab has opened another link meanwhile,
    /// because doing it to the wrong one would be worse than asking again.
    pub fn held_for<K: Kind>(&self, portal: &Portal, jar: &CookieJar, shown: &str) -> Result<Option<Option<LinkCode>>> {
        let held = self.held(portal, jar);
        if held.as_ref().and_then(Option::as_ref).is_some_and(|code| Id::<K>::from_uuid(code.id).to_string() != shown) {
            return Err(Error::Conflict(
                "You have opened another link in the meantime. Open the link again".to_owned(),
            ));
        }
        Ok(held)
    }

    /// The field to paste a code into.
    pub fn ask(&self, portal: &Portal) -> PageResult {
        page(&self.code_page(portal, None))
    }

    fn code_page(&self, portal: &Portal, problem: Option<String>) -> CodePage {
        let frame = Frame::plain(&portal.config, self.title);
        CodePage { frame, action: self.path, prefix: self.kind.prefix, problem }
    }

    /// Takes a code into the cookie, or says that it is none.
    pub fn take(&self, portal: &Portal, jar: CookieJar, text: &str) -> PageResult {
        let text = text.trim();
        // The whole link is what people paste when they are asked for a code.
        let code = text.rsplit_once('#').map_or(text, |(_, code)| code);
        if self.kind.parse(code).is_none() {
            let problem = format!(
                "This is not a code for this page. Copy the whole code from your mail: it begins with {}",
                self.kind.prefix
            );
            return page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &self.code_page(portal, Some(problem)));
        }
        let jar = cookies::set(&portal.config, jar, self.cookie, code.to_owned());
        Ok((jar, see_other(self.path)).into_response())
    }

    /// One page for every link that does not work, whatever the reason: a guesser learns nothing from it.
    pub fn dead(&self, portal: &Portal, jar: CookieJar) -> PageResult {
        let jar = cookies::clear(&portal.config, jar, self.cookie);
        let dead = DeadPage {
            frame: Frame::plain(&portal.config, self.dead_title),
            action: self.path,
            text: self.dead_text,
            next_step: self.next_step,
            link: Link::new(self.link.0, self.link.1, false),
        };
        let response: Response = page_with_status(StatusCode::GONE, &dead)?;
        Ok((jar, response).into_response())
    }
}
