//! The token that Vault presents when it asks a cluster about other tokens.
//!
//! Vault never returns it, so what is known of it is what was noted when it was written. One that is
//! minted is renewed when four fifths of its life are over, and when the kubeconfig changes, because
//! then the cluster may be another one.

use k8s_openapi::jiff::Timestamp;
use managed::{
    Drift, Shown,
    drift::SENSITIVE,
    external::{Desired, ExternalError},
    input::Value as Secret,
};
use serde_json::Value;

use super::{KubernetesAuthConfig, Reviewer, ReviewerObservation};
use crate::kubeconfig::{Access, token};
use crate::vault::{
    duration::Ttl,
    note::{fingerprint, now},
    proof::ServiceAccount,
    session::Session,
};

/// Life of a minted token in seconds when the spec says nothing.
const DEFAULT_SECONDS: u64 = 86_400;
/// The shortest life that Kubernetes grants, in seconds.
const SHORTEST_SECONDS: u64 = 600;

/// Where the token comes from.
#[derive(Clone, Debug)]
pub(super) enum Source<'a> {
    /// A Secret.
    Given(&'a Secret),
    /// The cluster.
    Minted {
        /// The way to it.
        kubeconfig: &'a Secret,
        /// Whose token it is.
        account: &'a ServiceAccount,
        /// Its life in seconds.
        seconds: u64,
    },
}

impl<'a> Source<'a> {
    /// What the spec asks for; `None` when whoever logs in asks for himself.
    pub(super) fn of(
        desired: &'a Desired<KubernetesAuthConfig>,
    ) -> Result<Option<Self>, ExternalError> {
        let Some(reviewer) = &desired.parameters.reviewer else {
            return Ok(None);
        };
        let value = |reference| {
            let input = managed::input::Input::secret(reference);
            desired.inputs.value(&input).ok_or_else(|| {
                let cause = format!("{input} does not exist");
                ExternalError::blocked(input.to_string(), cause, "create it")
            })
        };
        match reviewer {
            Reviewer {
                jwt_secret_ref: Some(reference),
                ..
            } => Ok(Some(Self::Given(value(reference)?))),
            Reviewer {
                kubeconfig_secret_ref: Some(reference),
                service_account: Some(account),
                ttl,
                ..
            } => Ok(Some(Self::Minted {
                kubeconfig: value(reference)?,
                account,
                seconds: ttl
                    .as_ref()
                    .and_then(Ttl::seconds)
                    .unwrap_or(DEFAULT_SECONDS)
                    .max(SHORTEST_SECONDS),
            })),
            _ => Err(ExternalError::invalid(
                "reviewer names neither a token nor a ServiceAccount",
                "set jwtSecretRef, or kubeconfigSecretRef",
            )),
        }
    }

    fn fingerprint(&self) -> String {
        match self {
            Self::Given(token) => fingerprint(&[token.expose()]),
            Self::Minted {
                kubeconfig,
                account,
                seconds,
            } => fingerprint(&[
                kubeconfig.expose(),
                account.namespace.as_bytes(),
                account.name.as_bytes(),
                &seconds.to_be_bytes(),
            ]),
        }
    }

    /// The token, and what is noted of it.
    pub(super) async fn obtain(
        &self,
        session: &Session,
    ) -> Result<(Secret, ReviewerObservation), ExternalError> {
        let fingerprint = self.fingerprint();
        let (token, expires) = match self {
            Self::Given(token) => ((*token).clone(), None),
            Self::Minted {
                account, seconds, ..
            } if let Some(rehearsal) = session.rehearsal() => {
                let account = format!("ServiceAccount {}/{}", account.namespace, account.name);
                rehearsal.note(account, format!("request a token for {seconds} s"));
                (Secret::from(SENSITIVE), None)
            }
            Self::Minted {
                kubeconfig,
                account,
                seconds,
            } => {
                let minted = mint(session, kubeconfig, account, *seconds).await?;
                (minted.token, Some(minted.expires))
            }
        };
        let noted = ReviewerObservation {
            fingerprint,
            expires_at: expires.map(|expires| expires.to_string()),
            renew_at: expires.map(|expires| renewal(now(), expires).to_string()),
        };
        Ok((token, noted))
    }
}

