//! What is made inside the cluster: namespaces, and the `ServiceAccount` that logs in to Vault.
//!
//! They stay behind when the claim goes: in a virtual cluster they go with it, and in an existing one
//! nobody knows what has been put into a namespace since.

use std::collections::BTreeSet;

use managed::{ManagedResource, input::SecretKeyRef};
use provider_tenancy::kubernetes::{
    RemoteObject,
    remote_object::{Adopt, DeletionPolicy, RemoteObjectParameters},
};
use serde_json::{Value, json};

use super::plan::Plan;
use crate::{
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

fn object(plan: &Plan, observed: &Observed, key: &str, manifest: Value) -> Composed {
    let kubeconfig = SecretKeyRef {
        name: plan.secret.clone(),
        key: "kubeconfig".into(),
    };
    let parameters = RemoteObjectParameters {
        deletion_policy: DeletionPolicy::Orphan,
        adopt: Adopt::IfUnowned,
        ..RemoteObjectParameters::new(kubeconfig, manifest)
    };
    let mut remote = ManagedResource::<RemoteObject>::new(plan.object(key), parameters);
    remote.metadata.namespace = Some(plan.namespace.clone());
    remote.spec.provider_config_ref = plan.spec.provider_configs.kubernetes.clone();
    Composed::new(observed, key, Aspect::Inside, &remote)
}
