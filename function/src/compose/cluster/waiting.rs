//! What needs the cluster waits for it, and what is in the cluster's way is said once.

use provider_tenancy::vault::{AuthMount, Policy};

use managed::Kind;

use crate::compose::{Aspect, Cause, Composed, Standing};

/// Kinds that do not need the cluster.
const INDEPENDENT: [&str; 2] = [Policy::KIND, AuthMount::KIND];

/// The resources, with those waiting that cannot go on before the cluster is ready. One that was ready
/// counts as it stands.
pub(super) fn for_cluster(mut resources: Vec<Composed>) -> Vec<Composed> {
    let is_cluster = |resource: &Composed| resource.aspect == Aspect::Cluster;
    let mut clusters = resources.iter().filter(|resource| is_cluster(resource));
    if clusters.all(|cluster| cluster.standing == Standing::Ready) {
        return resources;
    }
    let waits = |resource: &&mut Composed| {
        !is_cluster(resource)
            && !INDEPENDENT.contains(&resource.kind)
            && resource.standing != Standing::Ready
    };
    for resource in resources.iter_mut().filter(waits) {
        resource.standing = Standing::Waiting(Cause {
            reason: "WaitingForCluster".into(),
            message: "waits for the cluster; see ClusterReady".into(),
        });
    }
    resources
}