async fn mint(
    session: &Session,
    kubeconfig: &Secret,
    account: &ServiceAccount,
    seconds: u64,
) -> Result<token::Token, ExternalError> {
    let remote = session.remotes().open(&Access::parse(kubeconfig)?)?;
    let account = (account.namespace.as_str(), account.name.as_str());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Ok(token::request_patiently(&remote.client, account, seconds).await?)
}

/// When a token is renewed that is issued now.
fn renewal(now: Timestamp, expires: Timestamp) -> Timestamp {
    let life = expires.as_second() - now.as_second();
    Timestamp::from_second(now.as_second() + life / 5 * 4).unwrap_or(now)
}

/// True when the token is to be replaced only because its end is near.
pub(super) fn is_due(source: Option<&Source<'_>>, known: Option<&ReviewerObservation>) -> bool {
    let (Some(source), Some(known)) = (source, known) else {
        return false;
    };
    known.fingerprint == source.fingerprint() && is_ageing(known, now())
}

fn is_ageing(known: &ReviewerObservation, now: Timestamp) -> bool {
    let renew_at = known.renew_at.as_deref().unwrap_or_default();
    renew_at.parse::<Timestamp>().is_ok_and(|at| now >= at)
}

/// What differs between the token that is wanted and what is known of the one that Vault holds.
pub(super) fn drift(
    wanted: Option<&Source<'_>>,
    known: Option<&ReviewerObservation>,
    found: &Value,
    now: Timestamp,
) -> Option<Drift> {
    let differs = |desired, observed| {
        Some(Drift {
            field: "reviewer".into(),
            desired,
            observed,
        })
    };
    // Servers that do not say whether there is one are believed to have what was written.
    let is_set = found["token_reviewer_jwt_set"].as_bool();
    match (wanted, known) {
        (None, _) if is_set == Some(true) => differs(Shown::absent(), Shown::secret()),
        (None, _) => None,
        (Some(_), _) if is_set == Some(false) => differs(Shown::secret(), Shown::absent()),
        (Some(wanted), Some(known)) if known.fingerprint == wanted.fingerprint() => {
            let ends = known.expires_at.as_deref().unwrap_or_default();
            let observed = Shown::plain(format!("a token that ends at {ends}"));
            is_ageing(known, now).then(|| differs(Shown::plain("a fresh token"), observed))?
        }
        (Some(_), _) => differs(Shown::secret(), Shown::secret()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_renewed_when_four_fifths_of_its_life_are_over() {
        let time = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(renewal(time(1_000), time(2_000)), time(1_800));
    }

    #[test]
    fn the_token_is_written_anew_when_it_is_missing_another_or_ageing() {
        let time = |seconds| Timestamp::from_second(seconds).unwrap();
        let (token, other) = (Secret::from("canary"), Secret::from("other"));
        let (wanted, another) = (Source::Given(&token), Source::Given(&other));
        let known = ReviewerObservation {
            fingerprint: wanted.fingerprint(),
            expires_at: Some(time(2_000).to_string()),
            renew_at: Some(time(1_800).to_string()),
        };
        let (set, unset) = (
            json!({"token_reviewer_jwt_set": true}),
            json!({"token_reviewer_jwt_set": false}),
        );
        // wanted, known, found, now, is written
        let table = [
            (None, None, &unset, 1_000, false),
            (None, Some(&known), &set, 1_000, true),
            (Some(&wanted), Some(&known), &set, 1_799, false),
            (Some(&wanted), Some(&known), &set, 1_800, true),
            (Some(&wanted), Some(&known), &unset, 1_000, true),
            (Some(&wanted), None, &set, 1_000, true),
            (Some(&another), Some(&known), &set, 1_000, true),
            (Some(&wanted), Some(&known), &Value::Null, 1_000, false),
        ];
        for (wanted, known, found, at, expected) in table {
            let drift = drift(wanted, known, found, time(at));
            assert_eq!(
                drift.is_some(),
                expected,
                "{wanted:?} {known:?} {found} {at}"
            );
            assert!(!format!("{drift:?} {wanted:?}").contains("canary"));
        }
    }
}
