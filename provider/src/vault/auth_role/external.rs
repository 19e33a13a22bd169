//! Reads, writes, proves and deletes roles of auth methods, of whatever type.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::Timestamp;
use managed::{
    ConnectionDetails, Drift, Kind,
    condition::{Claim, Truth},
    external::{Desired, ExternalClient, ExternalError, Observation, Readiness},
};
use serde_json::{Map, Value};

use super::{AuthRoleObservation, overlap};
use crate::vault::{
    adoption::Adopt,
    auth_method::{Seen, Subject, mount},
    field::Fields,
    note::now,
    proof::{LoginProof, ProofObservation, Trial, VAULT_LOGIN_PROVEN, life, verdict},
    session::Session,
    token::TokenParameters,
};

/// What tells one kind of role from another.
pub(in crate::vault) trait AuthRole:
    Kind<Observation = AuthRoleObservation>
{
    /// The auth method, if the spec names it or a reference was resolved.
    fn mount(parameters: &Self::Parameters) -> Option<&str>;
    /// Name of the role.
    fn name(parameters: &Self::Parameters) -> &str;
    /// Whether a role that is there may be taken over.
    fn adopt(parameters: &Self::Parameters) -> Adopt;
    /// Every field of the role.
    fn fields(parameters: &Self::Parameters) -> Fields;
    /// The tokens that a login gets.
    fn token(parameters: &Self::Parameters) -> &TokenParameters;
    /// The first audience of the role.
    fn audience(parameters: &Self::Parameters) -> &str;
    /// A login to try.
    fn proof(parameters: &Self::Parameters) -> Option<&LoginProof>;
    /// Whether another role, as Vault shows it, lets in somebody whom this role lets in.
    fn overlaps(parameters: &Self::Parameters, other: &Value) -> bool;
}

impl<K: AuthRole> ExternalClient<K> for Session {
    async fn observe(&self, desired: &Desired<K>) -> Result<Observation<K>, ExternalError> {
        let subject = match subject(desired) {
            // It was never made.
            Err(_) if desired.deleting => return Ok(Observation::Absent),
            subject => subject?,
        };
        match subject.look(self, desired, false, |_| Vec::new()).await? {
            None => Ok(Observation::Absent),
            Some(seen) if desired.deleting => {
                let at_provider = at_provider(self, desired, &subject);
                Ok(Observation::present(at_provider, seen.drift))
            }
            Some(seen) => judged(self, desired, &subject, seen).await,
        }
    }

    fn ledger(&self, desired: &Desired<K>) -> BTreeSet<String> {
        subject(desired).map_or_else(|_| BTreeSet::new(), |subject| subject.ledger())
    }

    async fn create(&self, desired: &Desired<K>) -> Result<ConnectionDetails, ExternalError> {
        let subject = subject(desired)?;
        subject.write(self, Map::new()).await?;
        self.known().written.put(&subject.mount, now());
        let others = overlap::find::<K>(self, &subject.mount, &desired.parameters).await;
        self.known().overlaps.put(&subject.api, others);
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<K>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, desired: &Desired<K>) -> Result<(), ExternalError> {
        let subject = subject(desired)?;
        subject.delete(self).await?;
        self.known().overlaps.forget(&subject.api);
        self.known().proofs.forget(&subject.api);
        Ok(())
    }
}

fn subject<K: AuthRole>(desired: &Desired<K>) -> Result<Subject, ExternalError> {
    let parameters = &desired.parameters;
    let mount = mount(K::mount(parameters), &desired.last.mount)?;
    let (name, adopt) = (K::name(parameters), K::adopt(parameters));
    Subject::role(mount, name, K::fields(parameters), adopt)
}

fn at_provider<K: AuthRole>(
    session: &Session,
    desired: &Desired<K>,
    subject: &Subject,
) -> AuthRoleObservation {
    let noted = session.known().overlaps.get(&subject.api);
    AuthRoleObservation {
        mount: subject.mount.clone(),
        name: K::name(&desired.parameters).to_owned(),
        overlaps_with: noted.unwrap_or_else(|| desired.last.overlaps_with.clone()),
        proof: None,
    }
}

/// What is shown of a role, its proof included.
async fn judged<K: AuthRole>(
    session: &Session,
    desired: &Desired<K>,
    subject: &Subject,
    seen: Seen,
) -> Result<Observation<K>, ExternalError> {
    let mut at_provider = at_provider(session, desired, subject);
    let mut claims = vec![overlap::claim(&at_provider.overlaps_with)];
    at_provider.proof = proven(session, desired, subject, &seen.drift).await?;
    let (ready, again) = match &at_provider.proof {
        Some(proof) => {
            let (claim, ready) = verdict(proof);
            claims.push(claim);
            (ready, Some(Duration::from_secs(life(proof))))
        }
        None => (Readiness::Ready, None),
    };
    if at_provider.proof.is_none() && desired.last.proof.is_some() {
        claims.push(not_requested());
    }
    let observed = Observation::present(at_provider, seen.drift)
        .being(ready)
        .telling(claims);
    Ok(match again {
        Some(again) => observed.again_within(again),
        None => observed,
    })
}

async fn proven<K: AuthRole>(
    session: &Session,
    desired: &Desired<K>,
    subject: &Subject,
    drift: &[Drift],
) -> Result<Option<ProofObservation>, ExternalError> {
    let parameters = &desired.parameters;
    let Some(proof) = K::proof(parameters) else {
        return Ok(None);
    };
    let input = proof.input();
    let Some(kubeconfig) = desired.inputs.value(&input) else {
        let cause = format!("{input} does not exist");
        return Err(ExternalError::blocked(
            input.to_string(),
            cause,
            "create it",
        ));
    };
    let differing: Vec<_> = drift.iter().map(ToString::to_string).collect();
    let state = format!("{:?} {differing:?}", subject.fields.body());
    let trial = Trial {
        proof,
        mount: &subject.mount,
        role: K::name(parameters),
        audience: proof
            .audience
            .as_deref()
            .unwrap_or_else(|| K::audience(parameters)),
        kubeconfig,
        state: &state,
    };
    let noted = session.known().proofs.get(&subject.api);
    let last = noted.as_ref().or(desired.last.proof.as_ref());
    let changed = changed(session, subject, K::token(parameters));
    let proof = trial.prove(session, last, changed).await?;
    session.known().proofs.put(&subject.api, proof.clone());
    Ok(Some(proof))
}

/// When this session last wrote to the auth method or to a policy of the role.
fn changed(session: &Session, subject: &Subject, token: &TokenParameters) -> Option<Timestamp> {
    let policies = token
        .policies
        .iter()
        .map(|policy| format!("policy {policy}"));
    let depended = policies.chain([subject.mount.clone()]);
    depended
        .filter_map(|on| session.known().written.get(&on))
        .max()
}

fn not_requested() -> Claim {
    let message = "no proof is asked for";
    Claim::new(VAULT_LOGIN_PROVEN, Truth::Unknown, "NotRequested", message)
}
