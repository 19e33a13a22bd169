//! What can be wrong with a kubeconfig, and why a call through it failed.
//!
//! Of a remote server only the words of its status are kept. Requests carry credentials, so neither
//! the request nor anything of the kubeconfig's content is quoted.

use std::{error::Error as StdError, io, time::Duration};

use managed::external::{ExternalError, Failure};
use rustls::CertificateError;

/// Longest text taken over from a server.
const LONGEST_TEXT: usize = 512;

/// Why a kubeconfig cannot be used as it is written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{cause}")]
pub struct Refusal {
    /// One word for a condition, such as `ExecPlugin`.
    pub reason: &'static str,
    /// What is wrong. Holds no value of the kubeconfig.
    pub cause: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Refusal {
    /// A refusal.
    pub fn new(reason: &'static str, cause: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            reason,
            cause: cause.into(),
            remedy,
        }
    }
}

/// Why a cluster cannot be used through its kubeconfig.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The kubeconfig is not usable.
    #[error("{0}")]
    Unusable(#[from] Refusal),
    /// A call failed.
    #[error("cannot {operation}: {cause}")]
    Call {
        /// What was asked for, such as `list namespaces`.
        operation: String,
        /// Why.
        reason: Reason,
        /// The innermost cause, or the server's words.
        cause: String,
        /// The call may have been carried out although no answer came.
        may_have_happened: bool,
    },
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// The server's certificate is made out to another name.
    TlsNameMismatch,
    /// The server's certificate is signed by another authority.
    CaMismatch,
    /// The server's certificate has expired or is not valid yet.
    ServerCertificateExpired,
    /// No answer in time.
    Timeout,
    /// Nothing listens there.
    Refused,
    /// No connection for another reason, such as a name that does not resolve.
    Unreachable,
    /// The server does not know the credential.
    Unauthorized,
    /// The server knows the credential, and it may not do this.
    Forbidden,
    /// It may do this, but what it sent is not let in: a quota, a limit, pod security, a webhook.
    NotAdmitted,
    /// There is no such object or API.
    NotFound,
    /// Somebody else changed or owns it.
    Conflict,
    /// The server refuses the content.
    Invalid,
    /// The server asks to wait, this long if it says.
    Throttled(Option<Duration>),
    /// The server failed.
    ServerError,
}

impl Reason {
    /// The word for a condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TlsNameMismatch => "TLSNameMismatch",
            Self::CaMismatch => "CAMismatch",
            Self::ServerCertificateExpired => "ServerCertificateExpired",
            Self::Timeout => "Timeout",
            Self::Refused => "Refused",
            Self::Unreachable => "Unreachable",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotAdmitted => "NotAdmitted",
            Self::NotFound => "NotFound",
            Self::Conflict => "Conflict",
            Self::Invalid => "Invalid",
            Self::Throttled(_) => "Throttled",
            Self::ServerError => "ServerError",
        }
    }

    /// What to do about it; below 60 characters.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::TlsNameMismatch => "set tlsServerName to a name in the certificate",
            Self::CaMismatch => "renew the kubeconfig with the cluster's current CA",
            Self::ServerCertificateExpired => "renew the API server's certificate",
            Self::Timeout | Self::Unreachable => "check the server and the network",
            Self::Refused => "check that the API server runs at this address",
            Self::Unauthorized => "renew the kubeconfig's credential",
            Self::Forbidden => "give the kubeconfig's identity this right",
            Self::NotAdmitted => "fit it to the quota or rule that refuses it, or change that",
            Self::NotFound => "create what is missing there first",
            Self::Conflict => "let one writer own it",
            Self::Invalid => "correct the manifest",
            Self::Throttled(_) => "wait; the server is busy",
            Self::ServerError => "look at the cluster's API server",
        }
    }
}

