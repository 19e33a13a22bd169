//! etcd and the Kubernetes servers that need no node: API server, controller manager and scheduler.

use std::time::Duration;

use crate::network::{ADDRESS, Ports, SERVICES};
use crate::paths::{self, Paths};
use crate::process::Server;
use crate::tools::Tools;
use crate::{cluster, command, wait};

/// Log of what the provider has asked of the API server.
pub(crate) const AUDIT_LOG: &str = "provider-requests";
const AUDIT_POLICY: &str = "audit-policy.yaml";
/// Who asked for what, without bodies, and of the provider alone.
const AUDITED: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: [\"system:serviceaccount:crossplane-system:provider-tenancy\"]
- level: None
";

/// Starts everything and waits until ServiceAccounts are made, which is when objects can be created.
pub(crate) async fn start(paths: &Paths, tools: &Tools, ports: &Ports) -> anyhow::Result<()> {
    Server::new("etcd", tools.etcd())
        .args(etcd(paths, ports))
        .start(paths)?;
    paths::write(&paths.state(AUDIT_POLICY), AUDITED)?;
    Server::new("kube-apiserver", tools.kubernetes("kube-apiserver"))
        .args(api_server(paths, ports))
        .start(paths)?;
    until_succeeds(
        "the API server to be ready",
        paths,
        tools,
        &["get", "--raw", "/readyz"],
    )
    .await?;
    let manager = tools.kubernetes("kube-controller-manager");
    Server::new("kube-controller-manager", manager)
        .args(controller_manager(paths, ports))
        .start(paths)?;
    Server::new("kube-scheduler", tools.kubernetes("kube-scheduler"))
        .args(scheduler(paths, ports))
        .start(paths)?;
    let account = ["--namespace", "default", "get", "serviceaccount", "default"];
    until_succeeds(
        "the controller manager to make ServiceAccounts",
        paths,
        tools,
        &account,
    )
    .await
}

async fn until_succeeds(
    what: &str,
    paths: &Paths,
    tools: &Tools,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let mut kubectl = cluster::kubectl(&tools.kubernetes("kubectl"), paths);
    kubectl.arg("--request-timeout=2s").args(arguments);
    wait::wait_for(what, Duration::from_mins(1), async || {
        Ok(command::run(&mut kubectl).await.is_ok())
    })
    .await
}

fn etcd(paths: &Paths, ports: &Ports) -> Vec<String> {
    let (client, peer) = (
        format!("http://127.0.0.1:{}", ports.etcd),
        format!("http://127.0.0.1:{}", ports.etcd_peer),
    );
    vec![
        format!("--data-dir={}", paths.state("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // Nothing here outlives the machine.
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn api_server(paths: &Paths, ports: &Ports) -> Vec<String> {
    let pki = |name: &str| paths.pki(name).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd),
        format!("--bind-address={ADDRESS}"),
        format!("--advertise-address={ADDRESS}"),
        format!("--secure-port={}", ports.api),
        format!("--service-cluster-ip-range={SERVICES}"),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--allow-privileged=true".to_owned(),
        // Webhooks are called at their pods' addresses, which this machine reaches over the bridge.
        "--enable-aggregator-routing=true".to_owned(),
        "--profiling=false".to_owned(),
        format!(
            "--audit-policy-file={}",
            paths.state(AUDIT_POLICY).display()
        ),
        format!("--audit-log-path={}", paths.log(AUDIT_LOG).display()),
        format!("--client-ca-file={}", pki("ca.crt")),
        format!("--tls-cert-file={}", pki("apiserver.crt")),
        format!("--tls-private-key-file={}", pki("apiserver.key")),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", pki("service-account.pub")),
        format!(
            "--service-account-signing-key-file={}",
            pki("service-account.key")
        ),
        format!("--proxy-client-cert-file={}", pki("front-proxy.crt")),
        format!("--proxy-client-key-file={}", pki("front-proxy.key")),
        format!("--requestheader-client-ca-file={}", pki("front-ca.crt")),
        "--requestheader-allowed-names=front-proxy-client".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--kubelet-certificate-authority={}", pki("ca.crt")),
        format!("--kubelet-client-certificate={}", pki("admin.crt")),
        format!("--kubelet-client-key={}", pki("admin.key")),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
    ]
}

fn controller_manager(paths: &Paths, ports: &Ports) -> Vec<String> {
    let mut arguments = component(paths, "controller-manager", ports.controller_manager);
    arguments.extend([
        "--use-service-account-credentials=true".to_owned(),
        "--allocate-node-cidrs=false".to_owned(),
        format!(
            "--flex-volume-plugin-dir={}",
            paths.state("kubelet/volume-plugins").display()
        ),
        format!(
            "--service-account-private-key-file={}",
            paths.pki("service-account.key").display()
        ),
        format!("--root-ca-file={}", paths.pki("ca.crt").display()),
        format!(
            "--cluster-signing-cert-file={}",
            paths.pki("ca.crt").display()
        ),
        format!(
            "--cluster-signing-key-file={}",
            paths.pki("ca.key").display()
        ),
    ]);
    arguments
}

fn scheduler(paths: &Paths, ports: &Ports) -> Vec<String> {
    component(paths, "scheduler", ports.scheduler)
}

fn component(paths: &Paths, name: &str, port: u16) -> Vec<String> {
    let kubeconfig = paths.state(&format!("{name}.kubeconfig"));
    let kubeconfig = kubeconfig.display();
    vec![
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        "--leader-elect=false".to_owned(),
    ]
}
