//! Whether what is published lets somebody in.

use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::core::v1::{Namespace, Secret, Service};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::time::timeout;

use super::{HOST_NAMESPACE, NAME, NAMESPACE, SECRET};
use crate::{Testbed, wait_for};

const PATIENCE: Duration = Duration::from_secs(300);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(3);

/// Waits until the namespaces of the virtual cluster can be listed with what the connection Secret holds.
pub(super) async fn until_usable(testbed: &Testbed) -> anyhow::Result<()> {
    wait_for("a usable kubeconfig", PATIENCE, async || {
        let Some(kubeconfig) = published(testbed).await? else {
            return Ok(false);
        };
        // Not complete yet, or nobody answers yet.
        let listed = timeout(ANSWER, list_namespaces(testbed, &kubeconfig)).await;
        Ok(matches!(listed, Ok(Ok(()))))
    })
    .await
}

async fn published(testbed: &Testbed) -> anyhow::Result<Option<String>> {
    let secrets: Api<Secret> = Api::namespaced(testbed.client(), NAMESPACE);
    let data = secrets.get_opt(SECRET).await?.and_then(|found| found.data);
    let kubeconfig = data.and_then(|mut data| data.remove("kubeconfig"));
    Ok(kubeconfig.and_then(|text| String::from_utf8(text.0).ok()))
}

async fn list_namespaces(testbed: &Testbed, kubeconfig: &str) -> anyhow::Result<()> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    anyhow::ensure!(!config.accept_invalid_certs, "the server is not verified");
    let client = Client::try_from(at_service(testbed, config).await?)?;
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.list(&ListParams::default().limit(1)).await?;
    Ok(())
}

/// The Service's name resolves inside the host cluster only, so it is reached by its address; the server is still
/// verified by the name.
async fn at_service(testbed: &Testbed, mut config: Config) -> anyhow::Result<Config> {
    let services: Api<Service> = Api::namespaced(testbed.client(), HOST_NAMESPACE);
    let spec = services.get(NAME).await?.spec;
    let address = spec.and_then(|spec| spec.cluster_ip);
    let address = address.context("the Service has no address")?;
    let name = config.cluster_url.host().map(str::to_owned);
    config.tls_server_name = config.tls_server_name.or(name);
    config.cluster_url = format!("https://{address}:443").parse()?;
    Ok(config)
}
