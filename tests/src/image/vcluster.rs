//! The images of a virtual cluster: its control plane, and what that copies in before it starts.
//!
//! The control plane's image holds the syncer alone. The API server, the controller manager, the store and Helm come from a
//! second image, whose directory `/kubernetes` an init container copies with `cp`.

use std::path::PathBuf;

use xtask::layer::Tree;

use super::{build_name, cached, image, shell};
use crate::paths::Paths;
use crate::tools::Tools;

/// The control plane of a virtual cluster.
pub const VCLUSTER: &str = "localhost/vcluster:0.36.1";
/// The Kubernetes that runs inside.
pub const VCLUSTER_KUBERNETES: &str = "localhost/vcluster-kubernetes:v1.36.4";

/// The store of virtual clusters with more than one replica.
pub const ETCD: &str = "localhost/etcd:3.6";

/// The archives, made when the cache lacks them.
pub(super) async fn archives(
    paths: &Paths,
    tools: &Tools,
) -> anyhow::Result<[(&'static str, PathBuf); 3]> {
    let build = build_name(&tools.vcluster());
    let control_plane = cached(paths, VCLUSTER, &build, || async { control_plane(tools) }).await?;
    let build = [tools.kubernetes("kube-apiserver"), tools.kine()];
    let build = build.map(|binary| build_name(&binary)).join("-");
    let kubernetes = cached(paths, VCLUSTER_KUBERNETES, &build, || async {
        kubernetes(tools)
    })
    .await?;
    let build = build_name(&tools.etcd());
    let etcd = cached(paths, ETCD, &build, || async { etcd(tools) }).await?;
    Ok([
        (VCLUSTER, control_plane),
        (VCLUSTER_KUBERNETES, kubernetes),
        (ETCD, etcd),
    ])
}

fn control_plane(tools: &Tools) -> anyhow::Result<xtask::oci::Image> {
    let binary = std::fs::read(tools.vcluster())?;
    let tree = Tree::new().file("/vcluster", binary, 0o755);
    image(tree, &["/vcluster", "start"])
}

fn etcd(tools: &Tools) -> anyhow::Result<xtask::oci::Image> {
    let binary = std::fs::read(tools.etcd())?;
    let tree = Tree::new().file("/usr/local/bin/etcd", binary, 0o755);
    image(tree, &["/usr/local/bin/etcd"])
}

fn kubernetes(tools: &Tools) -> anyhow::Result<xtask::oci::Image> {
    let binaries = [
        ("kube-apiserver", tools.kubernetes("kube-apiserver")),
        (
            "kube-controller-manager",
            tools.kubernetes("kube-controller-manager"),
        ),
        ("kine", tools.kine()),
        ("helm", tools.helm()),
    ];
    let mut tree = shell(Tree::new())?;
    for (name, binary) in binaries {
        tree = tree.file(
            &format!("/kubernetes/{name}"),
            std::fs::read(binary)?,
            0o755,
        );
    }
    image(tree, &["/bin/sh"])
}
