//! Reads, writes and deletes policies.

use std::collections::BTreeSet;

use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};
use serde_json::json;

use super::{Policy, PolicyObservation, document};
use crate::vault::{
    call::Call,
    error::Error,
    mark::{Claim, Mark},
    note::now,
    path::checked,
    session::Session,
};

impl ExternalClient<Policy> for Session {
    async fn observe(
        &self,
        desired: &Desired<Policy>,
    ) -> Result<Observation<Policy>, ExternalError> {
        let Some(found) = self.policy(&desired.parameters.name).await? else {
            return Ok(Observation::Absent);
        };
        let (me, mark) = (Mark::of(&desired.owner, self.cluster()), Mark::find(&found));
        let object = format!("policy {}", desired.parameters.name);
        let claim = Claim::of(desired, &object, &me, mark.as_ref());
        let at_provider = PolicyObservation {
            name: desired.parameters.name.clone(),
            paths: document::paths(&found),
        };
        if desired.deleting {
            let observed = Observation::present(at_provider, Vec::new());
            return Ok(if claim.is_mine() {
                observed
            } else {
                Observation::Absent
            });
        }
        claim.check(desired.parameters.adopt)?;
        let mut drift = document::drift(&wanted(desired), &found);
        drift.extend(claim.drift());
        Ok(Observation::present(at_provider, drift))
    }

    fn ledger(&self, desired: &Desired<Policy>) -> BTreeSet<String> {
        [desired.parameters.name.clone()].into()
    }

    async fn create(&self, desired: &Desired<Policy>) -> Result<ConnectionDetails, ExternalError> {
        let mark = Mark::of(&desired.owner, self.cluster()).text();
        let body = json!({ "policy": format!("# {mark}\n{}", wanted(desired)) });
        let call = Call::post(api(&desired.parameters.name)?, &body).showing_all_but([]);
        self.change(&call).await.map_err(refused)?;
        let policy = format!("policy {}", desired.parameters.name);
        self.known().written.put(&policy, now());
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<Policy>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, desired: &Desired<Policy>) -> Result<(), ExternalError> {
        Ok(self
            .change(&Call::delete(api(&desired.parameters.name)?))
            .await?)
    }
}

impl Session {
    /// The text of a policy.
    async fn policy(&self, name: &str) -> Result<Option<String>, Error> {
        let call = Call::get(api(name)?);
        let reply = self.send(&call).await?;
        match (reply.not_found, reply.data()["policy"].as_str()) {
            (true, _) => Ok(None),
            (false, Some(text)) => Ok(Some(text.to_owned())),
            (false, None) => Err(Error::Garbled {
                operation: call.operation(),
            }),
        }
    }
}

fn api(name: &str) -> Result<String, Error> {
    Ok(format!("sys/policies/acl/{}", checked("name", name)?))
}

fn wanted(desired: &Desired<Policy>) -> String {
    match (&desired.parameters.hcl, &desired.parameters.rules) {
        (Some(text), _) => text.replace("\r\n", "\n"),
        (None, rules) => document::text(&document::rights(rules.as_deref().unwrap_or_default())),
    }
}

/// A policy that the server cannot read will not be read the next time either.
fn refused(error: Error) -> ExternalError {
    match error {
        Error::Refused {
            status: 400, cause, ..
        } => ExternalError::invalid(
            format!("vault refuses the policy: {cause}"),
            "correct hcl or rules",
        ),
        other => other.into(),
    }
}
