//! Tries a login and tells what came of it.
//!
//! The minted token lives ten minutes and is used once; the login is revoked when it has been used. What
//! Vault cannot answer now, because it is sealed or away, says nothing about the role and is an error.

use k8s_openapi::jiff::Timestamp;
use managed::{external::ExternalError, input::Value as Secret};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use vaultrs::client::VaultClient;

use super::{
    LoginProof, ProofObservation,
    record::{Outcome, is_due, noted},
};
use crate::kubeconfig::{Access, Error as ClusterError, token};
use crate::patience::Patience;
use crate::vault::{
    call::Call,
    error::Error,
    note::{fingerprint, now},
    path::checked,
    session::Session,
};

/// Life of the minted token in seconds; the shortest that Kubernetes grants.
const TOKEN_SECONDS: i64 = 600;
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
        let (outcome, message) = match last {
            Some(last) if !is_due(last, &print, changed, now()) => return Ok(last.clone()),
            Some(_) => self.run(session).await?,
            None => self.run_first(session).await?,
        };
        Ok(noted(last, outcome, message, print, now()))
    }

    /// The account, the auth method's config and the policy may be made at the same moment as the role.
    async fn run_first(&self, session: &Session) -> Result<(Outcome, String), ExternalError> {
        let mut patience = Patience::new();
        loop {
            let (outcome, message) = self.run(session).await?;
            if !outcome.may_be_early() || !patience.is_left().await {
                return Ok((outcome, message));
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
