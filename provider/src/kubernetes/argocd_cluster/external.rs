//! Reads and writes Argo CD's Secret in the host cluster, and what Argo CD needs in the cluster.
//!
//! Needs in Argo CD's namespace of the host cluster: get, list, create, patch and delete on `secrets`.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::ListParams, core::GroupVersionKind};
use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
    input::Value,
};
use serde_json::Value as Json;

use super::{
    ArgoCdCluster, ArgoCdClusterObservation, CredentialType, account, neighbour, remote, secret,
};
use crate::{
    kubeconfig::{Access, Credential, Error, Remote, probe, token, within},
    kubernetes::{
        Session, health,
        manifest::{Mark, Ownership},
        object::ObjectRef,
        remote_object::Adopt,
        rights::Right,
        source,
        status::CredentialStatus,
    },
};

/// How soon a credential that does not work is looked at again.
const RETRY: Duration = Duration::from_secs(15);

const NEEDED: [Right; 5] = [
    secrets("get"),
    secrets("list"),
    secrets("create"),
    secrets("patch"),
    secrets("delete"),
];

const fn secrets(verb: &'static str) -> Right {
    Right {
        verb,
        group: "",
        resource: "secrets",
    }
}

/// The field that differs when the token is none of ours, or about to expire.
const TOKEN: &str = "credential.token";

impl ExternalClient<ArgoCdCluster> for Session {
    async fn observe(
        &self,
        desired: &Desired<ArgoCdCluster>,
    ) -> Result<Observation<ArgoCdCluster>, ExternalError> {
        let host = self.argo(desired)?;
        if desired.deleting {
            return Ok(match self.own_secret(&host, desired).await? {
                Some(live) if is_mine(desired, &live) => {
                    Observation::present(desired.last.clone(), Vec::new())
                }
                _ => Observation::Absent,
            });
        }
        let access = cluster(desired)?;
        self.neighbours(desired, &access).await?;
        match self.own_secret(&host, desired).await? {
            None => Ok(Observation::Absent),
            Some(live) => self.compare(desired, access, &live).await,
        }
    }

    fn ledger(&self, desired: &Desired<ArgoCdCluster>) -> BTreeSet<String> {
        let manifests = account::manifests(&desired.parameters, &desired.owner);
        account::objects(&manifests)
            .iter()
            .map(account::entry)
            .collect()
    }

