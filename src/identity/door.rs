//! Who stands at the door: extractors that turn a cookie or a key into a caller with the authority of this moment.

use axum::{
    extract::FromRequestParts,
    http::{Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;

use super::actions;
use crate::{
    access::Actor,
    error::Error,
    op::Caller,
    portal::Portal,
    web::{PageError, Problem, cookies, origin, see_other},
};

/// Somebody who is signed in by a session. Without one, pages lead to the sign-in page.
pub struct SignedIn(pub Caller);

impl SignedIn {
    /// The person.
    ///
    /// # Errors
    /// Never in practice: the extractor has made sure.
    pub const fn actor(&self) -> Result<&Actor, Error> {
        self.0.actor()
    }
}

async fn caller(parts: &mut Parts, portal: &Portal) -> Result<Caller, Error> {
    let origin = origin::of(parts, &portal.config);
    let jar = CookieJar::from_headers(&parts.headers);
    if let Some(token) = cookies::get(&portal.config, &jar, cookies::Name::Session)
        && let Some(caller) = actions::authenticate_session(portal, &token, origin.clone()).await?
    {
        return Ok(caller);
    }
    Ok(Caller::Visitor(origin))
}

impl FromRequestParts<Portal> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Response> {
        match caller(parts, portal).await {
            Ok(caller @ Caller::Person(..)) => Ok(Self(caller)),
            Ok(Caller::Visitor(_) | Caller::Portal(_)) => Err(see_other(&sign_in_address(parts))),
            Err(error) => Err(PageError(error).into_response()),
        }
    }
}

/// The sign-in page that leads back to the page that was asked for. Only reading can be asked for again.
fn sign_in_address(parts: &Parts) -> String {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.method != Method::GET || path == "/" {
        return "/sign-in".to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", path).finish();
    format!("/sign-in?{query}")
}

/// Whoever it is: signed in or not. For the pages of an invitation.
pub struct Anybody(pub Caller);

impl FromRequestParts<Portal> for Anybody {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, PageError> {
        Ok(Self(caller(parts, portal).await?))
    }
}

/// A program with a key, or a browser with a session. Without either the API answers 401.
pub struct ApiCaller(pub Caller);

impl FromRequestParts<Portal> for ApiCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Problem> {
        let bearer =
            parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default().to_owned());
        let found = match bearer {
            // A key that is given must fit: falling back to a cookie would hide that it does not.
            Some(text) => {
                let token = text.strip_prefix("Bearer ").unwrap_or_default().trim().to_owned();
                actions::authenticate_key(portal, &token, origin::of(parts, &portal.config)).await?
            }
            None => Some(caller(parts, portal).await?),
        };
        match found {
            Some(caller @ Caller::Person(..)) => Ok(Self(caller)),
            _ => Err(Problem(Error::SignInRequired)),
        }
    }
}
