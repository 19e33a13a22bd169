//! The rights in the host namespace that the default of every field needs.

use crate::kubernetes::rights::Right;

/// What is asked about when the host cluster refuses something.
pub(super) const NEEDED: [Right; 29] = [
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
const RBAC: &str = "rbac.authorization.k8s.io";

const fn right(verb: &'static str, group: &'static str, resource: &'static str) -> Right {
    Right {
        verb,
        group,
        resource,
    }
}
