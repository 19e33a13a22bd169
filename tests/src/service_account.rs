//! Kubeconfigs of ServiceAccounts, so that a binary on this machine has exactly the rights it would have in its pod.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client};

use crate::openbao::random_word;
use crate::paths::Paths;
use crate::pki;

/// A token of the ServiceAccount; with no audience it is for the API server.
pub(crate) async fn token(
    client: Client,
    (namespace, name): (&str, &str),
    audience: Option<&str>,
    lifetime: Duration,
) -> anyhow::Result<String> {
    let api: Api<ServiceAccount> = Api::namespaced(client, namespace);
    let spec = TokenRequestSpec {
        audiences: audience.map(str::to_owned).into_iter().collect(),
        expiration_seconds: Some(i64::try_from(lifetime.as_secs())?),
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest {
        spec,
        ..TokenRequest::default()
    };
    let issued = api
        .create_token_request(name, &PostParams::default(), &request)
        .await;
    let issued =
        issued.with_context(|| format!("no token for ServiceAccount {namespace}/{name}"))?;
    Ok(issued
        .status
        .context("the API server issued no token")?
        .token)
}

/// Writes a kubeconfig that logs in with `token` to the API server at `server`.
pub(crate) fn kubeconfig(
    paths: &Paths,
    server: &str,
    (namespace, name): (&str, &str),
    token: &str,
) -> anyhow::Result<PathBuf> {
    let path = paths.state(&format!(
        "kubeconfigs/{namespace}-{name}-{}.kubeconfig",
        random_word()
    ));
    pki::write_kubeconfig(paths, &path, server, &serde_json::json!({"token": token}))?;
    Ok(path)
}
