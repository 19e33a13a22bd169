//! What Argo CD needs in the cluster: a `ServiceAccount`, a role and its bindings. Pure.
//!
//! | `namespaces` | `clusterResources` | bindings |
//! |---|---|---|
//! | none | - | one `ClusterRoleBinding` |
//! | some | true | one `ClusterRoleBinding` |
//! | some | false | a `RoleBinding` in each |
//!
//! A binding's role cannot be changed, so its name holds the role's: another role is another binding,
//! and the old one is taken back by the ledger.

use std::collections::BTreeSet;

use kube::core::GroupVersionKind;
use managed::external::Owner;
use serde_json::{Value as Json, json};

use super::{ArgoCdClusterParameters, CredentialType, ServiceAccountName};
use crate::kubernetes::{manifest::Mark, object::ObjectRef};

const RBAC: &str = "rbac.authorization.k8s.io";
/// What Argo CD does with the objects it manages. Neither `impersonate`, `escalate` nor `bind`.
const VERBS: [&str; 8] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];

/// The manifests, in the order in which they are applied.
pub(super) fn manifests(parameters: &ArgoCdClusterParameters, owner: &Owner) -> Vec<Json> {
    if parameters.credential.kind == CredentialType::Kubeconfig {
        return Vec::new();
    }
    let account = account(parameters);
    let mut manifests = vec![json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": account.name, "namespace": account.namespace },
        "automountServiceAccountToken": false,
    })];
    let role = parameters.credential.cluster_role.as_ref();
    if role.is_none() {
        manifests.push(json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": "ClusterRole",
            "metadata": { "name": account.name },
            "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": VERBS }],
        }));
    }
    let role = role.unwrap_or(&account.name);
    manifests.extend(bindings(parameters, &account, role));
    for manifest in &mut manifests {
        Mark::of(owner).put(manifest);
    }
    manifests
}

/// The `ServiceAccount` a resource asks for.
pub(super) fn account(parameters: &ArgoCdClusterParameters) -> ServiceAccountName {
    parameters
        .credential
        .service_account
        .clone()
        .unwrap_or_default()
}

fn bindings(
    parameters: &ArgoCdClusterParameters,
    account: &ServiceAccountName,
    role: &str,
) -> Vec<Json> {
    let binding = |namespace: Option<&String>| {
        let kind = if namespace.is_some() {
            "RoleBinding"
        } else {
            "ClusterRoleBinding"
        };
        let mut binding = json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": kind,
            "metadata": { "name": format!("{}.{role}", account.name) },
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": role },
            "subjects": [{
                "kind": "ServiceAccount",
                "name": account.name,
                "namespace": account.namespace,
            }],
        });
        if let Some(namespace) = namespace {
            binding["metadata"]["namespace"] = namespace.clone().into();
        }
        binding
    };
    if parameters.namespaces.is_empty() || parameters.cluster_resources == Some(true) {
        return vec![binding(None)];
    }
    parameters
        .namespaces
        .iter()
        .map(|namespace| binding(Some(namespace)))
        .collect()
}

/// The ledger's entry of an object.
pub(super) fn entry(object: &ObjectRef) -> String {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    format!("{}|{namespace}|{}", object.kind.kind, object.name)
}

/// Objects of the ledger that are not among the manifests any more.
pub(super) fn left_over(ledger: &BTreeSet<String>, manifests: &[Json]) -> Vec<ObjectRef> {
    let wanted: BTreeSet<_> = objects(manifests).iter().map(entry).collect();
    let left = ledger.iter().filter(|known| !wanted.contains(*known));
    left.filter_map(|known| read(known)).collect()
}

/// The objects of the manifests.
pub(super) fn objects(manifests: &[Json]) -> Vec<ObjectRef> {
    manifests.iter().filter_map(ObjectRef::of).collect()
}

fn read(entry: &str) -> Option<ObjectRef> {
    let mut parts = entry.splitn(3, '|');
    let (kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    let group = match kind {
        "ServiceAccount" => "",
        "ClusterRole" | "ClusterRoleBinding" | "RoleBinding" => RBAC,
        _ => return None,
    };
    Some(ObjectRef {
        kind: GroupVersionKind::gvk(group, "v1", kind),
        namespace: Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty()),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use managed::input::SecretKeyRef;

    use super::*;

    fn parameters() -> ArgoCdClusterParameters {
        let reference = SecretKeyRef {
            name: "a".into(),
            key: "b".into(),
        };
        ArgoCdClusterParameters::new(reference, "dev")
    }

    fn made(parameters: &ArgoCdClusterParameters) -> Vec<String> {
        let manifests = manifests(parameters, &Owner::default());
        objects(&manifests).iter().map(entry).collect()
    }

    #[test]
    fn the_bindings_reach_as_far_as_argo_cd_manages() {
        let mut parameters = parameters();
        let (account, role) = (
            "ServiceAccount|kube-system|argocd-manager",
            "ClusterRole||argocd-manager",
        );
        let everywhere = "ClusterRoleBinding||argocd-manager.argocd-manager";
        assert_eq!(made(&parameters), [account, role, everywhere]);
        parameters.namespaces = vec!["a".into(), "b".into()];
        parameters.credential.cluster_role = Some("edit".into());
        assert_eq!(
            made(&parameters),
            [
                account,
                "RoleBinding|a|argocd-manager.edit",
                "RoleBinding|b|argocd-manager.edit"
            ]
        );
        parameters.cluster_resources = Some(true);
        assert_eq!(
            made(&parameters),
            [account, "ClusterRoleBinding||argocd-manager.edit"]
        );
        parameters.credential.kind = CredentialType::Kubeconfig;
        assert_eq!(made(&parameters), Vec::<String>::new());
    }

    #[test]
    fn the_role_lets_argo_cd_become_nobody_else() {
        let manifests = manifests(&parameters(), &Owner::default());
        let verbs = manifests[1]["rules"][0]["verbs"].as_array().unwrap();
        for forbidden in ["*", "impersonate", "escalate", "bind"] {
            assert!(!verbs.contains(&json!(forbidden)), "{forbidden}");
        }
    }

    #[test]
    fn what_is_not_wanted_any_more_is_known_from_the_ledger() {
        let mut before = parameters();
        before.namespaces = vec!["a".into(), "b".into()];
        let ledger: BTreeSet<String> = made(&before)
            .into_iter()
            .chain(["odd".into(), "Pod||x".into()])
            .collect();
        let mut now = before.clone();
        now.namespaces = vec!["a".into()];
        let left = left_over(&ledger, &manifests(&now, &Owner::default()));
        let left: Vec<_> = left.iter().map(ToString::to_string).collect();
        assert_eq!(left, ["RoleBinding b/argocd-manager.argocd-manager"]);
    }
}
