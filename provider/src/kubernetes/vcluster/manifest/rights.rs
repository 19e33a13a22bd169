//! The control plane's identities and rights in the host cluster.

use serde_json::{Value, json};

use super::{Host, Manifest, manifest};
use crate::kubernetes::vcluster::{RbacMode, target::Target};

const RBAC: &str = "rbac.authorization.k8s.io";

/// `ServiceAccount`s, and what they may do.
pub(super) fn all(target: &Target<'_>, host: Host) -> Vec<Manifest> {
    let mode = target.parameters.rbac.mode;
    let mut manifests = Vec::new();
    if mode != RbacMode::External {
        manifests.push(service_account(target, &target.service_account()));
    }
    manifests.push(service_account(
        target,
        &format!("vc-workload-{}", target.name),
    ));
    match mode {
        RbacMode::SharedClusterRole => manifests.extend(shared(target)),
        RbacMode::Managed => manifests.extend(own(target, host)),
        RbacMode::External => {}
    }
    manifests
}

fn service_account(target: &Target<'_>, name: &str) -> Manifest {
    let secrets = &target.parameters.images.pull_secrets;
    let references: Vec<_> = secrets.iter().map(|name| json!({"name": name})).collect();
    let content = super::given([("imagePullSecrets", Value::from(references))]);
    manifest(target, "ServiceAccount", name, "vcluster", content)
}

/// One binding to the installed role, and one more for each thing that is copied beyond what always is.
fn shared(target: &Target<'_>) -> Vec<Manifest> {
    let sync = &target.parameters.sync.to_host;
    let optional = [
        (sync.ingresses, "ingresses"),
        (sync.network_policies, "network-policies"),
        (sync.pod_disruption_budgets, "pod-disruption-budgets"),
        (sync.service_accounts, "service-accounts"),
    ];
    let main = binding(
        target,
        &format!("vc-{}", target.name),
        "ClusterRole",
        target.profile.cluster_role,
    );
    let wanted = optional.into_iter().filter(|(wanted, _)| *wanted);
    let more = wanted.map(|(_, what)| {
        let name = format!("vc-{}-{what}", target.name);
        binding(
            target,
            &name,
            "ClusterRole",
            &format!("vcluster-sync-{what}"),
        )
    });
    std::iter::once(main).chain(more).collect()
}

fn own(target: &Target<'_>, host: Host) -> [Manifest; 2] {
    let name = format!("vc-{}", target.name);
    let rules = json!({"rules": (target.profile.rules)(target, host.minor)});
    [
        manifest(target, "Role", &name, "vcluster", rules),
        binding(target, &name, "Role", &name),
    ]
}

fn binding(target: &Target<'_>, name: &str, kind: &str, role: &str) -> Manifest {
    let content = json!({
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
        "subjects": [{
            "kind": "ServiceAccount",
            "name": target.service_account(),
            "namespace": target.namespace,
        }],
    });
    manifest(target, "RoleBinding", name, "vcluster", content)
}
