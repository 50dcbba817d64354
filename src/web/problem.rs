//! Errors of the API as problem documents (RFC 9457), and the extractors that answer with one.

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;

/// What an API handler returns.
pub type ApiResult<T> = Result<T, Problem>;

/// An error on its way to a program.
#[derive(Debug)]
pub struct Problem(pub Error);

/// The document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// A stable name of the kind of problem.
    pub r#type: String,
    /// The same for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs.
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// Messages by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
}

/// A message that belongs to a field.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemField {
    /// The field.
    pub field: String,
    /// The sentence.
    pub message: String,
}

impl<E: Into<Error>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = self.0;
        if let Error::Internal(cause) = &error {
            tracing::error!(?cause, "a request of the API failed");
        }
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let errors = match &error {
            Error::Invalid(fields) => fields
                .iter()
                .map(|(field, message)| ProblemField { field: (*field).to_owned(), message: message.clone() })
                .collect(),
            _ => Vec::new(),
        };
        let body = ProblemBody {
            r#type: format!("urn:care-portal:problem:{}", error.code()),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: error.status(),
            code: error.code().to_owned(),
            detail: error.to_string(),
            errors,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = error.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(error, Error::SignInRequired) {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A JSON body; what does not fit is answered with a problem document.
pub struct ApiJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::BytesRejection(_)) => Err(Problem(Error::field("body", "The request is too large"))),
            Err(rejection) => Err(Problem(Error::field("body", rejection.body_text()))),
        }
    }
}

/// Query parameters; what does not fit is answered with a problem document.
pub struct ApiQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem(Error::field("query", rejection.body_text()))),
        }
    }
}
