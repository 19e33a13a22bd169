//! Looks at a cluster through its kubeconfig and says what is to be said about it. The same for every
//! kind of cluster.
//!
//! | found | Ready | `KubeconfigAvailable` | `APIReachable` | `CertificateValid` | published |
//! |---|---|---|---|---|---|
//! | the kubeconfig is refused | no | False | Unknown | Unknown | nothing |
//! | a call fails | no | True | False | as its dates say | nothing |
//! | the credential is proven | yes | True | True | as its dates say | everything |
//!
//! What was published before stays when nothing is published now.

use std::time::{Duration, SystemTime};

use k8s_openapi::jiff::Timestamp;
use managed::{
    ConnectionDetails,
    condition::{Claim, Truth},
    external::Readiness,
};

use super::{
    connection,
    status::{
        API_REACHABLE, CERTIFICATE_VALID, CertificateStatus, ClusterStatus, CredentialStatus,
        KUBECONFIG_AVAILABLE,
    },
};
use crate::kubeconfig::{
    Access, Credential, Error, Remotes,
    certificate::{self, Facts},
    issuer::{self, Issuer},
    probe::{self, Proof},
    token,
};

/// A certificate with less time left than this is said to expire soon.
const SOON: Duration = Duration::from_hours(30 * 24);
/// How soon a cluster that cannot be used is looked at again.
const RETRY: Duration = Duration::from_secs(15);
/// The longest wait that is asked for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// What is to be said about a cluster.
#[derive(Clone, Debug)]
pub struct Health {
    /// For `status.atProvider`.
    pub status: ClusterStatus,
    /// `KubeconfigAvailable`, `APIReachable`, `CertificateValid`.
    pub conditions: Vec<Claim>,
    /// Whether it can be used.
    pub ready: Readiness,
    /// Connection details; none unless the credential was proven.
    pub details: ConnectionDetails,
    /// Look again no later than after this; `None` when a change of the kubeconfig is awaited.
    pub look_again: Option<Duration>,
}

/// What the calls to a cluster returned.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The proof of the credential.
    pub proof: Result<Proof, Error>,
    /// Who signs the cluster's tokens. An error makes nothing unusable.
    pub issuer: Result<Issuer, Error>,
}

/// Looks at a cluster. `name` becomes the context of the published kubeconfig.
pub async fn look(remotes: &Remotes, access: Result<Access, Error>, name: &str) -> Health {
    let access = match access {
        Ok(access) => access,
        Err(error) => return unusable(&error),
    };
    let answers = match remotes.open(&access) {
        Ok(remote) => ask(&remote.client).await,
        Err(error) => return unusable(&error),
    };
    judge(&access, answers, name, clock())
}

/// Asks a cluster for everything that is judged.
pub async fn ask(client: &kube::Client) -> Answers {
    let proof = probe::prove(client).await;
    let issuer = match &proof {
        Ok(_) => issuer::read(client).await,
        Err(error) => Err(error.clone()),
    };
    Answers { proof, issuer }
}

/// What time it is here. Nobody below decides by it without being given it.
pub(super) fn clock() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether a credential can be used, and the condition that tells.
pub(super) fn credential<T>(proof: &Result<T, Error>) -> (Readiness, Claim) {
    match proof {
        Ok(_) => {
            let claim = Claim::new(API_REACHABLE, Truth::True, "CredentialProven", "");
            (Readiness::Ready, claim)
        }
        Err(error) => {
            let said = message(error);
            let claim = Claim::new(API_REACHABLE, Truth::False, error.reason(), said.as_str());
            (Readiness::NotReady(said), claim)
        }
    }
}

/// What is to be said about a kubeconfig that cannot be used.
pub fn unusable(error: &Error) -> Health {
    let unknown = |kind| Claim::new(kind, Truth::Unknown, "NoKubeconfig", "");
    Health {
        status: ClusterStatus::default(),
        conditions: vec![
            Claim::new(
                KUBECONFIG_AVAILABLE,
                Truth::False,
                error.reason(),
                message(error),
            ),
            unknown(API_REACHABLE),
            unknown(CERTIFICATE_VALID),
        ],
        ready: Readiness::NotReady(message(error)),
        details: ConnectionDetails::none(),
        look_again: None,
    }
}

