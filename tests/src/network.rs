//! The bridge that pods, the node and the servers on this machine share.
//!
//! Its address is the node's: the API server, PostgreSQL, OpenBao and the registry listen there, so nothing is offered on an
//! interface of the machine itself. Pods get no route to the outside.

use std::collections::BTreeMap;
use std::net::TcpListener;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::command;
use crate::paths::{self, Paths};

/// The bridge.
pub(crate) const BRIDGE: &str = "tenancy0";
/// The bridge's address, which is the node's and the servers'.
pub const ADDRESS: &str = "10.244.0.1";
/// Where pods get their addresses from.
pub(crate) const PODS: &str = "10.244.0.0/24";
/// Where services get theirs from.
pub(crate) const SERVICES: &str = "10.96.0.0/16";
/// The name of the container network.
pub(crate) const NETWORK: &str = "tenancy-testbed";

const SETTINGS: [(&str, &str); 4] = [
    ("net/ipv4/ip_forward", "1"),
    ("net/bridge/bridge-nf-call-iptables", "1"),
    ("fs/inotify/max_user_instances", "8192"),
    ("fs/inotify/max_user_watches", "524288"),
];

/// Creates the bridge, the routes and the kernel settings that pods need; what a setting was is kept for [`remove`].
pub(crate) async fn create(paths: &Paths) -> anyhow::Result<()> {
    refuse_strangers().await?;
    ip(&["link", "add", BRIDGE, "type", "bridge"]).await?;
    ip(&["address", "add", &format!("{ADDRESS}/24"), "dev", BRIDGE]).await?;
    ip(&["link", "set", BRIDGE, "up"]).await?;
    // A machine without a default route could not send to a service address, which kube-proxy rewrites on the way.
    ip(&["route", "add", SERVICES, "dev", BRIDGE]).await?;
    // Built in, or loaded here; where it is neither, the setting below is simply not there.
    let _no_modules = command::run(Command::new("modprobe").arg("br_netfilter")).await;
    change_settings(paths)
}

async fn refuse_strangers() -> anyhow::Result<()> {
    let routes = command::run(Command::new("ip").args(["-4", "-oneline", "address"])).await?;
    if let Some(line) = routes
        .lines()
        .find(|line| line.contains(" 10.244.0.") || line.contains(" 10.96."))
    {
        bail!(
            "an interface of this machine already uses the testbed's addresses: remove it first ({})",
            line.trim()
        );
    }
    if tables()
        .await
        .iter()
        .any(|table| table.ends_with(" kube-proxy"))
    {
        bail!(
            "another kube-proxy keeps its table on this machine: stop it, then `nft delete table ip kube-proxy`"
        );
    }
    Ok(())
}

fn change_settings(paths: &Paths) -> anyhow::Result<()> {
    let mut before = BTreeMap::new();
    for (name, value) in SETTINGS {
        let file = format!("/proc/sys/{name}");
        let Ok(old) = std::fs::read_to_string(&file) else {
            continue;
        };
        let is_enough = old.trim().parse::<u64>().ok() >= value.parse().ok();
        if !is_enough {
            before.insert(name, old.trim().to_owned());
            paths::write(&paths.state("settings.json"), serde_json::to_vec(&before)?)?;
            std::fs::write(&file, value)
                .with_context(|| format!("cannot set {file}: allow it for this machine"))?;
        }
    }
    Ok(())
}

/// Takes back what [`create`] and the node's servers changed in the kernel. Also cleans up after a half-made network.
pub(crate) async fn remove(paths: &Paths) {
    for table in tables().await {
        if table.ends_with(" kube-proxy") {
            let words = table.split_whitespace().skip(1);
            let _already_gone =
                command::run(Command::new("nft").args(["delete", "table"]).args(words)).await;
        }
    }
    // The route goes with the device.
    let _already_gone = ip(&["link", "delete", BRIDGE]).await;
    restore_settings(paths);
}

fn restore_settings(paths: &Paths) {
    let Ok(text) = std::fs::read(paths.state("settings.json")) else {
        return;
    };
    let before: BTreeMap<String, String> = serde_json::from_slice(&text).unwrap_or_default();
    for (name, value) in before {
        if let Err(error) = std::fs::write(format!("/proc/sys/{name}"), &value) {
            eprintln!("! cannot set /proc/sys/{name} back to {value}: {error}");
        }
    }
}

async fn tables() -> Vec<String> {
    let listed = command::run(Command::new("nft").args(["list", "tables"]))
        .await
        .unwrap_or_default();
    listed.lines().map(str::to_owned).collect()
}

async fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    command::run(Command::new("ip").args(arguments)).await?;
    Ok(())
}

/// The ports this testbed took, chosen free when it started.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Ports {
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) api: u16,
    pub(crate) controller_manager: u16,
    pub(crate) scheduler: u16,
    pub(crate) kubelet: u16,
    pub(crate) kubelet_health: u16,
    pub(crate) proxy_health: u16,
    pub(crate) proxy_metrics: u16,
    pub(crate) openbao: u16,
    pub(crate) openbao_cluster: u16,
}

impl Ports {
    /// Chooses every port; the API server and OpenBao get their usual ones where those are free.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let mut held = Vec::new();
        Ok(Self {
            api: usual_or_free(6443, &mut held)?,
            openbao: usual_or_free(8200, &mut held)?,
            etcd: free(&mut held)?,
            etcd_peer: free(&mut held)?,
            controller_manager: free(&mut held)?,
            scheduler: free(&mut held)?,
            kubelet: free(&mut held)?,
            kubelet_health: free(&mut held)?,
            proxy_health: free(&mut held)?,
            proxy_metrics: free(&mut held)?,
            openbao_cluster: free(&mut held)?,
        })
    }
}

/// `usual` when nobody listens there on any address, otherwise a port the kernel chooses. It is only reserved for as long as
/// `held` lives.
pub(crate) fn usual_or_free(usual: u16, held: &mut Vec<TcpListener>) -> anyhow::Result<u16> {
    match TcpListener::bind(("0.0.0.0", usual)) {
        Ok(listener) => {
            held.push(listener);
            Ok(usual)
        }
        Err(_) => free(held),
    }
}

/// A port that nobody listens on, reserved for as long as `held` lives.
pub(crate) fn free(held: &mut Vec<TcpListener>) -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("0.0.0.0", 0)).context("no TCP port is free")?;
    let port = listener.local_addr()?.port();
    held.push(listener);
    Ok(port)
}
