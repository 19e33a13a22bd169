//! Failures, classified by SQLSTATE where they happen.
//!
//! `tokio_postgres::Error` shows only "db error", so the server's own words are taken out of it here.
//! A warning that a GRANT or REVOKE had no effect (01006, 01007) counts as a failure: the server
//! reports success and has done nothing.

use std::{error::Error as _, time::Duration};

use managed::external::{ExternalError, Failure};
use tokio_postgres::error::{DbError, Severity, SqlState};

/// Result of a call to the server.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call to the server failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered with an error.
    #[error("{message}")]
    Refused {
        /// SQLSTATE.
        state: SqlState,
        /// The server's message with its detail.
        message: String,
        /// The server's detail alone, empty when there is none.
        detail: String,
        /// The server has closed the session with it.
        fatal: bool,
    },
    /// A GRANT or REVOKE had no effect (01006, 01007).
    #[error("{message}")]
    NoEffect {
        /// The server's warning.
        message: String,
    },
    /// No session could be opened.
    #[error("cannot connect to {address}: {cause}")]
    Connect {
        /// Host and port.
        address: String,
        /// What happened.
        cause: String,
    },
    /// The session broke while the server was at work.
    #[error("lost the session: {cause}")]
    Lost {
        /// What happened.
        cause: String,
    },
    /// The failure was classified before the server was asked.
    #[error(transparent)]
    External(#[from] ExternalError),
}

impl Error {
    /// A failure of a statement on an open session.
    pub fn of_statement(error: &tokio_postgres::Error) -> Self {
        error.as_db_error().map_or_else(
            || Self::Lost {
                cause: causes(error),
            },
            Self::refused,
        )
    }

    /// A failure to open a session.
    pub fn of_connect(address: &str, error: &tokio_postgres::Error) -> Self {
        let unreached = || Self::Connect {
            address: address.to_owned(),
            cause: causes(error),
        };
        error.as_db_error().map_or_else(unreached, Self::refused)
    }

    fn refused(error: &DbError) -> Self {
        let detail = error.detail().unwrap_or_default().replace('\n', ", ");
        let message = match detail.as_str() {
            "" => error.message().to_owned(),
            detail => format!("{}: {detail}", error.message()),
        };
        let fatal = matches!(
            error.parsed_severity(),
            Some(Severity::Fatal | Severity::Panic)
        );
        Self::Refused {
            state: error.code().clone(),
            message,
            detail,
            fatal,
        }
    }

    /// The SQLSTATE, when the server answered with an error.
    pub fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Refused { state, .. } => Some(state),
            _ => None,
        }
    }

    /// True when the server answered with this SQLSTATE.
    pub fn is(&self, state: &SqlState) -> bool {
        self.state() == Some(state)
    }

    /// True when the session cannot be used any more.
    pub fn ends_session(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. } | Self::Connect { .. } | Self::Refused { fatal: true, .. }
        )
    }

    /// True when the same transaction is likely to succeed at once: somebody else touched the same
    /// row of a catalog (XX000, 23505), or the server chose it to end a deadlock.
    pub fn is_collision(&self) -> bool {
        let Self::Refused { state, message, .. } = self else {
            return false;
        };
        let deadlock = [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ]
        .contains(state);
        let catalog = *state == SqlState::INTERNAL_ERROR && message.contains("tuple concurrently");
        let index = *state == SqlState::UNIQUE_VIOLATION && message.contains("\"pg_");
        deadlock || catalog || index
    }
}