/// What is to be said about a kubeconfig and what its cluster answered. Pure; the cluster's own time
/// goes before `now`.
pub fn judge(access: &Access, answers: Answers, name: &str, now: Timestamp) -> Health {
    let now = answers
        .proof
        .as_ref()
        .ok()
        .and_then(|proof| proof.now)
        .unwrap_or(now);
    let facts = certificate::facts(access);
    let expires = expiry(access, &facts);
    let issuer = answers.issuer.ok();
    let mut health = Health {
        status: status(access, &facts, expires),
        conditions: vec![
            Claim::new(KUBECONFIG_AVAILABLE, Truth::True, "Available", ""),
            credential(&answers.proof).1,
            valid(&facts, expires, now),
        ],
        ready: Readiness::Ready,
        details: ConnectionDetails::none(),
        look_again: next_look(expires, now),
    };
    match answers.proof {
        Ok(proof) => {
            health.details = connection::details(access, name, issuer.as_ref());
            health.status.kubernetes_version = Some(proof.version);
            health.status.credential.username = proof.username;
            health.status.issuer = issuer.map(|issuer| issuer.issuer);
        }
        Err(error) => {
            health.ready = Readiness::NotReady(message(&error));
            health.look_again = Some(RETRY);
        }
    }
    health
}

fn message(error: &Error) -> String {
    format!("{error}; {}", error.remedy())
}

fn expiry(access: &Access, facts: &Facts) -> Option<Timestamp> {
    match &access.credential {
        Credential::ClientCertificate { .. } => facts.not_after,
        Credential::Token(token) => token::claims(token).expires,
    }
}

fn status(access: &Access, facts: &Facts, expires: Option<Timestamp>) -> ClusterStatus {
    let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
    ClusterStatus {
        endpoint: Some(access.server.clone()),
        credential: CredentialStatus {
            kind: Some(access.credential.kind().to_owned()),
            username: None,
            expires_at: text(expires),
        },
        certificate: CertificateStatus {
            not_before: text(facts.not_before),
            not_after: text(facts.not_after),
            fingerprint: facts.fingerprint.clone(),
            ca_not_after: text(facts.ca_not_after),
        },
        ..ClusterStatus::default()
    }
}

fn valid(facts: &Facts, expires: Option<Timestamp>, now: Timestamp) -> Claim {
    let claim =
        |truth, reason, message: String| Claim::new(CERTIFICATE_VALID, truth, reason, message);
    let remedy = "renew the kubeconfig";
    let soon = now.checked_add(SOON).unwrap_or(Timestamp::MAX);
    let credential = if facts.not_after.is_some() {
        "client certificate"
    } else {
        "token"
    };
    let ends = [("CA", facts.ca_not_after), (credential, expires)];
    let mut ends = ends
        .into_iter()
        .filter_map(|(what, end)| Some((end?, what)));
    if let Some(begin) = facts.not_before.filter(|begin| *begin > now) {
        let message =
            format!("the client certificate is not valid before {begin}; wait, or set the clock");
        return claim(Truth::False, "NotYetValid", message);
    }
    match ends.clone().min() {
        Some((end, what)) if end <= now => claim(
            Truth::False,
            "Expired",
            format!("the {what} expired at {end}; {remedy}"),
        ),
        // Tokens live for hours; what renews them does so in time.
        _ => match ends.find(|(end, what)| *end <= soon && *what != "token") {
            Some((end, what)) => claim(
                Truth::False,
                "ExpiringSoon",
                format!("the {what} expires at {end}; {remedy}"),
            ),
            None => claim(Truth::True, "Valid", String::new()),
        },
    }
}

/// When the dates will say something else.
fn next_look(expires: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let left = expires?.duration_since(now);
    let left = Duration::try_from(left).unwrap_or_default();
    Some(left.clamp(RETRY, LONGEST_WAIT))
}

#[cfg(test)]
mod tests;
