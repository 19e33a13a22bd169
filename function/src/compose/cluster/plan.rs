//! Who is called what: every name a claim leads to, worked out once.

use managed::input::SecretKeyRef;

use super::super::{Refusal, name, origin, spec};
use crate::{
    claim::virtual_cluster::{ClusterType, VirtualClusterSpec},
    observed::Observed,
};

/// Longest name of a virtual cluster: it becomes a part of longer names in the host cluster.
const LONGEST_CLUSTER: usize = 48;

/// A claim with every name it leads to.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What the user wrote.
    pub(super) spec: VirtualClusterSpec,
    /// Name of the claim.
    pub(super) claim: String,
    /// Namespace of everything that is composed.
    pub(super) namespace: String,
    /// Name of the virtual cluster, and of the cluster in Argo CD.
    pub(super) cluster: String,
    /// Namespace of the host cluster that holds it.
    pub(super) host_namespace: String,
    /// Secret with the kubeconfig.
    pub(super) secret: String,
    /// Mount, policy and role in Vault.
    pub(super) vault_name: String,
    /// Path of the credentials below the mount.
    pub(super) vault_path: String,
    /// Paths below the mount that workloads may read.
    pub(super) readable: Vec<String>,
}

impl Plan {
    /// Reads the claim and works out its names.
    pub(super) fn of(observed: &Observed) -> Result<Self, Refusal> {
        let origin = origin(observed)?;
        let spec: VirtualClusterSpec = spec(observed)?;
        check(&spec)?;
        let environment = spec.environment.as_str();
        let host = || name::object(&["vc", &origin.namespace, environment, &origin.name]);
        let vault = &spec.vault;
        let vault_name = || format!("vcluster-{environment}");
        let vault_path = || format!("clusters/{environment}");
        Ok(Self {
            cluster: name::within(LONGEST_CLUSTER, &[environment, &origin.name]),
            host_namespace: spec.host_namespace.clone().unwrap_or_else(host),
            secret: kubeconfig_secret(&origin.name),
            vault_name: vault.name.clone().unwrap_or_else(vault_name),
            vault_path: vault.path.clone().unwrap_or_else(vault_path),
            readable: readable(&spec),
            claim: origin.name,
            namespace: origin.namespace,
            spec,
        })
    }

    /// Name of the managed resource with the given last part.
    pub(super) fn object(&self, last: &str) -> String {
        name::object(&[&self.claim, "cluster", last])
    }

    /// True when the claim makes the cluster.
    pub(super) fn is_made_here(&self) -> bool {
        self.spec.kind == ClusterType::VCluster
    }

    /// The kubeconfig of the cluster.
    pub(super) fn kubeconfig(&self) -> SecretKeyRef {
        SecretKeyRef {
            name: self.secret.clone(),
            key: "kubeconfig".into(),
        }
    }

    /// The Secret that holds the token of few rights.
    pub(super) fn token_secret(&self) -> String {
        name::object(&[&self.claim, "token"])
    }

    /// Path of the credentials as the command line of Vault takes it.
    pub(super) fn vault_location(&self) -> String {
        format!("{}/{}", self.spec.vault.mount, self.vault_path)
    }

    /// Path of the registration in Argo CD below the mount.
    pub(super) fn argocd_path(&self) -> String {
        format!("ci-cd/argocd/cluster-credentials/{}", self.cluster)
    }
}

/// The Secret that holds the kubeconfig of a claim's cluster.
pub(in crate::compose) fn kubeconfig_secret(claim: &str) -> String {
    name::object(&[claim, "kubeconfig"])
}

fn readable(spec: &VirtualClusterSpec) -> Vec<String> {
    if !spec.vault.read.is_empty() {
        return spec.vault.read.clone();
    }
    let environment = spec.environment.as_str();
    vec![
        format!("infrastructure/databases/{environment}/*"),
        format!("apps/{environment}/*"),
    ]
}

/// What admission refuses as well; a Composition may be used with a schema of its own.
fn check(spec: &VirtualClusterSpec) -> Result<(), Refusal> {
    if (spec.kind == ClusterType::Existing) != spec.existing.is_some() {
        return Err(Refusal::Field {
            field: "existing".into(),
            cause: "it belongs to type Existing, and type Existing needs it".into(),
        });
    }
    Ok(())
}
