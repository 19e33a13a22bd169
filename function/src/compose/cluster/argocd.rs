//! The cluster in Argo CD: its registration, which the provider keeps fresh with a token of its own.

use managed::ManagedResource;
use provider_tenancy::kubernetes::{ArgoCdCluster, argocd_cluster::ArgoCdClusterParameters};

use super::plan::Plan;
use crate::{
    compose::{Aspect, Composed},
    observed::Observed,
};

/// Everything in Argo CD.
pub(super) fn all(plan: &Plan, observed: &Observed) -> Vec<Composed> {
    let spec = &plan.spec.argocd;
    let mut labels = spec.labels.clone();
    labels.insert(
        "environment".into(),
        plan.spec.environment.as_str().to_owned(),
    );
    let parameters = ArgoCdClusterParameters {
        namespace: spec.namespace.clone(),
        project: spec.project.clone(),
        labels,
        ..ArgoCdClusterParameters::new(plan.kubeconfig(), &plan.cluster)
    };
    let mut cluster = ManagedResource::<ArgoCdCluster>::new(plan.object("argocd"), parameters);
    cluster.metadata.namespace = Some(plan.namespace.clone());
    cluster.spec.provider_config_ref = plan.spec.provider_configs.kubernetes.clone();
    vec![Composed::new(observed, "argocd", Aspect::ArgoCd, &cluster)]
}
