//! Has the token minted, proves it, and tells when it must be renewed.
//!
//! | key | value |
//! |---|---|
//! | `token` | the token |
//! | `kubeconfig` | kubeconfig in YAML with one context, with the token as its credential |
//! | `endpoint` | `https` URL of the API server |
//! | `ca-cert` | CA in PEM |

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::core::GroupVersionKind;
use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
    input::Value,
};
use serde_json::Value as Json;

use super::{AccountName, ServiceAccountToken, ServiceAccountTokenObservation};
use crate::{
    kubeconfig::{Access, Credential, Reason, probe, token},
    kubernetes::{
        Session,
        health::{self, clock},
        object::ObjectRef,
        source,
        status::CredentialStatus,
    },
    patience::Patience,
};

/// Key of the token, and the field that differs when there is another to be had.
const TOKEN: &str = "token";
/// Life of a token if the spec says nothing, in seconds.
const DAY: i64 = 86_400;
/// How soon a token that could not be tried is tried again.
const RETRY: Duration = Duration::from_secs(15);

impl ExternalClient<ServiceAccountToken> for Session {
    async fn observe(
        &self,
        desired: &Desired<ServiceAccountToken>,
    ) -> Result<Observation<ServiceAccountToken>, ExternalError> {
        // A token cannot be taken back.
        if desired.deleting {
            return Ok(Observation::Absent);
        }
        let access = access(desired)?;
        let stored = stored(desired)?;
        let uid = self.account(&access, desired, stored.is_some()).await?;
        match stored {
            None => Ok(Observation::Absent),
            Some(token) => self.judge(access, desired, token, &uid).await,
        }
    }

    async fn create(
        &self,
        desired: &Desired<ServiceAccountToken>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let access = access(desired)?;
        stored(desired)?;
        let parameters = &desired.parameters;
        let AccountName { namespace, name } = &parameters.service_account;
        let seconds = parameters.expiration_seconds.unwrap_or(DAY);
        let token = token::proven(self.remotes(), &access, (namespace, name), seconds).await?;
        Ok(details(
            &access.with(Credential::Token(token.clone())),
            token,
            &desired.owner.name,
        ))
    }

    async fn update(
        &self,
        desired: &Desired<ServiceAccountToken>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, _desired: &Desired<ServiceAccountToken>) -> Result<(), ExternalError> {
        Ok(())
    }
}

impl Session {
    /// UID of the account. One that is not there yet may be made at this moment.
    async fn account(
        &self,
        access: &Access,
        desired: &Desired<ServiceAccountToken>,
        was_there: bool,
    ) -> Result<String, ExternalError> {
        let remote = self.remotes().open(access)?;
        let object = object(&desired.parameters.service_account);
        let mut patience = Patience::new();
        loop {
            let live = remote.get(&object).await?;
            if let Some(uid) = live.as_ref().and_then(uid) {
                return Ok(uid);
            }
            if was_there || !patience.is_left().await {
                let cause = format!("{object} does not exist in the cluster");
                let remedy = "create it, or correct serviceAccount";
                return Err(ExternalError::blocked(object.to_string(), cause, remedy));
            }
        }
    }

    async fn judge(
        &self,
        access: Access,
        desired: &Desired<ServiceAccountToken>,
        token: &Value,
        uid: &str,
    ) -> Result<Observation<ServiceAccountToken>, ExternalError> {
        let AccountName { namespace, name } = &desired.parameters.service_account;
        let due = token::due(token, namespace, name, uid);
        let left = due.and_then(|due| token::left(due, clock()));
        let access = access.with(Credential::Token(token.clone()));
        let proof = probe::identity(&self.remotes().open(&access)?.client).await;
        let is_refused = matches!(&proof, Err(error) if error.is(Reason::Unauthorized));
        let is_due = due.is_some() && left.is_none() && !is_refused;
        let at_provider = at_provider(&access, token, due, proof.as_ref().ok());
        let observed = match left {
            Some(left) if !is_refused => Observation::present(at_provider, Vec::new())
                .publishing(details(&access, token.clone(), &desired.owner.name))
                .again_within(if proof.is_ok() { left } else { RETRY }),
            _ => Observation::present(at_provider, vec![Drift::secret(TOKEN)])
                .renewing(is_due.then_some(TOKEN)),
        };
        let (ready, claim) = health::credential(&proof);
        Ok(observed.being(ready).telling(vec![claim]))
    }
}

fn access(desired: &Desired<ServiceAccountToken>) -> Result<Access, ExternalError> {
    let source = desired.parameters.source();
    Ok(source::access(&source, &desired.inputs)?)
}

/// The token in the connection Secret; an error when there is to be no such Secret.
fn stored(desired: &Desired<ServiceAccountToken>) -> Result<Option<&Value>, ExternalError> {
    if desired.connection.is_none() {
        return Err(ExternalError::invalid(
            "there is no Secret to write the token to",
            "set spec.writeConnectionSecretToRef",
        ));
    }
    let token = desired.stored(TOKEN);
    Ok(token.filter(|token| !token.expose().is_empty()))
}

fn details(access: &Access, token: Value, name: &str) -> ConnectionDetails {
    let mut details = ConnectionDetails::none()
        .with(TOKEN, token)
        .with("kubeconfig", access.kubeconfig(name))
        .with("endpoint", access.server.as_str());
    if let Some(ca) = &access.ca {
        details.insert("ca-cert", ca.as_str());
    }
    details
}

fn object(account: &AccountName) -> ObjectRef {
    ObjectRef {
        kind: GroupVersionKind::gvk("", "v1", "ServiceAccount"),
        namespace: Some(account.namespace.clone()),
        name: account.name.clone(),
    }
}

fn uid(live: &Json) -> Option<String> {
    live["metadata"]["uid"].as_str().map(str::to_owned)
}

fn at_provider(
    access: &Access,
    token: &Value,
    due: Option<Timestamp>,
    username: Option<&Option<String>>,
) -> ServiceAccountTokenObservation {
    let expires = token::claims(token).expires;
    ServiceAccountTokenObservation {
        endpoint: Some(access.server.clone()),
        credential: CredentialStatus {
            kind: Some(access.credential.kind().to_owned()),
            username: username.cloned().flatten(),
            expires_at: expires.map(|time| time.to_string()),
        },
        renew_at: due.map(|time| time.to_string()),
    }
}
