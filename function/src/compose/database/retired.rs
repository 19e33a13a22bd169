//! Grants and default privileges that a function before this one composed for each type of object.
//!
//! A group has one of each now. When an old one is deleted it revokes what it granted, which the new one
//! grants as well, so members would be without rights until the next look. An old one is therefore first
//! told to leave what it granted, and is not wanted any more only when that has arrived.

use managed::{
    Kind,
    policy::ManagementAction::{Create, LateInitialize, Observe, Update},
};
use provider_tenancy::postgresql::{DefaultPrivileges, Grant};
use serde_json::{Value, json};

use super::plan::{Group, Plan};
use crate::{
    compose::{Aspect, Composed, Standing},
    observed::{self, Observed},
};

/// Resources of the groups of this claim that still have to be told.
pub(super) fn leaving(plan: &Plan, observed: &Observed, groups: &[Group]) -> Vec<Composed> {
    let groups = groups.iter().chain([&plan.owners]);
    let of_group = groups.flat_map(|group| {
        let grants = of_kind::<Grant>(observed, format!("grant-{}-", group.label));
        grants.chain(of_kind::<DefaultPrivileges>(
            observed,
            format!("default-{}-", group.label),
        ))
    });
    of_group.collect()
}

fn of_kind<K: Kind>(observed: &Observed, start: String) -> impl Iterator<Item = Composed> {
    let resources = observed.resources.iter();
    resources
        .filter(move |(key, resource)| key.starts_with(&start) && deletes(&resource.object))
        .map(|(key, resource)| told::<K>(key, resource))
}

/// True while it would revoke what it granted.
fn deletes(object: &Value) -> bool {
    let policies = object["spec"]["managementPolicies"].as_array();
    policies.is_none_or(|policies| {
        policies
            .iter()
            .any(|policy| policy == "*" || policy == "Delete")
    })
}

/// The resource as it is, but for what it does when it is deleted.
fn told<K: Kind>(key: &str, resource: &observed::Composed) -> Composed {
    let observed::Metadata {
        name, namespace, ..
    } = &resource.metadata;
    let mut spec = resource.object["spec"].clone();
    spec["managementPolicies"] = json!([Observe, Create, Update, LateInitialize]);
    let mut object = json!({
        "apiVersion": resource.object["apiVersion"],
        "kind": K::KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    });
    crate::compose::leave_to_operator(&mut object);
    Composed {
        key: key.to_owned(),
        kind: K::KIND,
        resource: format!("{}.{}", K::PLURAL, K::GROUP),
        name: name.clone(),
        object,
        aspect: Aspect::Access,
        standing: Standing::Ready,
    }
}
