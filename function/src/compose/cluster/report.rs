//! Status and conditions of a `VirtualCluster`.
//!
//! What is known about something that cannot be seen right now stays in the status.

use managed::condition::Truth;
use provider_tenancy::{
    kubernetes::{ClusterConnection, ServiceAccountToken, VCluster},
    vault::{JwtAuthRole, KubernetesAuthRole},
};
use serde_json::Value;

use super::{
    host::CLUSTER_KEY,
    plan::Plan,
    token::TOKEN_KEY,
    vault::{AUDIENCE, ROLE_KEY},
};
use crate::{
    claim::virtual_cluster::{AuthMethod, VaultLoginStatus, VirtualClusterStatus},
    compose::{Aspect, Composed, Condition, outlook, planning},
    observed::Observed,
};

/// The cluster runs and its credentials work.
pub(super) const CLUSTER_READY: &str = "ClusterReady";
/// What is wanted inside the cluster is there.
pub(super) const NAMESPACES_READY: &str = "NamespacesReady";
/// The cluster's credentials are in Vault.
pub(super) const CREDENTIALS_IN_VAULT: &str = "CredentialsInVault";
/// A workload inside can log in to Vault, and reads what it may and nothing else.
pub(super) const VAULT_LOGIN_PROVEN: &str = "VaultLoginProven";
/// Argo CD knows the cluster.
pub(super) const REGISTERED: &str = "RegisteredInArgoCD";

/// The conditions of the claim.
pub(super) fn conditions(
    plan: &Plan,
    observed: &Observed,
    resources: &[Composed],
) -> Vec<Condition> {
    let of = |kind, aspect, ready: &str| Condition::of(kind, aspect, resources, ready);
    let cluster = format!("cluster {} answers and its credentials work", plan.cluster);
    let inside = "every namespace inside is there";
    let mut conditions = vec![
        of(CLUSTER_READY, Aspect::Cluster, &cluster),
        of(NAMESPACES_READY, Aspect::Inside, inside),
    ];
    if plan.spec.vault.enabled {
        let at = format!("credentials are at {}", plan.vault_location());
        conditions.push(of(CREDENTIALS_IN_VAULT, Aspect::Vault, &at));
        let proven = proven(plan, observed);
        conditions.push(of(VAULT_LOGIN_PROVEN, Aspect::Login, &proven));
    } else {
        conditions.extend([CREDENTIALS_IN_VAULT, VAULT_LOGIN_PROVEN].map(without_vault));
    }
    conditions.push(if plan.spec.argocd.enabled {
        let known = format!("Argo CD knows the cluster as {}", plan.cluster);
        of(REGISTERED, Aspect::ArgoCd, &known)
    } else {
        let message = "spec.argocd.enabled is false; set it to true to have the cluster registered";
        disabled(REGISTERED, message)
    });
    conditions
}

fn proven(plan: &Plan, observed: &Observed) -> String {
    let account = &plan.spec.vault.service_account;
    let at = tried_at(plan, observed).unwrap_or_default();
    format!(
        "ServiceAccount {}/{} logged in at {} as role {}, last tried {at}",
        account.namespace, account.name, plan.vault_name, plan.vault_name
    )
}

fn without_vault(kind: &'static str) -> Condition {
    let message = "spec.vault.enabled is false; set it to true to have the cluster known to Vault";
    disabled(kind, message)
}

fn disabled(kind: &'static str, message: &str) -> Condition {
    Condition {
        kind,
        status: Truth::False,
        reason: "Disabled".into(),
        message: message.into(),
    }
}

/// The status of the claim.
pub(super) fn status(plan: &Plan, observed: &Observed, resources: &[Composed]) -> Value {
    let last: VirtualClusterStatus = observed.composite.last_status();
    let next_step =
        outlook::remedy(resources, &plan.namespace).unwrap_or_else(|| open_cluster(plan));
    let found = found(plan, observed);
    let status = VirtualClusterStatus {
        next_step: Some(next_step),
        plan: planning::plans(observed, resources),
        phase: found.phase.or(last.phase),
        endpoint: found.endpoint.or(last.endpoint),
        kubernetes_version: found.kubernetes_version.or(last.kubernetes_version),
        host_namespace: plan.is_made_here().then(|| plan.host_namespace.clone()),
        kubeconfig_secret_name: Some(plan.secret.clone()),
        credential_expires_at: found.credential_expires_at.or(last.credential_expires_at),
        token_expires_at: plan
            .spec
            .vault
            .token
            .as_ref()
            .and_then(|_| token_expires_at(observed).or(last.token_expires_at)),
        vault_path: plan.spec.vault.enabled.then(|| plan.vault_location()),
        vault_login: plan
            .spec
            .vault
            .enabled
            .then(|| login(plan, observed, last.vault_login)),
        argocd_cluster: plan.spec.argocd.enabled.then(|| plan.cluster.clone()),
    };
    serde_json::to_value(status).expect("a status is JSON")
}

/// What the provider found about the cluster, of whichever type it is.
fn found(plan: &Plan, observed: &Observed) -> VirtualClusterStatus {
    let (phase, cluster) = if plan.is_made_here() {
        let found = observed.at_provider::<VCluster>(CLUSTER_KEY);
        let found = found.unwrap_or_default();
        (found.phase, found.cluster)
    } else {
        let found = observed.at_provider::<ClusterConnection>(CLUSTER_KEY);
        (None, found.unwrap_or_default())
    };
    VirtualClusterStatus {
        phase: phase.map(|phase| format!("{phase:?}")),
        endpoint: cluster.endpoint,
        kubernetes_version: cluster.kubernetes_version,
        credential_expires_at: cluster.certificate.not_after,
        ..VirtualClusterStatus::default()
    }
}

fn token_expires_at(observed: &Observed) -> Option<String> {
    let token = observed.at_provider::<ServiceAccountToken>(TOKEN_KEY);
    token?.credential.expires_at
}

fn login(plan: &Plan, observed: &Observed, last: Option<VaultLoginStatus>) -> VaultLoginStatus {
    VaultLoginStatus {
        mount: plan.vault_name.clone(),
        role: plan.vault_name.clone(),
        policy: plan.vault_name.clone(),
        audience: AUDIENCE.into(),
        tried_at: tried_at(plan, observed).or_else(|| last.and_then(|last| last.tried_at)),
    }
}

fn tried_at(plan: &Plan, observed: &Observed) -> Option<String> {
    let proof = match plan.spec.vault.auth {
        AuthMethod::Jwt => observed.at_provider::<JwtAuthRole>(ROLE_KEY)?.proof,
        AuthMethod::Kubernetes => observed.at_provider::<KubernetesAuthRole>(ROLE_KEY)?.proof,
    };
    proof.map(|proof| proof.at)
}

fn open_cluster(plan: &Plan) -> String {
    let (namespace, secret) = (&plan.namespace, &plan.secret);
    format!(
        "open the cluster: kubectl -n {namespace} get secret {secret} -o jsonpath={{.data.kubeconfig}} | base64 -d"
    )
}
