//! What the other two providers need, and how everything that a measurement makes goes again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;

use super::super::{crds, population};
use super::chart::Chart;
use super::figures::vcluster_version;
use super::side::{Side, kind};
use super::theirs::{self, HELM, KUBERNETES};
use super::{HOST_NAMESPACE, NAMESPACE};
use crate::paths::{Paths, write, write_private};
use crate::{Testbed, tools, wait_gone};

/// On everything of the bench that is in no namespace.
pub(super) const LABEL: &str = "pnats.cloud/bench";
/// Where provider-helm keeps the charts that it has downloaded.
const CHARTS: &str = "/tmp/charts";
const PATIENCE: Duration = Duration::from_secs(180);

/// provider-helm and provider-kubernetes, ready to be started.
pub(super) struct Installation {
    helm: PathBuf,
    kubernetes: PathBuf,
    certificates: PathBuf,
    chart: Chart,
}

impl Installation {
    /// Builds what is missing, and installs the CRDs.
    pub(super) async fn new(testbed: &Testbed, paths: &Paths) -> anyhow::Result<Self> {
        let (helm, helm_crds) = tools::provider_helm(paths).await?;
        let (kubernetes, kubernetes_crds) = tools::provider_kubernetes(paths).await?;
        let crds = [
            crds::files(&helm_crds, HELM)?,
            crds::files(&kubernetes_crds, KUBERNETES)?,
        ];
        crds::install(testbed, &crds.concat()).await?;
        let directory = directory(paths);
        Ok(Self {
            helm,
            kubernetes,
            certificates: certify(&directory)?,
            chart: Chart::serve(testbed, &directory.join("chart"), vcluster_version()).await?,
        })
    }

    /// The two as one side.
    pub(super) fn theirs(&self) -> Side {
        let programs = [self.helm.as_path(), self.kubernetes.as_path()];
        theirs::side(programs, &self.certificates, &self.chart.url)
    }
}

/// provider-kubernetes does not start without a certificate for its webhook, which nobody calls here.
fn certify(directory: &Path) -> anyhow::Result<PathBuf> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let directory = directory.join("tls");
    write(&directory.join("tls.crt"), own.cert.pem())?;
    write_private(&directory.join("tls.key"), own.signing_key.serialize_pem())?;
    Ok(directory)
}

fn directory(paths: &Paths) -> PathBuf {
    paths.state("bench-clusters")
}

/// Takes away the virtual cluster and everything in both namespaces, whoever holds it.
pub(super) async fn empty(testbed: &Testbed) -> anyhow::Result<()> {
    let ours = "kubernetes.pnats.cloud";
    let kinds = [
        kind(ours, "v1alpha1", "VCluster"),
        kind(ours, "v1alpha1", "ProviderConfigUsage"),
        kind(HELM, "v1beta1", "Release"),
        kind(HELM, "v1beta1", "ProviderConfigUsage"),
        kind(HELM, "v1beta1", "ProviderConfig"),
        kind(KUBERNETES, "v1alpha1", "Object"),
        kind(KUBERNETES, "v1alpha1", "ProviderConfigUsage"),
        kind(KUBERNETES, "v1alpha1", "ProviderConfig"),
    ];
    population::clear(&testbed.client(), NAMESPACE, &kinds).await?;
    let namespaces: Api<Namespace> = Api::all(testbed.client());
    if namespaces.get_opt(HOST_NAMESPACE).await?.is_some() {
        let params = DeleteParams::default();
        namespaces.delete(HOST_NAMESPACE, &params).await?;
    }
    wait_gone(&namespaces, HOST_NAMESPACE, PATIENCE).await?;
    let _not_there = std::fs::remove_file(downloaded());
    Ok(())
}

fn downloaded() -> PathBuf {
    Path::new(CHARTS).join(format!("vcluster-{}.tgz", vcluster_version()))
}

/// Takes away everything that a measurement makes in the cluster and on the machine.
pub(super) async fn remove(testbed: &Testbed, paths: &Paths) -> anyhow::Result<()> {
    empty(testbed).await?;
    let label = format!("--selector={LABEL}");
    for kind in ["flowschemas", "clusterrolebindings"] {
        let delete = ["delete", kind, &label, "--ignore-not-found"];
        testbed.kubectl(&delete).await?;
    }
    crds::remove(testbed, &[HELM, KUBERNETES]).await?;
    let _not_there = std::fs::remove_dir_all(directory(paths));
    // Unless there is something else in it.
    let _others = std::fs::remove_dir(CHARTS);
    Ok(())
}
