//! The OCI registry packages are pushed to and pulled from: Debian's, in plain HTTP on the bridge.
//!
//! Its address has a dot and is private, which is what Crossplane's rule for package names and its client's fallback to
//! plain HTTP want.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;

use crate::network::ADDRESS;
use crate::paths::{self, Paths};
use crate::process::Server;
use crate::{command, wait};

/// Where the registry listens; fixed, because package names carry it.
pub const REGISTRY: &str = "10.244.0.1:5000";

/// Starts the registry and waits until it answers.
pub(crate) async fn start(paths: &Paths) -> anyhow::Result<()> {
    drop(TcpListener::bind((ADDRESS, 5000)).with_context(|| {
        format!("{REGISTRY} is taken: end what listens on port 5000 of every address, `ss -ltnp` names it")
    })?);
    let config = paths.state("registry/config.json");
    paths::write(&config, serde_json::to_vec_pretty(&config_of(paths))?)?;
    let registry = command::require(
        "docker-registry",
        "install the Debian package docker-registry",
    )?;
    Server::new("registry", registry)
        .args(["serve".to_owned(), config.display().to_string()])
        .start(paths)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    wait::wait_for(
        "the registry to answer",
        Duration::from_secs(20),
        async || {
            Ok(client
                .get(format!("http://{REGISTRY}/v2/"))
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success()))
        },
    )
    .await
}

fn config_of(paths: &Paths) -> serde_json::Value {
    serde_json::json!({
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": paths.state("registry/data")},
            "delete": {"enabled": true},
        },
        "http": {"addr": REGISTRY},
    })
}

/// Tells containerd to pull from the registry in plain HTTP.
pub(crate) fn trust(paths: &Paths) -> anyhow::Result<()> {
    let hosts = format!(
        "server = \"http://{REGISTRY}\"\n\n[host.\"http://{REGISTRY}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    );
    paths::write(
        &paths.state(&format!("containerd/certs.d/{REGISTRY}/hosts.toml")),
        hosts,
    )
}
