//! A real control plane on this machine, for the demo and for the stories in `tests/`.
//!
//! etcd, Kubernetes with one node and pods, an OCI registry, Crossplane from its own chart, OpenBao and PostgreSQL: nothing is
//! mocked. `cargo testbed up` starts it, [`Testbed::shared`] starts or reuses it, `cargo testbed down` leaves nothing behind.
//! Servers run in sessions of their own and outlive the command or test that started them.
//!
//! PostgreSQL and OpenBao are processes of the host, which pods reach as [`POSTGRES_SERVICE`] and [`VAULT_SERVICE`].
//! [`lifecycle`](self) decides what to start; each server has a module of its own; `cleanup` knows every trace.

mod admission;
mod argocd;
mod bench;
mod cache;
mod cgroup;
mod cleanup;
pub mod cli;
mod cluster;
mod command;
mod control_plane;
mod crossplane;
pub mod demo;
mod environment;
mod host_process;
mod host_provider;
mod image;
mod inside;
mod lifecycle;
mod namespace;
mod network;
mod node;
pub mod openbao;
mod packages;
mod paths;
mod pki;
mod pod_process;
mod pod_view;
mod postgres;
mod process;
pub mod product;
mod progress;
mod registry;
pub mod resource;
pub mod runtime_config;
mod scene;
mod service_account;
pub mod story;
pub mod tenant;
mod testbed;
mod tools;
mod turn;
mod wait;

pub use admission::Admission;
pub use argocd::ArgoCd;
pub use crossplane::CROSSPLANE_NAMESPACE;
pub use host_process::HostProcess;
pub use host_provider::HostProvider;
pub use image::{BUSYBOX, COREDNS, ETCD, PSQL, VCLUSTER, VCLUSTER_KUBERNETES};
pub use inside::Inside;
pub use namespace::Namespace;
pub use network::ADDRESS;
pub use openbao::{OpenBao, VAULT_SERVICE};
pub use pod_process::{Halted, PodProcess};
pub use postgres::{DEFAULT_MAJOR, POSTGRES_SERVICE, Postgres, Session};
pub use registry::REGISTRY;
pub use resource::Resource;
pub use scene::Scene;
pub use tenant::Tenant;
pub use testbed::Testbed;
pub use turn::Turn;
pub use wait::{wait_condition, wait_for, wait_for_value, wait_gone};
