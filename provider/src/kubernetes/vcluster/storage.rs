//! Where a virtual cluster keeps its objects, and on which volume.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the virtual cluster keeps its objects.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackingStore {
    /// Default `SQLite`. It cannot be changed.
    #[serde(rename = "type", default)]
    pub kind: BackingStoreType,
    /// Members of etcd, with type `DeployedEtcd`. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 5))]
    pub etcd_replicas: i32,
}

impl Default for BackingStore {
    fn default() -> Self {
        Self {
            kind: BackingStoreType::default(),
            etcd_replicas: one(),
        }
    }
}

/// Kinds of backing store that need no licence.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum BackingStoreType {
    /// A file on the control plane's volume; one replica.
    #[default]
    #[serde(rename = "SQLite")]
    Sqlite,
    /// An etcd of its own beside the control plane.
    DeployedEtcd,
}

/// The volume of the control plane, and those of etcd.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.enabled == oldSelf.enabled",
    "persistence.enabled cannot be changed; make another VCluster"
))]
#[x_kube(validation = (
    "has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
    "persistence.storageClassName cannot be changed; make another VCluster"
))]
#[x_kube(validation = (
    "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
    "a volume cannot shrink; set persistence.size to at least what it was"
))]
pub struct Persistence {
    /// Keep the virtual cluster's objects on a volume. Without one they are lost when the pod goes.
    /// Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Size of each volume. It can grow if the storage class allows it. Default `5Gi`.
    #[serde(default = "five_gibibytes")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = ("isQuantity(self)", "size must be a quantity such as 5Gi"))]
    pub size: String,
    /// Storage class. Not set: the host cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
    /// What becomes of the volumes' claims when this resource is deleted. Default `Delete`.
    #[serde(default)]
    pub on_delete: ClaimDeletion,
    /// What to do with claims of the same name that are there before: they hold the objects of an earlier
    /// virtual cluster. Default `Fail`.
    #[serde(default)]
    pub existing_claims: ExistingClaims,
}

impl Default for Persistence {
    fn default() -> Self {
        Self {
            enabled: yes(),
            size: five_gibibytes(),
            storage_class_name: None,
            on_delete: ClaimDeletion::default(),
            existing_claims: ExistingClaims::default(),
        }
    }
}

/// What becomes of claims on deletion.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ClaimDeletion {
    /// They are deleted, and with them every object of the virtual cluster.
    #[default]
    Delete,
    /// They stay.
    Retain,
}

/// What to do with claims that an earlier virtual cluster has left.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ExistingClaims {
    /// Make nothing.
    #[default]
    Fail,
    /// Use them: the earlier virtual cluster comes back with its objects.
    Reuse,
}

const fn one() -> i32 {
    1
}

const fn yes() -> bool {
    true
}

fn five_gibibytes() -> String {
    "5Gi".into()
}