impl Error {
    /// The word for a condition.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unusable(refusal) => refusal.reason,
            Self::Call { reason, .. } => reason.as_str(),
        }
    }

    /// What to do.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Unusable(refusal) => refusal.remedy,
            Self::Call { reason, .. } => reason.remedy(),
        }
    }

    /// True when a call failed for this reason.
    pub fn is(&self, wanted: Reason) -> bool {
        matches!(self, Self::Call { reason, .. } if *reason == wanted)
    }

    /// A call that took longer than it may.
    pub(super) fn timeout(operation: &str, limit: Duration) -> Self {
        Self::Call {
            operation: operation.to_owned(),
            reason: Reason::Timeout,
            cause: format!("no answer within {} s", limit.as_secs()),
            may_have_happened: true,
        }
    }

    /// A call that the client gave up.
    pub fn call(operation: impl Into<String>, error: &kube::Error) -> Self {
        let (reason, cause) = match error {
            kube::Error::Api(status) => (of_status(status), shortened(&status.message)),
            kube::Error::Discovery(_) => (
                Reason::NotFound,
                "the cluster does not serve this kind".into(),
            ),
            other => (of_transport(other), innermost(other)),
        };
        let was_sent = matches!(
            reason,
            Reason::Timeout | Reason::Unreachable | Reason::ServerError
        );
        Self::Call {
            operation: operation.into(),
            reason,
            cause,
            may_have_happened: was_sent && !is_connect(error),
        }
    }
}

impl From<Error> for ExternalError {
    fn from(error: Error) -> Self {
        let failure = Failure::new(error.to_string(), error.remedy());
        let Error::Call { reason, .. } = error else {
            return Self::Invalid(failure);
        };
        match reason {
            Reason::Unauthorized | Reason::Forbidden => Self::Denied(failure),
            Reason::Invalid => Self::Invalid(failure),
            Reason::Throttled(retry_after) => Self::Throttled {
                retry_after,
                failure,
            },
            Reason::NotFound | Reason::Conflict | Reason::NotAdmitted | Reason::ServerError => {
                Self::Other(failure)
            }
            _ => Self::Unreachable(failure),
        }
    }
}

fn of_status(status: &kube::core::Status) -> Reason {
    match status.code {
        401 => Reason::Unauthorized,
        403 if is_of_admission(&status.message) => Reason::NotAdmitted,
        403 => Reason::Forbidden,
        404 => Reason::NotFound,
        409 => Reason::Conflict,
        429 => {
            let seconds = status
                .details
                .as_ref()
                .map_or(0, |details| details.retry_after_seconds);
            Reason::Throttled((seconds > 0).then(|| Duration::from_secs(seconds.into())))
        }
        408 | 504 => Reason::Timeout,
        400..=499 => Reason::Invalid,
        _ => Reason::ServerError,
    }
}

/// The authorizer names the user; whatever refuses after it does not.
fn is_of_admission(message: &str) -> bool {
    let refusal = message.split_once(" is forbidden: ");
    refusal.is_some_and(|(_, why)| !why.starts_with("User "))
        || message.contains(" denied the request")
}

fn of_transport(error: &kube::Error) -> Reason {
    let mut reason = Reason::Unreachable;
    for cause in causes(error) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return of_tls(tls);
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            reason = match io.kind() {
                io::ErrorKind::ConnectionRefused => Reason::Refused,
                io::ErrorKind::TimedOut => Reason::Timeout,
                _ => reason,
            };
        }
    }
    reason
}

fn of_tls(error: &rustls::Error) -> Reason {
    use CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                Reason::TlsNameMismatch
            }
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => Reason::ServerCertificateExpired,
            _ => Reason::CaMismatch,
        },
        rustls::Error::AlertReceived(_) => Reason::Unauthorized,
        _ => Reason::Unreachable,
    }
}

fn is_connect(error: &kube::Error) -> bool {
    causes(error).any(|cause| {
        cause.is::<rustls::Error>()
            || cause
                .downcast_ref::<hyper_util::client::legacy::Error>()
                .is_some_and(hyper_util::client::legacy::Error::is_connect)
    })
}

/// An error and what it was caused by. An `io::Error` hides what it wraps from `source`.
fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|wrapped| wrapped as &(dyn StdError + 'static));
        wrapped.or_else(|| error.source())
    })
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error)
        .last()
        .map(|last| shortened(&last.to_string()))
        .unwrap_or_default()
}