fn causes(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

impl From<Error> for ExternalError {
    fn from(error: Error) -> Self {
        match error {
            Error::External(error) => error,
            Error::NoEffect { message } => Self::Denied(Failure::new(
                message,
                "let the administrator act for the owner",
            )),
            Error::Connect { .. } => Self::Unreachable(Failure::new(
                error.to_string(),
                "check endpoint, port, sslMode and network",
            )),
            Error::Lost { .. } => Self::UnknownOutcome(Failure::new(
                error.to_string(),
                "wait; it is looked at again",
            )),
            Error::Refused {
                state,
                message,
                detail,
                ..
            } => classified(&state, &message, detail),
        }
    }
}

fn classified(state: &SqlState, message: &str, detail: String) -> ExternalError {
    let cause = format!("{message} ({})", state.code());
    match state.code() {
        "57P03" | "57P01" | "57P02" => {
            ExternalError::Unreachable(Failure::new(cause, "wait until the server is up"))
        }
        "25006" => ExternalError::blocked(
            "a read-only server",
            cause,
            "point the endpoint at the primary",
        ),
        "28P01" | "28000" => ExternalError::Denied(Failure::new(
            cause,
            "check username and password of the config",
        )),
        "42501" => ExternalError::Denied(Failure::new(
            cause,
            "grant it to the config's administrator",
        )),
        "55P03" | "57014" => ExternalError::blocked(
            "another session",
            cause,
            "end the session that holds the lock",
        ),
        "2BP01" => ExternalError::blocked(detail, cause, "remove what depends on it"),
        "55006" => {
            ExternalError::blocked("sessions that use it", cause, "end them, or set forceDrop")
        }
        "55000" => {
            ExternalError::blocked("the state of the server", cause, "see the server's message")
        }
        "3D000" | "42704" | "3F000" | "42P01" | "42883" => {
            ExternalError::blocked("something that does not exist", cause, "create it")
        }
        code if code.starts_with("53") => {
            let retry_after = Some(Duration::from_secs(10));
            ExternalError::Throttled {
                retry_after,
                failure: Failure::new(cause, "free resources of the server"),
            }
        }
        code if code.starts_with("08") => {
            ExternalError::Unreachable(Failure::new(cause, "check the server and the network"))
        }
        code if is_wrong_input(code) => ExternalError::invalid(cause, "correct the spec"),
        _ => ExternalError::Other(Failure::new(cause, "see the server's message")),
    }
}

fn is_wrong_input(code: &str) -> bool {
    code.starts_with("22")
        || matches!(
            code,
            "0A000" | "0LP01" | "42601" | "42602" | "42622" | "42809" | "42939" | "42P17" | "55P02"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: &str) -> &'static str {
        classified(&SqlState::from_code(code), "m", String::new()).class()
    }

    #[test]
    fn every_state_leads_to_the_behaviour_it_needs() {
        let table = [
            ("denied", &["28P01", "28000", "42501"][..]),
            (
                "blocked",
                &[
                    "2BP01", "55006", "3D000", "42704", "3F000", "42P01", "25006", "55P03",
                ],
            ),
            (
                "invalid",
                &[
                    "22023", "42601", "42939", "0LP01", "42809", "55P02", "22P02",
                ],
            ),
            ("throttled", &["53300", "53100"]),
            ("unreachable", &["57P03", "57P01", "08006"]),
            ("other", &["XX000", "58030"]),
        ];
        for (expected, codes) in table {
            for code in codes {
                assert_eq!(class(code), expected, "{code}");
            }
        }
    }

    #[test]
    fn a_grant_without_effect_is_a_denial() {
        let error = Error::NoEffect {
            message: "no privileges were granted for \"t\"".into(),
        };
        assert_eq!(ExternalError::from(error).class(), "denied");
    }

    #[test]
    fn only_collisions_in_a_catalog_are_tried_again() {
        let refused = |code: &str, message: &str| Error::Refused {
            state: SqlState::from_code(code),
            message: message.into(),
            detail: String::new(),
            fatal: false,
        };
        assert!(refused("XX000", "tuple concurrently updated").is_collision());
        assert!(
            refused(
                "23505",
                "duplicate key value violates unique constraint \"pg_authid_rolname_index\""
            )
            .is_collision()
        );
        assert!(refused("40P01", "deadlock detected").is_collision());
        assert!(!refused("XX000", "cache lookup failed").is_collision());
        assert!(!refused("42710", "role \"a\" already exists").is_collision());
    }
}
