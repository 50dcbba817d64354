//! Who stands at the door: extractors that turn a cookie or a key into a caller with the authority of this moment.

use axum::{
    extract::FromRequestParts,
    http::{Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;

use super::{Needs, Presence, actions};
use crate::{
    access::Actor,
    error::Error,
    op::Caller,
    portal::Portal,
    web::{PageError, Problem, cookies, interrupted, origin, see_other},
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

async fn presence(parts: &mut Parts, portal: &Portal) -> Result<Presence, Error> {
    let origin = origin::of(parts, &portal.config);
    let jar = CookieJar::from_headers(&parts.headers);
    match cookies::get(&portal.config, &jar, cookies::Name::Session) {
        Some(token) => actions::authenticate_session(portal, &token, origin).await,
        None => Ok(Presence::Nobody),
    }
}

/// Whoever is only half signed in is still a visitor everywhere but where the other half is asked.
async fn caller(parts: &mut Parts, portal: &Portal) -> Result<Caller, Error> {
    match presence(parts, portal).await? {
        Presence::Whole(caller) => Ok(caller),
        Presence::Half(_) | Presence::Nobody => Ok(Caller::Visitor(origin::of(parts, &portal.config))),
    }
}

impl FromRequestParts<Portal> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Response> {
        match presence(parts, portal).await {
            Ok(Presence::Whole(caller)) => Ok(Self(caller)),
            Ok(Presence::Half(half)) => Err(interrupted(see_other(&leading_back(parts, page_for(half.needs))))),
            Ok(Presence::Nobody) => Err(interrupted(see_other(&leading_back(parts, "/sign-in")))),
            Err(error) => Err(PageError(error).into_response()),
        }
    }
}

/// Where what is missing is given.
pub(super) const fn page_for(needs: Needs) -> &'static str {
    match needs {
        Needs::SetUp => "/second-factor/set-up",
        Needs::SecondFactor | Needs::Nothing => "/sign-in/second-factor",
    }
}

/// A page on the way, which leads back to the one that was asked for. Only reading can be asked for again.
fn leading_back(parts: &Parts, way: &str) -> String {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.method != Method::GET || path == "/" {
        return way.to_owned();
    }
    with_next(way, path)
}

/// An address that remembers where to go on.
pub(super) fn with_next(way: &str, next: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    format!("{way}?{query}")
}

/// Whoever it is, told apart by how far they have come. For the pages that ask for the second factor.
pub struct Arriving(pub Presence);

impl FromRequestParts<Portal> for Arriving {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, PageError> {
        Ok(Self(presence(parts, portal).await?))
    }
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
            None => match presence(parts, portal).await? {
                Presence::Whole(caller) => Some(caller),
                Presence::Half(_) => return Err(Problem(Error::SecondFactorRequired)),
                Presence::Nobody => None,
            },
        };
        match found {
            Some(caller @ Caller::Person(..)) => Ok(Self(caller)),
            _ => Err(Problem(Error::SignInRequired)),
        }
    }
}
