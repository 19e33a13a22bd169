//! Tries a login and tells what came of it.
//!
//! The minted token lives ten minutes and is used once; the login is revoked when it has been used. What
//! Vault cannot answer now, because it is sealed or away, says nothing about the role and is an error.

use k8s_openapi::jiff::Timestamp;
use managed::{
    condition::{Claim, Truth},
    external::{ExternalError, Readiness},
    input::Value as Secret,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use vaultrs::client::VaultClient;

use super::{LoginProof, ProofObservation, VAULT_LOGIN_PROVEN};
use crate::kubeconfig::{Access, Error as ClusterError, token};
use crate::vault::{
    call::Call,
    error::Error,
    note::{fingerprint, now},
    path::checked,
    session::Session,
};

/// Life of the minted token in seconds; the shortest that Kubernetes grants.
const TOKEN_SECONDS: i64 = 600;
/// A proof is made anew after this many seconds.
const PROVEN_SECONDS: i64 = 3_600;
/// What could not be proven is tried again after this many seconds.
const RETRY_SECONDS: i64 = 60;

/// A login to try.
#[derive(Clone, Copy, Debug)]
pub(in crate::vault) struct Trial<'a> {
    /// What must hold.
    pub(in crate::vault) proof: &'a LoginProof,
    /// The auth method.
    pub(in crate::vault) mount: &'a str,
    /// The role.
    pub(in crate::vault) role: &'a str,
    /// Audience of the token.
    pub(in crate::vault) audience: &'a str,
    /// The kubeconfig.
    pub(in crate::vault) kubeconfig: &'a Secret,
    /// The fields of the role, and what differs from them.
    pub(in crate::vault) state: &'a str,
}

/// What came of a trial.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Proven,
    TokenRefused,
    LoginRefused,
    AllowedPathDenied,
    AllowedPathUnknown,
    DeniedPathReadable,
}

impl Outcome {
    const ALL: [Self; 6] = [
        Self::Proven,
        Self::TokenRefused,
        Self::LoginRefused,
        Self::AllowedPathDenied,
        Self::AllowedPathUnknown,
        Self::DeniedPathReadable,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "Proven",
            Self::TokenRefused => "TokenRefused",
            Self::LoginRefused => "LoginRefused",
            Self::AllowedPathDenied => "AllowedPathDenied",
            Self::AllowedPathUnknown => "AllowedPathUnknown",
            Self::DeniedPathReadable => "DeniedPathReadable",
        }
    }

    fn of(reason: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == reason)
    }
}

impl Trial<'_> {
    /// The last proof if it still holds, or a new one. `changed` is when this session last changed
    /// something that the proof depends on.
    pub(in crate::vault) async fn prove(
        &self,
        session: &Session,
        last: Option<&ProofObservation>,
        changed: Option<Timestamp>,
    ) -> Result<ProofObservation, ExternalError> {
        let print = self.fingerprint();
        match last {
            Some(last) if !is_due(last, &print, changed, now()) => Ok(last.clone()),
            _ => {
                let (outcome, message) = self.run(session).await?;
                Ok(ProofObservation {
                    at: now().to_string(),
                    reason: outcome.as_str().to_owned(),
                    message,
                    fingerprint: print,
                })
            }
        }
    }

    fn fingerprint(&self) -> String {
        let proof = serde_json::to_vec(self.proof).unwrap_or_default();
        let parts: [&[u8]; 6] = [
            &proof,
            self.mount.as_bytes(),
            self.role.as_bytes(),
            self.audience.as_bytes(),
            self.kubeconfig.expose(),
            self.state.as_bytes(),
        ];
        fingerprint(&parts)
    }

    async fn run(&self, session: &Session) -> Result<(Outcome, String), ExternalError> {
        let account = &self.proof.service_account;
        let who = format!("{}/{}", account.namespace, account.name);
        let jwt = match self.mint(session).await {
            Ok(token) => token.token,
            Err(error) => {
                let message = format!("{error}; {}", error.remedy());
                return Ok((Outcome::TokenRefused, message));
            }
        };
        let jwt = SecretString::from(jwt.expose_str().unwrap_or_default());
        let client = match session.enter(self.mount, self.role, &jwt).await {
            Ok(client) => client,
            Err(error) => {
                let words = answered(error)?;
                let message = format!(
                    "vault refuses ServiceAccount {who} with audience {} as role {}: {words}; check bindings, audience and the auth method's config",
                    self.audience, self.role
                );
                return Ok((Outcome::LoginRefused, message));
            }
        };
        let verdict = self.read(session, &client, &who).await;
        session.leave(&client).await;
        verdict
    }

    async fn mint(&self, session: &Session) -> Result<token::Token, ClusterError> {
        let remote = session.remotes().open(&Access::parse(self.kubeconfig)?)?;
        let account = &self.proof.service_account;
        let audiences = vec![self.audience.to_owned()];
        let account = (account.namespace.as_str(), account.name.as_str());
        token::request(&remote.client, account, audiences, TOKEN_SECONDS).await
    }

    /// Reads what must be readable and what must not.
    async fn read(
        &self,
        session: &Session,
        client: &VaultClient,
        who: &str,
    ) -> Result<(Outcome, String), ExternalError> {
        let (allowed, denied) = (&self.proof.allowed_path, &self.proof.denied_path);
        let reading = Call::get(checked("proof.allowedPath", allowed)?);
        match session.send_as(client, &reading).await {
            Ok(_) => {}
            Err(Error::Denied { policy, .. }) => {
                let message =
                    format!("the login cannot read {allowed}; add to its policy: {policy}");
                return Ok((Outcome::AllowedPathDenied, message));
            }
            Err(error) => {
                let message = format!(
                    "vault knows no {allowed}: {}; correct allowedPath",
                    answered(error)?
                );
                return Ok((Outcome::AllowedPathUnknown, message));
            }
        }
        let reading = Call::get(checked("proof.deniedPath", denied)?);
        let is_refused = match session.send_as(client, &reading).await {
            Err(Error::Denied { .. }) => true,
            Err(error) => answered(error).map(|_| false)?,
            Ok(_) => false,
        };
        Ok(if is_refused {
            let message =
                format!("ServiceAccount {who} logs in, reads {allowed} and is refused {denied}");
            (Outcome::Proven, message)
        } else {
            let message = format!("the login can read {denied}; narrow the role's policies");
            (Outcome::DeniedPathReadable, message)
        })
    }
}

