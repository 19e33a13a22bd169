//! What is made inside the cluster: namespaces, and the `ServiceAccount` that logs in to Vault, with the
//! right that the method `kubernetes` needs.
//!
//! Namespaces and the account stay behind when the claim goes: in a virtual cluster they go with it, and in
//! an existing one nobody knows what has been put into a namespace since. The right goes.

use std::collections::BTreeSet;

use managed::ManagedResource;
use provider_tenancy::kubernetes::{
    RemoteObject,
    remote_object::{Adopt, DeletionPolicy, RemoteObjectParameters},
};
use serde_json::{Value, json};

use super::plan::Plan;
use crate::{
    claim::virtual_cluster::AuthMethod,
    compose::{Aspect, Composed},
    observed::Observed,
};

/// Everything inside, namespaces first.
pub(super) fn all(plan: &Plan, observed: &Observed) -> Vec<Composed> {
    let account = &plan.spec.vault.service_account;
    let mut namespaces: BTreeSet<&str> = plan.spec.namespaces.iter().map(String::as_str).collect();
    if plan.spec.vault.enabled {
        namespaces.insert(&account.namespace);
    }
    // Every cluster has it from the start.
    namespaces.remove("default");
    let mut objects: Vec<_> = namespaces
        .into_iter()
        .map(|name| namespace(plan, observed, name))
        .collect();
    if plan.spec.vault.enabled {
        objects.push(service_account(plan, observed));
        if plan.spec.vault.auth == AuthMethod::Kubernetes {
            objects.push(reviewer(plan, observed));
        }
    }
    objects
}

fn namespace(plan: &Plan, observed: &Observed, name: &str) -> Composed {
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name},
    });
    object(plan, observed, &format!("namespace-{name}"), manifest)
}

fn service_account(plan: &Plan, observed: &Observed) -> Composed {
    let account = &plan.spec.vault.service_account;
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": account.name, "namespace": account.namespace},
    });
    object(plan, observed, "vault-account", manifest)
}

/// Vault asks the API server about tokens as this account, so it must be allowed to ask.
fn reviewer(plan: &Plan, observed: &Observed) -> Composed {
    let account = &plan.spec.vault.service_account;
    let manifest = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{}-token-review", plan.vault_name)},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:auth-delegator",
        },
        "subjects": [{
            "kind": "ServiceAccount",
            "name": account.name,
            "namespace": account.namespace,
        }],
    });
    passing(plan, observed, ("vault-reviewer", Aspect::Inside), manifest)
}

/// What stays when the claim goes.
fn object(plan: &Plan, observed: &Observed, key: &str, manifest: Value) -> Composed {
    let parameters = RemoteObjectParameters {
        deletion_policy: DeletionPolicy::Orphan,
        adopt: Adopt::IfUnowned,
        ..RemoteObjectParameters::new(plan.kubeconfig(), manifest)
    };
    remote(plan, observed, (key, Aspect::Inside), parameters)
}

/// What goes when the claim goes: accounts that nobody else uses, and rights.
pub(super) fn passing(
    plan: &Plan,
    observed: &Observed,
    part: (&str, Aspect),
    manifest: Value,
) -> Composed {
    let parameters = RemoteObjectParameters {
        adopt: Adopt::IfUnowned,
        ..RemoteObjectParameters::new(plan.kubeconfig(), manifest)
    };
    remote(plan, observed, part, parameters)
}

fn remote(
    plan: &Plan,
    observed: &Observed,
    (key, aspect): (&str, Aspect),
    parameters: RemoteObjectParameters,
) -> Composed {
    let mut remote = ManagedResource::<RemoteObject>::new(plan.object(key), parameters);
    remote.metadata.namespace = Some(plan.namespace.clone());
    remote.spec.provider_config_ref = plan.spec.provider_configs.kubernetes.clone();
    Composed::new(observed, key, aspect, &remote)
}
