//! Failed external calls, classified where they happened.

use std::{fmt, time::Duration};

/// Why an external call failed: the cause, and what to do about it. Holds no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Lower case, no period, with the server's own words.
    pub cause: String,
    /// An imperative, best under 60 characters.
    pub remedy: String,
}

impl Failure {
    /// A failure with a remedy.
    pub fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause, self.remedy)
    }
}

/// A failed external call, classified where it happened. The runtime never reads the words.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExternalError {
    /// The spec asks for something impossible. Not retried until spec, config or an input changes.
    #[error("{0}")]
    Invalid(Failure),
    /// Something else must happen first. Retried with back-off, and when an input changes.
    #[error("{failure}")]
    Blocked {
        /// What stands in the way, such as `role "app"`.
        by: String,
        /// Why.
        failure: Failure,
    },
    /// The server asks to wait.
    #[error("{failure}")]
    Throttled {
        /// For how long.
        retry_after: Option<Duration>,
        /// Why.
        failure: Failure,
    },
    /// The server cannot be reached. The runtime has the provider config looked at; the session
    /// reconnects by itself.
    #[error("{0}")]
    Unreachable(Failure),
    /// The answer to a change was lost; it may or may not have happened.
    #[error("{0}")]
    UnknownOutcome(Failure),
    /// The server refuses: credentials or a right are missing.
    #[error("{0}")]
    Denied(Failure),
    /// Anything else.
    #[error("{0}")]
    Other(Failure),
}

impl ExternalError {
    /// Classified as [`ExternalError::Invalid`].
    pub fn invalid(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Invalid(Failure::new(cause, remedy))
    }

    /// Classified as [`ExternalError::Blocked`].
    pub fn blocked(
        by: impl Into<String>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Blocked {
            by: by.into(),
            failure: Failure::new(cause, remedy),
        }
    }

    /// Classified as [`ExternalError::Unreachable`]: a call took longer than it may.
    pub fn no_answer_within(timeout: Duration) -> Self {
        let cause = format!("no answer within {} s", timeout.as_secs());
        Self::Unreachable(Failure::new(cause, "check the server and the network"))
    }

    /// Label for metrics.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::Blocked { .. } => "blocked",
            Self::Throttled { .. } => "throttled",
            Self::Unreachable(_) => "unreachable",
            Self::UnknownOutcome(_) => "unknown_outcome",
            Self::Denied(_) => "denied",
            Self::Other(_) => "other",
        }
    }
}