/// The condition and the readiness that follow from a proof.
pub(in crate::vault) fn verdict(proof: &ProofObservation) -> (Claim, Readiness) {
    let outcome = Outcome::of(&proof.reason).unwrap_or(Outcome::LoginRefused);
    let (truth, ready) = match outcome {
        Outcome::Proven => (Truth::True, Readiness::Ready),
        Outcome::TokenRefused => (Truth::Unknown, Readiness::NotReady(proof.message.clone())),
        _ => (Truth::False, Readiness::NotReady(proof.message.clone())),
    };
    let claim = Claim::new(VAULT_LOGIN_PROVEN, truth, outcome.as_str(), &proof.message);
    (claim, ready)
}

/// Seconds from now until the proof is made anew.
pub(in crate::vault) fn life(proof: &ProofObservation) -> u64 {
    let seconds = if proof.reason == Outcome::Proven.as_str() {
        PROVEN_SECONDS
    } else {
        RETRY_SECONDS
    };
    let left = age(proof, now()).map_or(0, |age| seconds - age);
    u64::try_from(left).unwrap_or(0).max(1)
}

fn is_due(
    last: &ProofObservation,
    print: &str,
    changed: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let at: Option<Timestamp> = last.at.parse().ok();
    let is_proven = last.reason == Outcome::Proven.as_str();
    let limit = if is_proven {
        PROVEN_SECONDS
    } else {
        RETRY_SECONDS
    };
    let is_old = age(last, now).is_none_or(|age| age >= limit);
    let is_outdated = changed.is_some_and(|changed| at.is_none_or(|at| at <= changed));
    last.fingerprint != print || is_old || is_outdated
}

fn age(proof: &ProofObservation, now: Timestamp) -> Option<i64> {
    let at: Timestamp = proof.at.parse().ok()?;
    // A clock that was set back makes no proof last longer.
    Some(now.as_second() - at.as_second()).filter(|age| *age >= 0)
}

/// The words of an answer; an error when there was none.
fn answered(error: Error) -> Result<String, ExternalError> {
    match error {
        Error::Denied { cause, .. }
        | Error::Refused { cause, .. }
        | Error::Mount { cause, .. }
        | Error::LoginRefused { cause, .. } => Ok(cause),
        other => Err(other.into()),
    }
}

impl Session {
    /// Logs in through a role with a token of somebody else's.
    async fn enter(
        &self,
        mount: &str,
        role: &str,
        jwt: &SecretString,
    ) -> Result<VaultClient, Error> {
        let body = json!({ "role": role, "jwt": jwt.expose_secret() });
        let call = Call::post(format!("auth/{mount}/login"), &body);
        let reply = self.send_as(&self.client("")?, &call).await?;
        let token = reply.body["auth"]["client_token"].as_str();
        self.client(token.ok_or_else(|| Error::Garbled {
            operation: call.operation(),
        })?)
    }

    /// Revokes a login. A token that cannot be revoked, such as a batch token, ends by itself.
    async fn leave(&self, client: &VaultClient) {
        let call = Call::post("auth/token/revoke-self", &json!({}));
        let _ends_by_itself = self.send_as(client, &call).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(reason: &str, seconds: i64) -> ProofObservation {
        ProofObservation {
            at: Timestamp::from_second(seconds).unwrap().to_string(),
            reason: reason.into(),
            message: "m".into(),
            fingerprint: "f".into(),
        }
    }

    #[test]
    fn a_proof_holds_for_an_hour_and_until_something_changes() {
        let now = Timestamp::from_second(100_000).unwrap();
        let changed = |seconds| Some(Timestamp::from_second(seconds).unwrap());
        // reason, made at, fingerprint, changed at, is made anew
        let table = [
            ("Proven", 99_990, "f", None, false),
            ("Proven", 96_401, "f", None, false),
            ("Proven", 96_400, "f", None, true),
            ("Proven", 99_990, "g", None, true),
            ("Proven", 99_990, "f", changed(99_000), false),
            ("Proven", 99_990, "f", changed(99_990), true),
            ("LoginRefused", 99_990, "f", None, false),
            ("LoginRefused", 99_940, "f", None, true),
            ("Proven", 100_010, "f", None, true),
        ];
        for (reason, at, print, changed, due) in table {
            let last = proof(reason, at);
            assert_eq!(
                is_due(&last, print, changed, now),
                due,
                "{reason} {at} {print}"
            );
        }
        let unreadable = ProofObservation {
            at: "soon".into(),
            ..proof("Proven", 0)
        };
        assert!(is_due(&unreadable, "f", None, now));
    }

    #[test]
    fn only_what_was_proven_is_ready() {
        for outcome in Outcome::ALL {
            let (claim, ready) = verdict(&proof(outcome.as_str(), 0));
            assert_eq!(claim.reason, outcome.as_str());
            assert_eq!(ready == Readiness::Ready, outcome == Outcome::Proven);
        }
    }
}
