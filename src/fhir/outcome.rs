//! What could not be done, as FHIR says it: an OperationOutcome whose issues name the element that they are about.

#![expect(clippy::indexing_slicing, reason = "a JSON object takes every key")]

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::FHIR_JSON;
use crate::error::Error;

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Issue {
    /// A code of FHIR's IssueType.
    pub code: &'static str,
    /// The sentence.
    pub text: String,
    /// The element, as a FHIRPath: `Observation.component[0].valueQuantity.code`.
    pub path: Option<String>,
}

impl Issue {
    /// Something wrong with an element.
    pub fn at(path: impl Into<String>, code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), path: Some(path.into()) }
    }
}

/// An answer that says what is wrong.
#[derive(Debug)]
pub struct Outcome {
    status: StatusCode,
    issues: Vec<Issue>,
    retry_after: Option<u64>,
}

/// What a handler of this room returns.
pub type FhirResult<T = Response> = Result<T, Outcome>;

impl Outcome {
    /// Several issues under one status.
    pub const fn new(status: StatusCode, issues: Vec<Issue>) -> Self {
        Self { status, issues, retry_after: None }
    }

    /// One issue that belongs to no element.
    pub fn one(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self::new(status, vec![Issue { code, text: text.into(), path: None }])
    }

    /// A resource that cannot be taken.
    pub const fn unfit(issues: Vec<Issue>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, issues)
    }

    /// A request that cannot be understood.
    pub fn bad_request(code: &'static str, text: impl Into<String>) -> Self {
        Self::one(StatusCode::BAD_REQUEST, code, text)
    }

    /// The same outcome, about this element.
    #[must_use]
    pub fn about(mut self, path: &str) -> Self {
        self.issues.iter_mut().for_each(|issue| issue.path = Some(path.to_owned()));
        self
    }

    /// The resource.
    pub fn resource(&self) -> Value {
        let issues: Vec<_> = self
            .issues
            .iter()
            .map(|issue| {
                let mut one = json!({ "severity": "error", "code": issue.code, "diagnostics": issue.text });
                if let Some(path) = &issue.path {
                    one["expression"] = json!([path]);
                }
                one
            })
            .collect();
        json!({ "resourceType": "OperationOutcome", "issue": issues })
    }
}

impl<E: Into<Error>> From<E> for Outcome {
    fn from(error: E) -> Self {
        let error = error.into();
        if let Error::Internal(cause) = &error {
            tracing::error!(?cause, "a request of the FHIR interface failed");
        }
        let code = match &error {
            Error::Invalid(_) => "invalid",
            Error::SignInRequired | Error::SecondFactorRequired | Error::StepUpRequired => "login",
            Error::Forbidden(_) => "forbidden",
            Error::NotFound | Error::Gone(_) => "not-found",
            Error::Conflict(_) => "conflict",
            Error::TooMany { .. } | Error::OverLimit { .. } => "throttled",
            Error::Unavailable(_) => "transient",
            Error::Internal(_) => "exception",
        };
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { retry_after: error.retry_after(), ..Self::one(status, code, error.to_string()) }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.resource().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
