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
    for_staff: bool,
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
pub struct CodeForm {
    /// As typed.
    #[serde(default)]
    pub code: String,
}

/// What is said of a link that works no more.
pub struct Dead {
    /// In a few words.
    pub title: &'static str,
    /// Why.
    pub text: &'static str,
    /// What to do now.
    pub next_step: &'static str,
}

/// The pages of one kind of link.
pub struct LinkPages {
    /// Which links.
    pub kind: &'static LinkKind,
    /// What keeps the code until the last step.
    pub cookie: cookies::Name,
    /// The page behind the link.
    pub path: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Whether those who come here are staff, who can sign in.
    pub for_staff: bool,
    /// What is said of a link that does not work.
    pub dead_title: &'static str,
    /// Why it may be so.
    pub dead_text: &'static str,
    /// What to do now.
    pub next_step: &'static str,
    /// And where.
    pub link: (&'static str, &'static str),
}

impl LinkPages {
    /// What the cookie holds: nothing, or a text that may be a code.
    pub fn held(&self, portal: &Portal, jar: &CookieJar) -> Option<Option<LinkCode>> {
        cookies::get(&portal.config, jar, self.cookie).map(|text| self.kind.parse(&text))
    }

    /// The same for a form that names the thing it was shown for; a conflict when another tab has opened another link meanwhile,
    /// because doing it to the wrong one would be worse than asking again.
    ///
    /// # Errors
    /// That conflict.
    pub fn held_for<K: Kind>(&self, portal: &Portal, jar: &CookieJar, shown: &str) -> Result<Option<Option<LinkCode>>> {
        let held = self.held(portal, jar);
        if held.as_ref().and_then(Option::as_ref).is_some_and(|code| Id::<K>::from_uuid(code.id).to_string() != shown) {
            return Err(Error::Conflict(
                "You have opened another link in the meantime. Open the link again".to_owned(),
            ));
        }
        Ok(held)
    }

    /// The frame. The logo leads staff to their portal, and everybody else no further than here.
    pub fn frame(&self, portal: &Portal, title: &str) -> Frame {
        let frame = Frame::plain(&portal.config, title);
        if self.for_staff { frame } else { Frame { home: self.path.to_owned(), ..frame } }
    }

    /// The field to paste a code into.
    ///
    /// # Errors
    /// As every page.
    pub fn ask(&self, portal: &Portal) -> PageResult {
        page(&self.code_page(portal, None))
    }

    fn code_page(&self, portal: &Portal, problem: Option<String>) -> CodePage {
        let frame = self.frame(portal, self.title);
        CodePage { frame, action: self.path, prefix: self.kind.prefix, for_staff: self.for_staff, problem }
    }

    /// Takes a code into the cookie, or says that it is none.
    ///
    /// # Errors
    /// As every page.
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
    ///
    /// # Errors
    /// As every page.
    pub fn dead(&self, portal: &Portal, jar: CookieJar) -> PageResult {
        self.dead_saying(portal, jar, &Dead { title: self.dead_title, text: self.dead_text, next_step: self.next_step })
    }

    /// The same for a link that this portal made, of which more may be said.
    ///
    /// # Errors
    /// As every page.
    pub fn dead_saying(&self, portal: &Portal, jar: CookieJar, said: &Dead) -> PageResult {
        let jar = cookies::clear(&portal.config, jar, self.cookie);
        let dead = DeadPage {
            frame: self.frame(portal, said.title),
            action: self.path,
            text: said.text,
            next_step: said.next_step,
            link: Link::new(self.link.0, self.link.1, false),
        };
        let response: Response = page_with_status(StatusCode::GONE, &dead)?;
        Ok((jar, response).into_response())
    }
}
