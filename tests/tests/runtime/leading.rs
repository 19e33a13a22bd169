//! Who works when there are two processes: the real program, with leases and nothing else to do.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::product::{self, Flavour};
use testbed::story::Stage;
use testbed::{HostProcess, wait_for_value};

const LEASE: &str = "crossplane-leader-election-provider-tenancy";

/// Two processes that share a lease in the namespace, under an account that may do nothing else.
struct Pair {
    stage: Stage,
    kubeconfig: String,
}

impl Pair {
    async fn new() -> anyhow::Result<Self> {
        let stage = Stage::beside_others(Flavour::Namespaced, "leading").await?;
        let namespace = stage.name();
        let rule =
            json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["*"]});
        let account = json!({"name": "leader", "namespace": namespace});
        let manifests = [
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": account, "rules": [rule],
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": account,
                "subjects": [{"kind": "ServiceAccount", "name": "leader", "namespace": namespace}],
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "leader"},
            }),
        ];
        for manifest in manifests {
            stage.testbed.apply(&manifest.to_string()).await?;
        }
        let hour = Duration::from_secs(3_600);
        let kubeconfig = stage
            .testbed
            .service_account_kubeconfig(namespace, "leader", hour)
            .await?;
        let kubeconfig = kubeconfig.display().to_string();
        Ok(Self { stage, kubeconfig })
    }

    fn start(&self, name: &str) -> anyhow::Result<HostProcess> {
        let program =
            product::root().join("target/x86_64-unknown-linux-gnu/release/provider-tenancy");
        let argv = [
            program.display().to_string(),
            "--metrics-bind-address=127.0.0.1:0".to_owned(),
            "--health-probe-bind-address=127.0.0.1:0".to_owned(),
        ];
        let env = [
            ("KUBECONFIG", self.kubeconfig.as_str()),
            ("POD_NAMESPACE", self.stage.name()),
            ("HOSTNAME", name),
        ];
        let env = env.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.stage.testbed.run_host_process(name, &argv, env.into())
    }

    /// Waits until the lease is held by this process; how long that took.
    async fn until_led_by(&self, name: &str, patience: Duration) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let get = ["get", "lease", LEASE, "-o", "json", "--ignore-not-found"];
        wait_for_value(&format!("{name} to lead"), patience, async || {
            let lease = self.stage.kubectl(&get).await?;
            let lease: Value = serde_json::from_str(&lease).unwrap_or_default();
            let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
            Ok(holder.starts_with(&format!("{name}_")).then_some(()))
        })
        .await?;
        Ok(started.elapsed())
    }
}

/// When a process began to work, if it did: before that it lists nothing.
fn works(process: &HostProcess) -> bool {
    process.log().contains("cannot")
}

#[tokio::test]
async fn the_lease_is_handed_over_at_once_on_a_stop_and_after_its_time_on_a_kill()
-> anyhow::Result<()> {
    let pair = Pair::new().await?;
    let mut first = pair.start("first")?;
    pair.until_led_by("first", Duration::from_secs(20)).await?;
    let mut second = pair.start("second")?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    ensure!(works(&first), "{}", first.log());
    ensure!(!works(&second), "both work: {}", second.log());

    let asked = Instant::now();
    first.terminate(Duration::from_secs(30)).await?;
    pair.until_led_by("second", Duration::from_secs(20)).await?;
    let handed_over = asked.elapsed();
    ensure!(handed_over < Duration::from_secs(5), "{handed_over:?}");

    let third = pair.start("third")?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    second.kill().await?;
    let taken_over = pair.until_led_by("third", Duration::from_secs(90)).await;
    let taken_over = taken_over.context("after a kill")?;
    // It was renewed less than three seconds before. Nobody may have it before it has run out.
    let lease = Duration::from_secs(60);
    ensure!(
        taken_over + Duration::from_secs(3) > lease,
        "{taken_over:?}"
    );
    ensure!(
        taken_over < lease + Duration::from_secs(10),
        "{taken_over:?}"
    );
    eprintln!(
        "lease: handed over on a stop {handed_over:.1?}, taken over after a kill {taken_over:.1?}"
    );
    drop(third);
    pair.stage.finish().await
}
