//! Crossplane, installed with its own Helm chart, as pods: webhooks and RBAC manager included.

use crate::cache;
use crate::paths::{self, Paths};
use crate::tools::Tools;
use crate::{command, image, process};

/// Namespace Crossplane and the packages it installs live in.
pub const CROSSPLANE_NAMESPACE: &str = "crossplane-system";

/// What differs from the chart's defaults: our image, and no waiting. One replica needs no leader election, and the
/// default limits of a tenth and a half of a processor only slow a small machine down.
const VALUES: [&str; 6] = [
    "image.pullPolicy=IfNotPresent",
    "leaderElection=false",
    "rbacManager.leaderElection=false",
    "resourcesCrossplane.limits.cpu=2",
    "resourcesRBACManager.limits.cpu=1",
    "revisionHistoryLimit=1",
];

/// Installs the chart and waits until its Deployments are available.
pub(crate) async fn install(paths: &Paths, tools: &Tools) -> anyhow::Result<()> {
    let chart = paths.state("crossplane-chart");
    if !chart.exists() {
        cache::copy(&tools.crossplane_files().join("charts/crossplane"), &chart).await?;
        let description = chart.join("Chart.yaml");
        paths::write(&description, versioned(&paths::read(&description)?))?;
    }
    let (repository, tag) = image::CROSSPLANE.rsplit_once(':').unwrap_or_default();
    let mut helm = process::client(tools.helm(), paths);
    helm.env("KUBECONFIG", paths.kubeconfig())
        .env("HELM_CACHE_HOME", paths.state("helm"))
        .env("KUBECACHEDIR", paths.client_cache());
    helm.args(["upgrade", "--install", "crossplane"])
        .arg(&chart);
    helm.args([
        "--namespace",
        CROSSPLANE_NAMESPACE,
        "--create-namespace",
        "--wait",
        "--timeout",
        "120s",
    ]);
    helm.args([
        "--set",
        &format!("image.repository={repository},image.tag={tag}"),
    ]);
    for value in VALUES {
        helm.args(["--set", value]);
    }
    command::run(&mut helm).await?;
    Ok(())
}

/// The chart in the module carries a placeholder for its version, which a release replaces.
fn versioned(chart: &str) -> String {
    let lines = chart.lines().map(|line| match line.split_once(':') {
        Some((key @ ("version" | "appVersion"), _)) => format!("{key}: 2.4.0\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_gets_the_version_of_its_module() {
        let chart = "apiVersion: v1\nappVersion: 0.0.1\nname: crossplane\nversion: 0.0.1\n";
        assert_eq!(
            versioned(chart),
            "apiVersion: v1\nappVersion: 2.4.0\nname: crossplane\nversion: 2.4.0\n"
        );
    }
}
