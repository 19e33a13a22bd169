//! What can go wrong between a request and its answer, and what the user can do about it.
//!
//! Vault uses one status code for several things, so an answer is classified by status and body. Of
//! the body only the server's `errors` are kept; they name paths, never what is stored there.

use std::time::Duration;

use managed::external::{ExternalError, Failure};

/// Longest text taken over from a server.
const LONGEST_TEXT: usize = 512;

/// Why a request to Vault, or the way to it, failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Error {
    /// The provider config cannot work as it is written.
    #[error("{cause}")]
    Config {
        /// What is wrong.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Something that the login needs does not exist.
    #[error("{cause}")]
    Missing {
        /// What does not exist.
        by: String,
        /// Why that matters.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// No connection, or no answer to a request that changes nothing.
    #[error("cannot reach vault at {address}: {cause}")]
    Unreachable {
        /// Address of the server.
        address: String,
        /// The innermost cause.
        cause: String,
    },
    /// The request may have been carried out, but no answer came.
    #[error("no answer from vault at {address} to {operation}: {cause}")]
    Lost {
        /// Address of the server.
        address: String,
        /// Method and path.
        operation: String,
        /// The innermost cause.
        cause: String,
    },
    /// The server is sealed.
    #[error("vault at {address} is sealed")]
    Sealed {
        /// Address of the server.
        address: String,
    },
    /// The server cannot serve requests now.
    #[error("vault at {address} cannot serve {operation}: {cause}")]
    Unavailable {
        /// Address of the server.
        address: String,
        /// Method and path.
        operation: String,
        /// Status and the server's words.
        cause: String,
    },
    /// A standby that does not forward requests.
    #[error("vault at {address} redirects to {location}")]
    Redirected {
        /// Address of the server.
        address: String,
        /// Where it points.
        location: String,
    },
    /// A quota or a rate limit.
    #[error("vault limits requests: {cause}")]
    Throttled {
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// The server's words.
        cause: String,
    },
    /// The token is good and the policy does not allow the request.
    #[error("vault refuses {operation}: {cause}")]
    Denied {
        /// Method and path.
        operation: String,
        /// The server's words.
        cause: String,
        /// The line that the policy lacks.
        policy: String,
    },
    /// The login was refused.
    #[error("vault refuses the login: {cause}")]
    LoginRefused {
        /// The server's words, with what was presented.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Nothing is mounted there, or not what is needed.
    #[error("{cause}")]
    Mount {
        /// What is there instead.
        cause: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Somebody else has written in between.
    #[error("{path} was written by somebody else at the same time")]
    CheckAndSet {
        /// The path.
        path: String,
    },
    /// The value is larger than the storage accepts.
    #[error("vault refuses {operation}: {cause}")]
    TooLarge {
        /// Method and path.
        operation: String,
        /// The server's words.
        cause: String,
    },
    /// Anything else the server says.
    #[error("vault answers {operation} with status {status}: {cause}")]
    Refused {
        /// Method and path.
        operation: String,
        /// HTTP status.
        status: u16,
        /// The server's words.
        cause: String,
    },
    /// The answer is not what the API promises.
    #[error("vault answers {operation} with something else than its API promises")]
    Garbled {
        /// Method and path.
        operation: String,
    },
}

impl From<Error> for ExternalError {
    fn from(error: Error) -> Self {
        let failure = Failure::new(error.to_string(), error.remedy());
        match error {
            Error::Config { .. } | Error::Mount { .. } | Error::TooLarge { .. } => {
                Self::Invalid(failure)
            }
            Error::Missing { by, .. } => Self::Blocked { by, failure },
            Error::Unreachable { .. }
            | Error::Sealed { .. }
            | Error::Unavailable { .. }
            | Error::Redirected { .. } => Self::Unreachable(failure),
            Error::Lost { .. } => Self::UnknownOutcome(failure),
            Error::Throttled { retry_after, .. } => Self::Throttled {
                retry_after,
                failure,
            },
            Error::Denied { .. } | Error::LoginRefused { .. } => Self::Denied(failure),
            Error::CheckAndSet { .. } | Error::Refused { .. } | Error::Garbled { .. } => {
                Self::Other(failure)
            }
        }
    }
}

impl Error {
    fn remedy(&self) -> String {
        match self {
            Self::Config { remedy, .. }
            | Self::Missing { remedy, .. }
            | Self::Mount { remedy, .. }
            | Self::LoginRefused { remedy, .. } => (*remedy).to_owned(),
            Self::Unreachable { .. } => "check address, network and CA".into(),
            Self::Lost { .. } => "nothing to do; it is looked up again".into(),
            Self::Sealed { .. } => "unseal it".into(),
            Self::Unavailable { .. } => "check the health of the vault servers".into(),
            Self::Redirected { .. } => "set address to the active server".into(),
            Self::Throttled { .. } => "wait, or raise the quota".into(),
            Self::Denied { policy, .. } => format!("add to its policy: {policy}"),
            Self::CheckAndSet { .. } => "find the other writer of this path".into(),
            Self::TooLarge { .. } => "store less at this path".into(),
            Self::Refused { .. } | Self::Garbled { .. } => "see the log of the vault server".into(),
        }
    }
}

/// The server's `errors` in one line, cut to a length that fits a condition.
pub(super) fn words(errors: &[String]) -> String {
    let lines = errors.iter().flat_map(|error| error.lines());
    let kept = lines
        .map(|line| line.trim().trim_start_matches("* ").trim())
        .filter(|line| !line.is_empty() && !is_heading(line));
    let mut text = kept.collect::<Vec<_>>().join("; ");
    if text.len() > LONGEST_TEXT {
        let end = (0..=LONGEST_TEXT)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The first line of a list of errors, `2 errors occurred:`, says nothing.
fn is_heading(line: &str) -> bool {
    line.ends_with("occurred:") && line.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_errors_becomes_one_line() {
        let errors =
            ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n".to_owned()];
        assert_eq!(words(&errors), "permission denied; invalid token");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let errors = ["ä".repeat(400)];
        let text = words(&errors);
        assert!(text.ends_with('…') && text.len() <= LONGEST_TEXT + '…'.len_utf8());
    }

    #[test]
    fn a_denied_request_names_the_line_that_the_policy_lacks() {
        let policy = r#"path "secret/data/a" { capabilities = ["patch"] }"#.to_owned();
        let operation = "PATCH secret/data/a".to_owned();
        let error: ExternalError = Error::Denied {
            operation,
            cause: "permission denied".into(),
            policy: policy.clone(),
        }
        .into();
        assert_eq!(error.class(), "denied");
        assert!(error.to_string().ends_with(&policy));
    }
}
