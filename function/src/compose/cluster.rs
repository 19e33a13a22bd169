//! The claim `VirtualCluster`: a cluster, what it has in Vault, namespaces inside, Argo CD.
//!
//! Everything but the cluster itself waits for the Secret with the kubeconfig, which is written once the
//! credentials in it were proven to work. The provider watches that Secret, so the rest follows at once,
//! and follows again when a certificate is renewed.

use super::{Composed, Composition, Refusal, outlook};
use crate::observed::Observed;

use self::plan::Plan;

mod argocd;
mod host;
mod inside;
pub(in crate::compose) mod plan;
mod report;
mod token;
mod vault;
mod waiting;

/// Composes a `VirtualCluster`.
pub fn compose(observed: &Observed) -> Result<Composition, Refusal> {
    let plan = Plan::of(observed)?;
    let resources = waiting::for_cluster(resources(&plan, observed));
    let conditions = report::conditions(&plan, observed, &resources);
    Ok(Composition {
        status: report::status(&plan, observed, &resources),
        events: outlook::events(observed, &conditions),
        conditions,
        resources,
    })
}

/// Everything a claim becomes, in the order in which one builds on the other.
fn resources(plan: &Plan, observed: &Observed) -> Vec<Composed> {
    let mut resources = vec![host::cluster(plan, observed)];
    resources.extend(inside::all(plan, observed));
    if plan.spec.vault.enabled {
        resources.extend(token::all(plan, observed));
        resources.extend(vault::all(plan, observed));
    }
    if plan.spec.argocd.enabled {
        resources.extend(argocd::all(plan, observed));
    }
    resources
}
