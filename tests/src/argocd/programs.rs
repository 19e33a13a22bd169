//! The programs of Argo CD, which are one binary under several names, and their cache.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;

use super::ports::Ports;
use crate::pod_view::PodView;
use crate::{HostProcess, Testbed, paths, wait};

const PATIENCE: Duration = Duration::from_secs(60);
const REDIS: &str = "redis";

/// Where the two binaries lie.
pub(super) struct Binaries {
    pub(super) argocd: PathBuf,
    pub(super) redis: PathBuf,
}

/// A program, and where it listens once it is there.
struct Program {
    name: &'static str,
    arguments: Vec<String>,
    listens: u16,
}

/// Starts everything in order, each when the one before can be reached.
pub(super) async fn start(
    testbed: &Testbed,
    binaries: &Binaries,
    namespace: &str,
    home: &Path,
) -> anyhow::Result<Vec<HostProcess>> {
    let ports = Ports::choose()?;
    let mut running = Vec::new();
    for program in [
        redis(&ports),
        repository_server(&ports),
        application_controller(&ports, namespace),
        application_set_controller(&ports, namespace),
    ] {
        let mut process = program.start(testbed, binaries, namespace, home)?;
        program.until_it_listens(&mut process).await?;
        running.push(process);
    }
    Ok(running)
}

fn redis(ports: &Ports) -> Program {
    Program {
        name: REDIS,
        arguments: vec![local(ports.redis)],
        listens: ports.redis,
    }
}

fn repository_server(ports: &Ports) -> Program {
    let arguments = [
        format!("--redis={}", local(ports.redis)),
        "--disable-tls".to_owned(),
        "--address=127.0.0.1".to_owned(),
        format!("--port={}", ports.repositories),
        "--metrics-address=127.0.0.1".to_owned(),
        format!("--metrics-port={}", ports.repository_metrics),
    ];
    Program {
        name: "argocd-repo-server",
        arguments: arguments.into(),
        listens: ports.repositories,
    }
}

fn application_controller(ports: &Ports, namespace: &str) -> Program {
    let arguments = [
        format!("--namespace={namespace}"),
        format!("--redis={}", local(ports.redis)),
        format!("--repo-server={}", local(ports.repositories)),
        "--repo-server-plaintext".to_owned(),
        format!("--metrics-port={}", ports.controller),
    ];
    Program {
        name: "argocd-application-controller",
        arguments: arguments.into(),
        listens: ports.controller,
    }
}

fn application_set_controller(ports: &Ports, namespace: &str) -> Program {
    let arguments = [
        format!("--namespace={namespace}"),
        format!("--argocd-repo-server={}", local(ports.repositories)),
        "--repo-server-plaintext".to_owned(),
        format!("--metrics-addr={}", local(ports.set_metrics)),
        format!("--probe-addr={}", local(ports.set_probe)),
        format!("--webhook-addr={}", local(ports.set_webhook)),
    ];
    Program {
        name: "argocd-applicationset-controller",
        arguments: arguments.into(),
        listens: ports.set_probe,
    }
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

impl Program {
    fn start(
        &self,
        testbed: &Testbed,
        binaries: &Binaries,
        namespace: &str,
        home: &Path,
    ) -> anyhow::Result<HostProcess> {
        let binary = match self.name {
            REDIS => &binaries.redis,
            _ => &binaries.argocd,
        };
        let view = PodView::new(home, namespace)?.argv();
        let argv = [
            view,
            vec![binary.display().to_string()],
            self.arguments.clone(),
        ]
        .concat();
        testbed.run_host_process(self.name, &argv, self.environment(testbed, home)?)
    }

    fn environment(
        &self,
        testbed: &Testbed,
        home: &Path,
    ) -> anyhow::Result<BTreeMap<String, String>> {
        let own = home.join(self.name);
        paths::create_directory(&own)?;
        let file = |name: &str| own.join(name).display().to_string();
        let environment = [
            ("ARGOCD_BINARY_NAME", self.name.to_owned()),
            ("ARGOCD_ASK_PASS_SOCK", file("ask-pass")),
            ("ARGOCD_GPG_ENABLED", "false".to_owned()),
            ("ARGOCD_SSH_DATA_PATH", file("ssh")),
            ("ARGOCD_TLS_DATA_PATH", file("tls")),
            ("KUBECONFIG", testbed.kubeconfig().display().to_string()),
            ("TMPDIR", own.display().to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        Ok(environment.into())
    }

    async fn until_it_listens(&self, process: &mut HostProcess) -> anyhow::Result<()> {
        let what = format!("{} to listen", self.name);
        wait::wait_for(&what, PATIENCE, async || {
            let log = process.log_path();
            ensure!(process.is_running(), "it ended: see {}", log.display());
            Ok(TcpStream::connect(("127.0.0.1", self.listens)).is_ok())
        })
        .await
    }
}
