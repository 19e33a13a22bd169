//! The rights in the host namespace that a virtual cluster needs.

use super::{ExposureType, RbacMode, VClusterParameters, target::is_stateful};
use crate::kubernetes::rights::Right;

/// What is asked about when the host cluster refuses something.
pub(super) fn needed(parameters: &VClusterParameters) -> Vec<Right> {
    let isolation = &parameters.isolation;
    let makes_roles = parameters.rbac.mode == RbacMode::Managed;
    let kept = [
        (!is_stateful(parameters), "apps", "deployments"),
        (
            parameters.exposure.kind == ExposureType::Ingress,
            NETWORKING,
            "ingresses",
        ),
        (
            isolation.network_policy.is_some(),
            NETWORKING,
            "networkpolicies",
        ),
        (isolation.resource_quota.is_some(), "", "resourcequotas"),
        (isolation.limit_range.is_some(), "", "limitranges"),
        (makes_roles, RBAC, "roles"),
    ];
    let kept = kept.into_iter().filter(|(wanted, ..)| *wanted);
    let kept = kept.flat_map(|(_, group, resource)| {
        ["get", "create", "patch", "delete"].map(|verb| right(verb, group, resource))
    });
    // Whoever gives a right by a role has it, or these.
    let gives = ["escalate", "bind"].map(|verb| right(verb, RBAC, "roles"));
    let gives = gives.into_iter().filter(|_| makes_roles);
    ALWAYS.into_iter().chain(kept).chain(gives).collect()
}

/// What the default of every field needs.
const ALWAYS: [Right; 29] = [
    right("get", "", "secrets"),
    right("create", "", "secrets"),
    right("patch", "", "secrets"),
    right("delete", "", "secrets"),
    right("list", "", "secrets"),
    right("get", "", "services"),
    right("create", "", "services"),
    right("patch", "", "services"),
    right("delete", "", "services"),
    right("list", "", "services"),
    right("get", "", "serviceaccounts"),
    right("create", "", "serviceaccounts"),
    right("patch", "", "serviceaccounts"),
    right("delete", "", "serviceaccounts"),
    right("get", RBAC, "rolebindings"),
    right("create", RBAC, "rolebindings"),
    right("patch", RBAC, "rolebindings"),
    right("delete", RBAC, "rolebindings"),
    right("get", "apps", "statefulsets"),
    right("create", "apps", "statefulsets"),
    right("patch", "apps", "statefulsets"),
    right("delete", "apps", "statefulsets"),
    right("list", "apps", "statefulsets"),
    right("list", "apps", "deployments"),
    right("list", "", "pods"),
    right("list", "", "persistentvolumeclaims"),
    right("list", "", "configmaps"),
    right("list", LEASES, "leases"),
    right("delete", LEASES, "leases"),
];

const LEASES: &str = "coordination.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";

const fn right(verb: &'static str, group: &'static str, resource: &'static str) -> Right {
    Right {
        verb,
        group,
        resource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::rights::rules;

    #[test]
    fn the_fields_that_are_set_add_what_they_need() {
        let mut parameters = VClusterParameters::new("0.36.1");
        assert_eq!(needed(&parameters), ALWAYS);
        parameters.exposure.kind = ExposureType::Ingress;
        parameters.rbac.mode = RbacMode::Managed;
        let more = needed(&parameters).split_off(ALWAYS.len());
        assert_eq!(
            rules(&more),
            "{apiGroups: [\"networking.k8s.io\"], resources: [ingresses], verbs: [get, create, patch, delete]}, \
             {apiGroups: [\"rbac.authorization.k8s.io\"], resources: [roles], verbs: [get, create, patch, delete, escalate, bind]}"
        );
    }
}
