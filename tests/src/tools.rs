//! The servers and clients that are built from Go modules, and where each binary lies.

use std::path::PathBuf;

use crate::cache::{GoBuilder, GoTool};
use crate::paths::Paths;

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

const VCLUSTER: GoTool = GoTool {
    name: "vcluster",
    module: "vcluster",
    ldflags: "-s -w -X github.com/loft-sh/vcluster/pkg/telemetry.SyncerVersion=0.36.1",
    binaries: &[("vcluster", "github.com/loft-sh/vcluster/cmd/vcluster")],
    files: Some(("github.com/loft-sh/vcluster", "chart")),
};

const KINE: GoTool = GoTool {
    name: "kine",
    module: "kine",
    ldflags: "-s -w",
    binaries: &[("kine", "github.com/k3s-io/kine")],
    files: None,
};

const PROVIDER_SQL: GoTool = GoTool {
    name: "provider-sql",
    module: "provider-sql",
    ldflags: "-s -w",
    binaries: &[(
        "provider-sql",
        "github.com/crossplane-contrib/provider-sql/cmd/provider",
    )],
    files: Some(("github.com/crossplane-contrib/provider-sql", "package/crds")),
};

/// It has no flag for the address of its metrics, which two providers on one machine cannot share.
const PROVIDER_HELM: GoTool = GoTool {
    name: "provider-helm",
    module: "provider-helm",
    ldflags: "-s -w -X sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=127.0.0.1:18095",
    binaries: &[(
        "provider-helm",
        "github.com/crossplane-contrib/provider-helm/cmd/provider",
    )],
    files: Some((
        "github.com/crossplane-contrib/provider-helm",
        "package/crds",
    )),
};

const PROVIDER_KUBERNETES: GoTool = GoTool {
    name: "provider-kubernetes",
    module: "provider-kubernetes",
    ldflags: "-s -w -X sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=127.0.0.1:18096",
    binaries: &[(
        "provider-kubernetes",
        "github.com/crossplane-contrib/provider-kubernetes/cmd/provider",
    )],
    files: Some((
        "github.com/crossplane-contrib/provider-kubernetes",
        "package/crds",
    )),
};

/// The version of provider-sql that is pinned.
pub(crate) fn provider_sql_version() -> &'static str {
    let pinned = include_str!("../tools/provider-sql/go.mod");
    pinned_version(pinned, "provider-sql")
}

/// The version of provider-helm that is pinned.
pub(crate) fn provider_helm_version() -> &'static str {
    let pinned = include_str!("../tools/provider-helm/go.mod");
    pinned_version(pinned, "provider-helm")
}

/// The version of provider-kubernetes that is pinned.
pub(crate) fn provider_kubernetes_version() -> &'static str {
    let pinned = include_str!("../tools/provider-kubernetes/go.mod");
    pinned_version(pinned, "provider-kubernetes")
}

fn pinned_version(pinned: &'static str, provider: &str) -> &'static str {
    let module = format!("github.com/crossplane-contrib/{provider} ");
    let line = pinned.split_once(&module).map(|(_, rest)| rest);
    line.and_then(|rest| rest.split_whitespace().next())
        .unwrap_or("of unknown version")
}

/// provider-sql and the directory with its CRDs. Only the benchmark needs it.
pub(crate) async fn provider_sql(paths: &Paths) -> anyhow::Result<(PathBuf, PathBuf)> {
    let built = GoBuilder::new(paths).await?.build(&PROVIDER_SQL).await?;
    Ok((built.join("bin/provider-sql"), built.join("files")))
}

/// provider-helm, as [`provider_sql`].
pub(crate) async fn provider_helm(paths: &Paths) -> anyhow::Result<(PathBuf, PathBuf)> {
    let built = GoBuilder::new(paths).await?.build(&PROVIDER_HELM).await?;
    Ok((built.join("bin/provider-helm"), built.join("files")))
}

/// provider-kubernetes, as [`provider_sql`].
pub(crate) async fn provider_kubernetes(paths: &Paths) -> anyhow::Result<(PathBuf, PathBuf)> {
    let builder = GoBuilder::new(paths).await?;
    let built = builder.build(&PROVIDER_KUBERNETES).await?;
    Ok((built.join("bin/provider-kubernetes"), built.join("files")))
}

const ARGOCD: GoTool = GoTool {
    name: "argocd",
    module: "argocd",
    ldflags: "-s -w -X github.com/argoproj/argo-cd/v3/common.version=3.2.11",
    binaries: &[
        ("argocd", "github.com/argoproj/argo-cd/v3/cmd"),
        ("redis", "./redis"),
    ],
    files: Some(("github.com/argoproj/argo-cd/v3", "manifests/crds")),
};

/// Argo CD's one binary, the cache it needs, and the directory with its CRDs. Only its own story needs them.
pub(crate) async fn argocd(paths: &Paths) -> anyhow::Result<[PathBuf; 3]> {
    let built = GoBuilder::new(paths).await?.build(&ARGOCD).await?;
    Ok(["bin/argocd", "bin/redis", "files"].map(|file| built.join(file)))
}

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
    vcluster: PathBuf,
    kine: PathBuf,
}

impl Tools {
    /// Builds what the cache lacks, one tool after the other: each build uses every processor already.
    pub(crate) async fn build(paths: &Paths) -> anyhow::Result<Self> {
        let builder = GoBuilder::new(paths).await?;
        Ok(Self {
            kubernetes: builder.build(&KUBERNETES).await?,
            etcd: builder.build(&ETCD).await?,
            crossplane: builder.build(&CROSSPLANE).await?,
            openbao: builder.build(&OPENBAO).await?,
            coredns: builder.build(&COREDNS).await?,
            helm: builder.build(&HELM).await?,
            crossplane_cli: builder.build(&CROSSPLANE_CLI).await?,
            vcluster: builder.build(&VCLUSTER).await?,
            kine: builder.build(&KINE).await?,
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

    /// The control plane of a virtual cluster: syncer and proxy, without the API server that it starts.
    pub(crate) fn vcluster(&self) -> PathBuf {
        self.vcluster.join("bin/vcluster")
    }

    /// vCluster's Helm chart.
    pub(crate) fn vcluster_chart(&self) -> PathBuf {
        self.vcluster.join("files")
    }

    /// What lets an API server keep its data in `SQLite`.
    pub(crate) fn kine(&self) -> PathBuf {
        self.kine.join("bin/kine")
    }
}
