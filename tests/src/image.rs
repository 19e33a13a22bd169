//! The container images that the cluster itself needs, made here from binaries that the cache holds.

mod psql;
mod vcluster;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;
use xtask::layer::{Layer, Tree};
use xtask::oci::{Execution, Image, Platform, archive};

use crate::paths::{self, Paths};
use crate::tools::Tools;
use crate::{command, process};

pub use psql::PSQL;
pub use vcluster::{ETCD, VCLUSTER, VCLUSTER_KUBERNETES};

/// The image every pod's sandbox runs.
pub(crate) const PAUSE: &str = "localhost/pause:1";
/// A shell for whoever needs a pod that does something.
pub const BUSYBOX: &str = "localhost/busybox:1";
/// The cluster's name server.
pub const COREDNS: &str = "localhost/coredns:1.14.7";
/// Crossplane and its RBAC manager.
pub(crate) const CROSSPLANE: &str = "localhost/crossplane:v2.4.0";

const APPLETS: [&str; 16] = [
    "cat", "cp", "echo", "env", "false", "grep", "httpd", "id", "ls", "nc", "nslookup", "ping",
    "sh", "sleep", "true", "wget",
];

/// The images' archives, made when the cache lacks them.
pub(crate) async fn archives(
    paths: &Paths,
    tools: &Tools,
) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let pause = cached(paths, PAUSE, "1", || async { pause(paths).await }).await?;
    let busybox = cached(paths, BUSYBOX, "1", || async { busybox() }).await?;
    let coredns = cached(paths, COREDNS, &build_name(&tools.coredns()), || async {
        image(
            Tree::new().file("/coredns", std::fs::read(tools.coredns())?, 0o755),
            &["/coredns"],
        )
    })
    .await?;
    let build = build_name(&tools.crossplane());
    let crossplane = cached(paths, CROSSPLANE, &build, || async { crossplane(tools) }).await?;
    let mut archives = vec![
        (PAUSE, pause),
        (BUSYBOX, busybox),
        (COREDNS, coredns),
        (CROSSPLANE, crossplane),
    ];
    archives.push((PSQL, psql::archive(paths).await?));
    archives.extend(vcluster::archives(paths, tools).await?);
    Ok(archives)
}

/// The directory of the keyed build a binary belongs to, which names its content.
fn build_name(binary: &Path) -> String {
    let build = binary
        .parent()
        .and_then(Path::parent)
        .and_then(Path::file_name);
    build.unwrap_or_default().display().to_string()
}

async fn cached<F: Future<Output = anyhow::Result<Image>>>(
    paths: &Paths,
    name: &str,
    version: &str,
    make: impl FnOnce() -> F,
) -> anyhow::Result<PathBuf> {
    let file = format!("{}-{version}.tar", name.replace(['/', ':'], "-"));
    let target = paths.cache.join("images").join(file);
    if !target.exists() {
        let partial = target.with_extension("partial");
        paths::write(&partial, "")?;
        let image = make()
            .await
            .with_context(|| format!("cannot make the image {name}"))?;
        archive(name, &image, File::create(&partial)?)?;
        std::fs::rename(&partial, &target)?;
    }
    Ok(target)
}

fn image(tree: Tree, entrypoint: &[&str]) -> anyhow::Result<Image> {
    let tree = tree.directory("/tmp", 0o1777).directory("/etc", 0o755);
    let execution = Execution {
        entrypoint: entrypoint.iter().map(|word| (*word).to_owned()).collect(),
        env: vec!["PATH=/usr/local/bin:/bin".to_owned()],
        ..Execution::default()
    };
    Image::new(
        Platform::linux("amd64"),
        &execution,
        vec![Layer::plain(tree)?],
    )
}

async fn pause(paths: &Paths) -> anyhow::Result<Image> {
    let binary = paths.cache.join("images/pause");
    let gcc = command::require("gcc", "install gcc and libc6-dev")?;
    let mut compile = Command::new(gcc);
    compile
        .args(["-Os", "-static", "-s", "-x", "c", "-o"])
        .arg(&binary)
        .arg("-");
    command::feed(&mut compile, include_str!("../images/pause.c")).await?;
    image(
        Tree::new().file("/pause", std::fs::read(&binary)?, 0o755),
        &["/pause"],
    )
}

fn busybox() -> anyhow::Result<Image> {
    image(shell(Tree::new())?, &["/bin/sh"])
}

/// The tree with a shell and the commands that go with it.
fn shell(tree: Tree) -> anyhow::Result<Tree> {
    let binary = command::require("busybox", "install busybox-static")?;
    let tree = tree.file("/bin/busybox", std::fs::read(binary)?, 0o755);
    Ok(APPLETS.iter().fold(tree, |tree, applet| {
        tree.symlink(&format!("/bin/{applet}"), "busybox")
    }))
}

fn crossplane(tools: &Tools) -> anyhow::Result<Image> {
    let mut tree = Tree::new().file(
        "/usr/local/bin/crossplane",
        std::fs::read(tools.crossplane())?,
        0o755,
    );
    // Crossplane installs its own definitions from these directories of its image.
    for directory in ["crds", "webhookconfigurations"] {
        for entry in std::fs::read_dir(tools.crossplane_files().join(directory))? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let name = path.file_name().unwrap_or_default().display().to_string();
                tree = tree.file(
                    &format!("/{directory}/{name}"),
                    std::fs::read(&path)?,
                    0o644,
                );
            }
        }
    }
    image(tree, &["/usr/local/bin/crossplane"])
}

/// Imports an image archive into the node.
pub(crate) async fn import(paths: &Paths, archive: &Path) -> anyhow::Result<()> {
    if !archive.exists() {
        bail!(
            "{} does not exist: build the image first",
            archive.display()
        );
    }
    command::run(ctr(paths).args(["images", "import"]).arg(archive)).await?;
    Ok(())
}

/// Names of the images that the node has.
pub(crate) async fn present(paths: &Paths) -> anyhow::Result<Vec<String>> {
    let listed = command::run(ctr(paths).args(["images", "list", "--quiet"])).await?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// containerd's client, in the namespace that the kubelet uses.
pub(crate) fn ctr(paths: &Paths) -> Command {
    let mut command = process::client("ctr", paths);
    command
        .arg("--address")
        .arg(paths.containerd_socket())
        .args(["--namespace", "k8s.io"]);
    command
}
