//! The only node: containerd with a bridge network, the kubelet, and kube-proxy.
//!
//! Configured for what a small virtual machine allows: no `AppArmor`, no lowering of OOM scores, control groups of either
//! version. The kubelet leaves iptables alone and kube-proxy keeps to nftables tables of its own, so that both can be taken
//! away again without a trace.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::network::{ADDRESS, BRIDGE, NETWORK, PODS, Ports};
use crate::paths::{self, Paths};
use crate::pki::NODE;
use crate::process::Server;
use crate::tools::Tools;
use crate::{cgroup, cleanup, cluster, command, image, registry, wait};

/// Starts containerd and waits until it answers.
pub(crate) async fn start_containerd(paths: &Paths) -> anyhow::Result<()> {
    cgroup::create()?;
    write_network(paths)?;
    registry::trust(paths)?;
    let config = paths.state("containerd/config.toml");
    paths::write(&config, containerd_config(paths))?;
    let containerd = command::require("containerd", "install the Debian package containerd")?;
    Server::new("containerd", containerd)
        .args(["--config".to_owned(), config.display().to_string()])
        .start(paths)?;
    wait::wait_for(
        "containerd to answer",
        Duration::from_secs(20),
        async || Ok(command::run(image::ctr(paths).arg("version")).await.is_ok()),
    )
    .await
}

/// Imports the images that the node lacks.
pub(crate) async fn import_images(paths: &Paths, tools: &Tools) -> anyhow::Result<()> {
    let present = image::present(paths).await?;
    for (name, archive) in image::archives(paths, tools).await? {
        if !present.iter().any(|image| image == name) {
            image::import(paths, &archive).await?;
        }
    }
    Ok(())
}

/// Starts the kubelet and kube-proxy, and waits until the node is Ready.
pub(crate) async fn start_kubelet(
    paths: &Paths,
    tools: &Tools,
    ports: &Ports,
) -> anyhow::Result<()> {
    if !Path::new(cleanup::KUBELET_DIRECTORY).exists() {
        paths::write(&paths.state(cleanup::OWNS_KUBELET_DIRECTORY), "")?;
    }
    let config = paths.state("kubelet/config.json");
    paths::write(
        &config,
        serde_json::to_vec_pretty(&kubelet_config(paths, ports))?,
    )?;
    Server::new("kubelet", tools.kubernetes("kubelet"))
        .args(kubelet_arguments(paths))
        .start(paths)?;
    Server::new("kube-proxy", tools.kubernetes("kube-proxy"))
        .args(proxy_arguments(paths, ports))
        .start(paths)?;
    let mut get = cluster::kubectl(&tools.kubernetes("kubectl"), paths);
    get.args([
        "get",
        "node",
        NODE,
        "--output",
        r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#,
    ]);
    wait::wait_for(
        "the node to be Ready",
        Duration::from_secs(30),
        async || {
            Ok(command::run(&mut get)
                .await
                .is_ok_and(|status| status == "True"))
        },
    )
    .await
}

fn kubelet_arguments(paths: &Paths) -> Vec<String> {
    vec![
        format!("--config={}", paths.state("kubelet/config.json").display()),
        format!(
            "--kubeconfig={}",
            paths.state("kubelet.kubeconfig").display()
        ),
        format!("--hostname-override={NODE}"),
        format!("--node-ip={ADDRESS}"),
        format!("--root-dir={}", paths.state("kubelet").display()),
        format!("--cert-dir={}", paths.state("kubelet/pki").display()),
    ]
}

fn proxy_arguments(paths: &Paths, ports: &Ports) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", paths.state("proxy.kubeconfig").display()),
        "--proxy-mode=nftables".to_owned(),
        format!("--cluster-cidr={PODS}"),
        "--conntrack-max-per-core=0".to_owned(),
        format!("--hostname-override={NODE}"),
        format!("--healthz-bind-address=127.0.0.1:{}", ports.proxy_health),
        format!("--metrics-bind-address=127.0.0.1:{}", ports.proxy_metrics),
    ]
}

fn kubelet_config(paths: &Paths, ports: &Ports) -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": false,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", cgroup::GROUP),
        "containerRuntimeEndpoint": format!("unix://{}", paths.containerd_socket().display()),
        // Lowering it needs a capability that containers and small virtual machines lack.
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        "podLogsDir": paths.state("pod-logs"),
        "volumePluginDir": paths.state("kubelet/volume-plugins"),
        "address": ADDRESS,
        "port": ports.kubelet,
        "healthzPort": ports.kubelet_health,
        "authentication": {
            "x509": {"clientCAFile": paths.pki("ca.crt")},
            "webhook": {"enabled": true},
            "anonymous": {"enabled": false},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [cluster::NAME_SERVER],
        "clusterDomain": "cluster.local",
        "resolvConf": "/etc/resolv.conf",
        "tlsCertFile": paths.pki("kubelet.crt"),
        "tlsPrivateKeyFile": paths.pki("kubelet.key"),
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "2%", "imagefs.available": "2%"},
        "imageGCHighThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "4s",
        "registryPullQPS": 0,
        "serializeImagePulls": false,
    })
}

fn write_network(paths: &Paths) -> anyhow::Result<()> {
    let network = json!({
        "cniVersion": "1.0.0",
        "name": NETWORK,
        "plugins": [{
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": true,
            // Pods need no way out of this machine, and a masquerade would leave iptables rules behind.
            "ipMasq": false,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": paths.state("cni/addresses"),
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    });
    paths::write(
        &paths.state("cni/net.d/10-bridge.conflist"),
        serde_json::to_vec_pretty(&network)?,
    )
}

fn containerd_config(paths: &Paths) -> String {
    let state = paths.state.display();
    format!(
        r#"version = 2
root = "{state}/containerd/root"
state = "{state}/containerd/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{state}/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{state}/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{state}/containerd/runc"
"#,
        socket = paths.containerd_socket().display(),
        PAUSE = image::PAUSE,
    )
}
