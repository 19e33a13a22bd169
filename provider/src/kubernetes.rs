//! Kubernetes: clusters, what other systems must know about them, and objects inside them.
//!
//! One file per kind. A kind's file declares it; its behaviour lies in the folder of the same name.
//! The session of a provider config is the way to the host cluster, where this backend may write
//! only in namespaces the config allows; other clusters are reached through kubeconfigs that
//! resources refer to.
//!
//! Kubernetes 1.28 and later.

#[cfg(feature = "backends")]
pub mod allowance;
pub mod argocd_cluster;
#[cfg(feature = "backends")]
pub mod argocd_config;
pub mod cluster_connection;
#[cfg(feature = "backends")]
pub mod connection;
#[cfg(feature = "backends")]
mod connector;
#[cfg(feature = "backends")]
pub mod health;
#[cfg(feature = "backends")]
pub mod manifest;
#[cfg(feature = "backends")]
pub mod object;
pub mod remote_object;
#[cfg(feature = "backends")]
pub mod rights;
pub mod service_account_token;
#[cfg(feature = "backends")]
mod session;
pub mod settings;
#[cfg(feature = "backends")]
pub mod source;
pub mod status;
pub mod vcluster;

pub use argocd_cluster::ArgoCdCluster;
pub use cluster_connection::ClusterConnection;
#[cfg(feature = "backends")]
pub use connector::Connector;
pub use remote_object::RemoteObject;
pub use service_account_token::ServiceAccountToken;
#[cfg(feature = "backends")]
pub use session::Session;
pub use settings::Settings;
pub use vcluster::VCluster;

/// API group of every kind here.
pub const GROUP: &str = "kubernetes.pnats.cloud";
/// The category kubectl offers for all kinds of this backend.
pub const CATEGORY: &str = "kubernetes";
