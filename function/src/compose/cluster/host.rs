//! The cluster itself: a `VCluster` in a namespace of its own, or a `ClusterConnection`.
//!
//! The namespace is not the claim's: the control plane of a virtual cluster reads every Secret of its
//! namespace, and those of the claim's namespace are not its business.

use std::collections::BTreeMap;

use managed::{
    Kind, ManagedResource, connection::LocalSecretReference, input::SecretKeyRef,
    resource::EXTERNAL_NAME,
};
use provider_tenancy::kubernetes::{
    ClusterConnection, VCluster,
    cluster_connection::ClusterConnectionParameters,
    status::Endpoint,
    vcluster::{
        Exposure, ExposureType, Isolation, LimitRange, NetworkPolicy, Networking, Persistence,
        PodSecurityStandard, ResourceQuota, Resources, VClusterParameters,
    },
};

use super::plan::Plan;
use crate::{
    claim::virtual_cluster::{Existing, ExposureKind, IsolationPreset, Size},
    compose::{Aspect, Composed},
    observed::Observed,
};

/// Key of the cluster.
pub(super) const CLUSTER_KEY: &str = "cluster";

/// Version of vCluster that new clusters get, and that existing ones are brought to.
const VCLUSTER_VERSION: &str = "0.36.1";

/// The cluster.
pub(super) fn cluster(plan: &Plan, observed: &Observed) -> Composed {
    match &plan.spec.existing {
        Some(existing) => composed(plan, observed, connection(plan, existing)),
        None => composed(plan, observed, virtual_cluster(plan)),
    }
}

fn composed<K: Kind>(
    plan: &Plan,
    observed: &Observed,
    mut cluster: ManagedResource<K>,
) -> Composed {
    cluster.metadata.namespace = Some(plan.namespace.clone());
    cluster.spec.provider_config_ref = plan.spec.provider_configs.kubernetes.clone();
    cluster.spec.write_connection_secret_to_ref = Some(LocalSecretReference::named(&plan.secret));
    Composed::new(observed, CLUSTER_KEY, Aspect::Cluster, &cluster)
}

fn connection(plan: &Plan, existing: &Existing) -> ManagedResource<ClusterConnection> {
    let reference = &existing.kubeconfig_secret_ref;
    let is_elsewhere = existing.server.is_some() || existing.tls_server_name.is_some();
    let parameters = ClusterConnectionParameters {
        kubeconfig_secret_ref: SecretKeyRef {
            name: reference.name.clone(),
            key: reference.key.clone(),
        },
        endpoint: is_elsewhere.then(|| Endpoint {
            server: existing.server.clone(),
            tls_server_name: existing.tls_server_name.clone(),
        }),
    };
    ManagedResource::new(plan.object("connection"), parameters)
}

fn virtual_cluster(plan: &Plan) -> ManagedResource<VCluster> {
    let spec = &plan.spec;
    let parameters = VClusterParameters {
        namespace: Some(plan.host_namespace.clone()),
        create_namespace: true,
        kubernetes_version: spec.kubernetes_version.clone(),
        persistence: Persistence {
            enabled: spec.storage.enabled,
            size: spec.storage.size.clone(),
            storage_class_name: spec.storage.storage_class_name.clone(),
            ..Persistence::default()
        },
        resources: Some(resources(spec.size)),
        exposure: Exposure {
            kind: exposure(spec.exposure.kind),
            host: spec.exposure.host.clone(),
            ..Exposure::default()
        },
        // Pods inside reach the databases of the host cluster by the names that Vault has.
        networking: Networking {
            fallback_host_cluster: true,
            ..Networking::default()
        },
        isolation: isolation(spec.isolation),
        ..VClusterParameters::new(VCLUSTER_VERSION)
    };
    let mut cluster = ManagedResource::new(plan.object("control-plane"), parameters);
    cluster.metadata.annotations = Some([(EXTERNAL_NAME.into(), plan.cluster.clone())].into());
    cluster
}

fn resources(size: Size) -> Resources {
    let (cpu, memory, most) = match size {
        Size::Small => ("100m", "256Mi", "1Gi"),
        Size::Medium => ("200m", "512Mi", "2Gi"),
        Size::Large => ("500m", "1Gi", "4Gi"),
    };
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, amount)| ((*name).to_owned(), (*amount).to_owned()))
            .collect()
    };
    Resources {
        requests: pairs(&[("cpu", cpu), ("memory", memory)]),
        limits: pairs(&[("memory", most)]),
    }
}

const fn exposure(kind: ExposureKind) -> ExposureType {
    match kind {
        ExposureKind::ClusterIp => ExposureType::ClusterIp,
        ExposureKind::NodePort => ExposureType::NodePort,
        ExposureKind::LoadBalancer => ExposureType::LoadBalancer,
        ExposureKind::Ingress => ExposureType::Ingress,
    }
}

fn isolation(preset: IsolationPreset) -> Isolation {
    if preset == IsolationPreset::Open {
        return Isolation::default();
    }
    let is_strict = preset == IsolationPreset::Strict;
    Isolation {
        resource_quota: Some(ResourceQuota::default()),
        limit_range: Some(LimitRange::default()),
        network_policy: is_strict.then(NetworkPolicy::default),
        pod_security_standard: Some(if is_strict {
            PodSecurityStandard::Restricted
        } else {
            PodSecurityStandard::Baseline
        }),
    }
}