    async fn create(
        &self,
        desired: &Desired<ArgoCdCluster>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let host = self.argo(desired)?;
        let access = cluster(desired)?;
        self.neighbours(desired, &access).await?;
        let live = self.own_secret(&host, desired).await?;
        if let Some(live) = &live {
            check(desired, live)?;
        }
        let access = self.prepare(desired, access, live.as_ref()).await?;
        let mut manifest = secret::manifest(&desired.parameters, &desired.owner, &access);
        if let Some(live) = live {
            // Nobody may take it over between the check and the change.
            manifest["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
        }
        match host.apply(&object(desired), &manifest).await {
            Ok(_) => Ok(ConnectionDetails::none()),
            Err(error) => Err(self.explained(desired, error).await),
        }
    }

    async fn update(
        &self,
        desired: &Desired<ArgoCdCluster>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    /// Removes the Secret, then what was made in the cluster, as well as that can be reached.
    async fn delete(&self, desired: &Desired<ArgoCdCluster>) -> Result<(), ExternalError> {
        let host = self.argo(desired)?;
        if let Some(live) = self
            .own_secret(&host, desired)
            .await?
            .filter(|live| is_mine(desired, live))
        {
            let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
            if let Err(error) = host.delete(&object(desired), uid).await {
                return Err(self.explained(desired, error).await);
            }
        }
        let source = desired.parameters.source();
        if let Ok(Some(access)) = self.last_access(&desired.owner.namespace, &source).await
            && let Ok(cluster) = self.remotes().open(&access)
        {
            remote::clean_up(&cluster, desired).await;
        }
        Ok(())
    }
}

impl Session {
    fn argo(&self, desired: &Desired<ArgoCdCluster>) -> Result<Remote, ExternalError> {
        self.host_objects(&desired.owner.namespace, &desired.parameters.namespace)
    }

    async fn explained(&self, desired: &Desired<ArgoCdCluster>, error: Error) -> ExternalError {
        self.explain(error, &desired.parameters.namespace, &NEEDED)
            .await
    }

    async fn own_secret(
        &self,
        host: &Remote,
        desired: &Desired<ArgoCdCluster>,
    ) -> Result<Option<Json>, ExternalError> {
        match host.get(&object(desired)).await {
            Ok(live) => Ok(live),
            Err(error) => Err(self.explained(desired, error).await),
        }
    }

    async fn neighbours(
        &self,
        desired: &Desired<ArgoCdCluster>,
        access: &Access,
    ) -> Result<(), ExternalError> {
        let parameters = &desired.parameters;
        let host = self.argo(desired)?;
        let api: Api<Secret> = Api::namespaced(host.client.clone(), &parameters.namespace);
        let selector = format!("{}={}", secret::LABEL.0, secret::LABEL.1);
        let list = ListParams::default().labels(&selector);
        let operation = format!(
            "list Argo CD's clusters in namespace {}",
            parameters.namespace
        );
        let others = match within(&operation, api.list(&list)).await {
            Ok(others) => others.items,
            Err(error) => return Err(self.explained(desired, error).await),
        };
        let (own, name) = (parameters.secret_name(), &parameters.name);
        neighbour::check(&others, &own, name, &access.server)
    }

    async fn compare(
        &self,
        desired: &Desired<ArgoCdCluster>,
        access: Access,
        live: &Json,
    ) -> Result<Observation<ArgoCdCluster>, ExternalError> {
        check(desired, live)?;
        let cluster = self.remotes().open(&access)?;
        let mut drift = Vec::new();
        let (mut access, mut look_again, mut is_due) = (access, None, false);
        let found = remote::look(&cluster, desired).await?;
        drift.extend(found.drift);
        if desired.parameters.credential.kind == CredentialType::ServiceAccountToken {
            let current = secret::token(live);
            look_again = remote::renewal(current.as_ref(), found.account.as_deref(), desired);
            is_due = remote::is_due(current.as_ref(), found.account.as_deref(), desired);
            if look_again.is_none() {
                drift.push(Drift::secret(TOKEN));
            }
            access = access.with(Credential::Token(
                current.unwrap_or_else(|| Value::from("")),
            ));
        }
        drift.extend(secret::drift(
            &desired.parameters,
            &desired.owner,
            &access,
            live,
        ));
        let proof = self.proof(&access).await;
        let observed = at_provider(desired, &access, proof.as_ref().ok());
        let (ready, claim) = health::credential(&proof);
        let again = if proof.is_ok() {
            look_again
        } else {
            Some(RETRY)
        };
        let observation = Observation::present(observed, drift)
            .being(ready)
            .renewing(is_due.then_some(TOKEN))
            .telling(vec![claim])
            .following(self.seen(
                &desired.parameters.namespace,
                &desired.parameters.secret_name(),
                Some(live),
            ));
        Ok(match again {
            Some(time) => observation.again_within(time),
            None => observation,
        })
    }

    /// Whom the cluster takes the credential for.
    async fn proof(&self, access: &Access) -> Result<Option<String>, Error> {
        probe::identity(&self.remotes().open(access)?.client).await
    }

    /// Makes what Argo CD needs in the cluster, and returns the access it gets: proven.
    async fn prepare(
        &self,
        desired: &Desired<ArgoCdCluster>,
        access: Access,
        live: Option<&Json>,
    ) -> Result<Access, ExternalError> {
        let cluster = self.remotes().open(&access)?;
        remote::converge(&cluster, desired).await?;
        if desired.parameters.credential.kind == CredentialType::Kubeconfig {
            self.proof(&access).await?;
            return Ok(access);
        }
        let found = remote::look(&cluster, desired).await?;
        let current = live.and_then(secret::token);
        let left = remote::renewal(current.as_ref(), found.account.as_deref(), desired);
        let token = match (current, left) {
            (Some(current), Some(_)) => current,
            _ => remote::new_token(self.remotes(), &access, desired).await?,
        };
        Ok(access.with(Credential::Token(token)))
    }
}

/// The cluster's access, at an address that means the same cluster to Argo CD.
fn cluster(desired: &Desired<ArgoCdCluster>) -> Result<Access, ExternalError> {
    let access = source::access(&desired.parameters.source(), &desired.inputs)?;
    if access.is_local() {
        return Err(ExternalError::invalid(
            format!("{} means another cluster where Argo CD runs", access.server),
            "set endpoint.server to where Argo CD reaches it",
        ));
    }
    Ok(access)
}

fn object(desired: &Desired<ArgoCdCluster>) -> ObjectRef {
    ObjectRef {
        kind: GroupVersionKind::gvk("", "v1", "Secret"),
        namespace: Some(desired.parameters.namespace.clone()),
        name: desired.parameters.secret_name(),
    }
}

fn is_mine(desired: &Desired<ArgoCdCluster>, live: &Json) -> bool {
    Mark::of(&desired.owner).judge(live) == Ownership::Mine
}

fn check(desired: &Desired<ArgoCdCluster>, live: &Json) -> Result<(), ExternalError> {
    let adopt = desired.parameters.adopt == Adopt::IfUnowned;
    let ownership = Mark::of(&desired.owner).judge(live);
    ownership.check(&object(desired).to_string(), adopt)
}

fn at_provider(
    desired: &Desired<ArgoCdCluster>,
    access: &Access,
    username: Option<&Option<String>>,
) -> ArgoCdClusterObservation {
    let parameters = &desired.parameters;
    let expires = match &access.credential {
        Credential::Token(current) => token::claims(current).expires,
        Credential::ClientCertificate { .. } => {
            crate::kubeconfig::certificate::facts(access).not_after
        }
    };
    ArgoCdClusterObservation {
        secret: Some(format!(
            "{}/{}",
            parameters.namespace,
            parameters.secret_name()
        )),
        server: Some(access.server.clone()),
        credential: CredentialStatus {
            kind: Some(access.credential.kind().to_owned()),
            username: username.cloned().flatten(),
            expires_at: expires.map(|time| time.to_string()),
        },
    }
}
