//! Pages, and errors as pages.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};

use super::{Frame, Link};
use crate::error::Error;

/// What a page handler returns.
pub type PageResult = Result<Response, PageError>;

/// The page that says what went wrong.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// In a few words.
    pub heading: String,
    /// What it means.
    pub text: String,
    /// What to do.
    pub action: Option<Link>,
}

/// An error on its way to a person.
#[derive(Debug)]
pub struct PageError(pub Error);

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Renders a page.
///
/// # Errors
/// When the template fails, which a test of all templates rules out.
pub fn page(template: &impl Template) -> PageResult {
    page_with_status(StatusCode::OK, template)
}

/// Renders a page with a status.
///
/// # Errors
/// As [`page`].
pub fn page_with_status(status: StatusCode, template: &impl Template) -> PageResult {
    let html = template.render().map_err(|error| Error::Internal(error.into()))?;
    Ok((status, Html(html)).into_response())
}

/// Sends the browser on after a post.
pub fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Marks an answer that asks somebody to prove themselves first, so that the form which it answers is not lost.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted;

/// The answer with that mark.
pub fn interrupted(mut response: Response) -> Response {
    response.extensions_mut().insert(Interrupted);
    response
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let error = self.0;
        match error {
            Error::SignInRequired => return interrupted(see_other("/sign-in")),
            Error::SecondFactorRequired => return interrupted(see_other("/sign-in/second-factor")),
            Error::StepUpRequired => return interrupted(see_other("/prove")),
            _ => {}
        }
        if let Error::Internal(cause) = &error {
            tracing::error!(?cause, "a page failed");
        }
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (heading, text) = words(&error);
        let frame = Frame {
            title: heading.to_owned(),
            assets: super::assets::prefix(),
            home: "/".to_owned(),
            ..Frame::default()
        };
        let action = Some(Link::new("Go to the start page", "/", false));
        let page = ErrorPage { frame, status: error.status(), heading: heading.to_owned(), text, action };
        let mut response = page_with_status(status, &page).unwrap_or_else(|_| status.into_response());
        if let Some(seconds) = error.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn words(error: &Error) -> (&'static str, String) {
    let heading = match error {
        Error::Invalid(_) => "This cannot be used as it is",
        Error::Forbidden(_) => "You cannot do this here",
        Error::NotFound => {
            return (
                "Page not found",
                "There is nothing at this address, or your access does not reach it.".to_owned(),
            );
        }
        Error::Conflict(_) => "This has changed in the meantime",
        Error::Gone(_) => "This is no longer there",
        Error::TooMany { .. } => "Please wait a moment",
        Error::OverLimit { .. } => "This is more than can be done today",
        Error::Unavailable(_) => "The portal is not available at the moment",
        Error::SignInRequired | Error::SecondFactorRequired | Error::StepUpRequired => "Sign in to go on",
        Error::Internal(_) => "Something went wrong",
    };
    let mut text = error.to_string();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    (heading, text)
}
