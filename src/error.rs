//! What can go wrong, by meaning. Doors turn it into a page, a problem document, or a sentence with an exit status.

use std::time::Duration;

use crate::access::Refusal;

/// Messages beside fields: `(field, sentence)`.
pub type Fields = Vec<(&'static str, String)>;

/// A failed operation, as its user meets it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something typed cannot be used; each message belongs to a field.
    #[error("{}", .0.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Fields),
    /// Nobody is signed in, or no longer.
    #[error("Sign in to go on")]
    SignInRequired,
    /// Signed in by password only where a second factor is asked.
    #[error("Enter your second factor to go on")]
    SecondFactorRequired,
    /// The sign-in is too old for this step.
    #[error("Confirm that it is you to go on")]
    StepUpRequired,
    /// The person may know of it but not do it.
    #[error("You cannot do this: {0}")]
    Forbidden(Refusal),
    /// There is no such thing, or the person may not know that there is.
    #[error("There is nothing at this address")]
    NotFound,
    /// The world is not as the person thought.
    #[error("{0}")]
    Conflict(String),
    /// It was there and is no more.
    #[error("{0}")]
    Gone(String),
    /// Too often.
    #[error("Too many tries; wait {} and try again", minutes(*.retry_after))]
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
    /// More than may be done in a day.
    #[error("{text}")]
    OverLimit {
        /// What the limit is and what to do.
        text: String,
        /// When it can be done.
        retry_after: Duration,
    },
    /// Something the portal depends on is away for the moment.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours; the detail goes to the log, never to the person.
    #[error("Something went wrong here; nothing was changed")]
    Internal(#[source] anyhow::Error),
}

/// What is away for the moment is worth another try after so many seconds.
const SOON: u64 = 5;

/// The result of everything that a door calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// One message beside one field.
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![(field, message.into())])
    }

    /// A fault of ours, described for the log.
    pub fn internal(message: &'static str) -> Self {
        Self::Internal(anyhow::Error::msg(message))
    }

    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::SignInRequired => "sign_in_required",
            Self::SecondFactorRequired => "second_factor_required",
            Self::StepUpRequired => "step_up_required",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict(_) => "conflict",
            Self::Gone(_) => "gone",
            Self::TooMany { .. } | Self::OverLimit { .. } => "too_many",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// After how many seconds it makes sense to try again, where waiting helps; for `Retry-After`.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after } | Self::OverLimit { retry_after, .. } => {
                Some(retry_after.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX))
            }
            Self::Unavailable(_) => Some(SOON),
            _ => None,
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) => 422,
            Self::SignInRequired | Self::SecondFactorRequired | Self::StepUpRequired => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound => 404,
            Self::Conflict(_) => 409,
            Self::Gone(_) => 410,
            Self::TooMany { .. } | Self::OverLimit { .. } => 429,
            Self::Unavailable(_) => 503,
            Self::Internal(_) => 500,
        }
    }
}

impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        match error {
            sea_orm::DbErr::ConnectionAcquire(_) | sea_orm::DbErr::Conn(_) => {
                tracing::error!(%error, "the database does not answer");
                Self::Unavailable("The portal cannot reach its database; try again in a moment".to_owned())
            }
            other => Self::Internal(other.into()),
        }
    }
}
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Forbidden(refusal)
    }
}

/// A waiting time in words.
fn minutes(duration: Duration) -> String {
    match duration.as_secs().div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        n => format!("{n} minutes"),
    }
}