fn shortened(text: &str) -> String {
    let text = text.trim().trim_end_matches('.').replace(['\n', '\r'], " ");
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(error: impl StdError + Send + Sync + 'static) -> kube::Error {
        kube::Error::Service(Box::new(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    fn status(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(kube::core::Status {
            code,
            message: "said so.".into(),
            ..kube::core::Status::default()
        }))
    }

    fn reason(error: &kube::Error) -> &'static str {
        Error::call("look", error).reason()
    }

    #[test]
    fn a_failed_handshake_says_what_does_not_fit() {
        let certificate = |certificate| wrapped(rustls::Error::InvalidCertificate(certificate));
        let table = [
            (
                certificate(CertificateError::NotValidForName),
                "TLSNameMismatch",
            ),
            (certificate(CertificateError::UnknownIssuer), "CAMismatch"),
            (certificate(CertificateError::BadSignature), "CAMismatch"),
            (
                certificate(CertificateError::Expired),
                "ServerCertificateExpired",
            ),
            (
                wrapped(rustls::Error::AlertReceived(
                    rustls::AlertDescription::CertificateExpired,
                )),
                "Unauthorized",
            ),
        ];
        for (error, expected) in table {
            assert_eq!(reason(&error), expected);
        }
    }

    #[test]
    fn a_failed_connection_says_why() {
        let io = |kind: io::ErrorKind| kube::Error::Service(Box::new(io::Error::from(kind)));
        assert_eq!(reason(&io(io::ErrorKind::ConnectionRefused)), "Refused");
        assert_eq!(reason(&io(io::ErrorKind::TimedOut)), "Timeout");
        assert_eq!(reason(&io(io::ErrorKind::NotFound)), "Unreachable");
    }

    #[test]
    fn an_answer_is_classified_by_its_code() {
        let table = [
            (401, "Unauthorized", "denied"),
            (403, "Forbidden", "denied"),
            (404, "NotFound", "other"),
            (409, "Conflict", "other"),
            (422, "Invalid", "invalid"),
            (429, "Throttled", "throttled"),
            (500, "ServerError", "other"),
            (504, "Timeout", "unreachable"),
        ];
        for (code, expected, class) in table {
            let error = Error::call("look", &status(code));
            assert_eq!(error.reason(), expected);
            assert_eq!(ExternalError::from(error).class(), class, "{code}");
        }
    }

    #[test]
    fn what_a_quota_or_a_rule_refuses_is_no_missing_right() {
        let table = [
            (
                r#"pods is forbidden: User "a" cannot create resource "pods" in API group """#,
                "Forbidden",
            ),
            (
                r#"services "dev" is forbidden: exceeded quota: vc-dev, requested: services.nodeports=2"#,
                "NotAdmitted",
            ),
            (
                r#"pods "dev-0" is forbidden: violates PodSecurity "restricted:latest""#,
                "NotAdmitted",
            ),
            (
                r#"admission webhook "policy.example.org" denied the request: no"#,
                "NotAdmitted",
            ),
        ];
        for (message, expected) in table {
            let error = kube::Error::Api(Box::new(kube::core::Status {
                code: 403,
                message: message.to_owned(),
                ..kube::core::Status::default()
            }));
            assert_eq!(Error::call("apply", &error).reason(), expected, "{message}");
        }
    }

    #[test]
    fn every_remedy_fits_a_condition() {
        for reason in [
            Reason::TlsNameMismatch,
            Reason::CaMismatch,
            Reason::ServerCertificateExpired,
            Reason::Timeout,
            Reason::Refused,
            Reason::Unauthorized,
            Reason::Forbidden,
            Reason::NotAdmitted,
            Reason::NotFound,
            Reason::Throttled(None),
        ] {
            assert!(reason.remedy().len() < 60, "{}", reason.remedy());
        }
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert_eq!(
            shortened(&"ä".repeat(2000)).chars().count(),
            LONGEST_TEXT + 1
        );
    }
}
