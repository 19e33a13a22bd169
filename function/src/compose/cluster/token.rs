//! A token of few rights, for readers of Vault that need no more: its account, its rights, the token.
//!
//! Rights go with the claim, also in an existing cluster, and so does the account, with which every token
//! of it ends.

use managed::{ManagedResource, connection::LocalSecretReference};
use provider_tenancy::kubernetes::{
    ServiceAccountToken, service_account_token::ServiceAccountTokenParameters,
};
use serde_json::{Value, json};

use super::{inside, plan::Plan};
use crate::{
    claim::virtual_cluster::ClusterToken,
    compose::{Aspect, Composed},
    observed::Observed,
};

/// Key of the token.
pub(super) const TOKEN_KEY: &str = "token";
/// Namespace of the account. Every cluster has it from the start, and few may look into it.
const NAMESPACE: &str = "kube-system";
const RBAC: &str = "rbac.authorization.k8s.io";

/// Everything about the token; nothing when none is asked for.
pub(super) fn all(plan: &Plan, observed: &Observed) -> Vec<Composed> {
    let Some(token) = &plan.spec.vault.token else {
        return Vec::new();
    };
    let part =
        |key: &str, manifest| inside::passing(plan, observed, (key, Aspect::Vault), manifest);
    let bindings = bindings(plan, token).into_iter();
    let mut resources = vec![part("token-account", account(plan))];
    resources.extend(bindings.map(|(key, binding)| part(&key, binding)));
    resources.push(minted(plan, observed, token));
    resources
}

/// Of the account, and of its bindings before the role. Two claims may share an existing cluster.
fn account_name(plan: &Plan) -> String {
    format!("{}-token", plan.vault_name)
}

fn account(plan: &Plan) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": account_name(plan), "namespace": NAMESPACE},
        "automountServiceAccountToken": false,
    })
}

/// The role of a binding cannot be changed, so another role is another binding with a key of its own.
fn bindings(plan: &Plan, token: &ClusterToken) -> Vec<(String, Value)> {
    let role = &token.cluster_role;
    if token.namespaces.is_empty() {
        return vec![(format!("token-{role}"), binding(plan, role, None))];
    }
    let within = |namespace: &String| {
        let key = format!("token-{role}-{namespace}");
        (key, binding(plan, role, Some(namespace)))
    };
    token.namespaces.iter().map(within).collect()
}

fn binding(plan: &Plan, role: &str, namespace: Option<&str>) -> Value {
    let kind = if namespace.is_some() {
        "RoleBinding"
    } else {
        "ClusterRoleBinding"
    };
    let account = account_name(plan);
    let mut binding = json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": kind,
        "metadata": {"name": format!("{account}.{role}")},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    });
    if let Some(namespace) = namespace {
        binding["metadata"]["namespace"] = namespace.into();
    }
    binding
}

fn minted(plan: &Plan, observed: &Observed, token: &ClusterToken) -> Composed {
    let account = account_name(plan);
    let parameters = ServiceAccountTokenParameters {
        expiration_seconds: token.expiration_seconds,
        ..ServiceAccountTokenParameters::new(plan.kubeconfig(), NAMESPACE, &account)
    };
    let name = plan.object(TOKEN_KEY);
    let mut minted = ManagedResource::<ServiceAccountToken>::new(name, parameters);
    minted.metadata.namespace = Some(plan.namespace.clone());
    minted.spec.provider_config_ref = plan.spec.provider_configs.kubernetes.clone();
    let secret = LocalSecretReference::named(plan.token_secret());
    minted.spec.write_connection_secret_to_ref = Some(secret);
    Composed::new(observed, TOKEN_KEY, Aspect::Vault, &minted)
}
