//! The second half of the demo: a team gets a cluster of its own, and a pod in it uses the database.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Timings, screen, steps::Story, tree::Tree};
use crate::{Inside, PSQL, wait_for, wait_for_value};

/// A control plane starts on a machine that does other things as well.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the credentials are delivered.
const NAMESPACE: &str = "orders";
const SECRET: &str = "database";

const SPEC: &str = "\
spec:
  environment: dev
  namespaces: [orders]
  storage:
    enabled: false
";

impl Story<'_> {
    /// Applies the claim and draws what becomes of it.
    pub(super) async fn claim_cluster(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("6  A team asks for a cluster");
        let name = self.cluster.name;
        let manifest = format!(
            "apiVersion: cluster.pnats.cloud/v1alpha1\nkind: VirtualCluster\nmetadata:\n  name: {name}\n  namespace: {}\n{SPEC}",
            self.namespace
        );
        screen::command("kubectl apply -f -");
        screen::answer(&manifest);
        let started = Instant::now();
        self.testbed.apply(&manifest).await?;
        let mut tree = Tree::new(self.testbed, self.namespace, name, started);
        for (condition, timing) in [
            ("ClusterReady", &mut timings.cluster_usable),
            ("VaultLoginProven", &mut timings.login_proven),
            ("Ready", &mut timings.cluster_ready),
        ] {
            let said = wait_for_value("the cluster", PATIENCE, async || {
                tree.look().await?;
                self.cluster.holds(condition).await
            })
            .await?;
            *timing = started.elapsed();
            let took = timing.as_secs_f32();
            screen::answer(&format!("{took:5.1} s  ★ {condition}: {said}"));
        }
        self.kubectl(&["get", "virtualclusters", "-o", "wide"])
            .await
    }

    /// Has the credentials delivered, and uses them from a pod inside.
    pub(super) async fn use_inside(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("7  A pod inside uses the database");
        self.deliver(timings).await?;
        let inside = self.inside().await?;
        let query = "SELECT count(*) || ' customers, as ' || session_user FROM customers";
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "report", "namespace": NAMESPACE},
            "spec": {
                "restartPolicy": "Never",
                "containers": [{
                    "name": "psql",
                    "image": PSQL,
                    "command": ["sh", "-c", format!("psql \"$url\" -Atc \"{query}\"")],
                    "envFrom": [{"secretRef": {"name": SECRET}}],
                }],
            },
        });
        screen::command(&format!(
            "kubectl --kubeconfig team.kubeconfig run report -n {NAMESPACE} --image psql …  # psql \"$url\" -c \"{query}\""
        ));
        let started = Instant::now();
        inside.apply(&pod.to_string()).await?;
        let log = wait_for_value("the pod to end", PATIENCE, async || ended(&inside).await).await?;
        timings.pod = started.elapsed();
        screen::answer(log.trim());
        screen::say(&format!(
            "{:.1} s from the pod's YAML to its answer: started in the virtual cluster, database in the host cluster.",
            timings.pod.as_secs_f32()
        ));
        Ok(())
    }

    async fn deliver(&self, timings: &mut Timings) -> anyhow::Result<()> {
        let place = json!({
            "name": self.cluster.name, "namespace": NAMESPACE, "secretName": SECRET, "access": "reporting",
        });
        let patch = json!({"spec": {"deliver": {"virtualCluster": place}}}).to_string();
        let claim = format!("postgresqlinstance/{}", self.database.name);
        let started = Instant::now();
        self.kubectl(&["patch", &claim, "--type=merge", "-p", &patch])
            .await?;
        let said = wait_for_value("the credentials inside", PATIENCE, async || {
            self.database.holds("CredentialsDelivered").await
        });
        let said = said.await?;
        timings.delivered = started.elapsed();
        let took = timings.delivered.as_secs_f32();
        screen::answer(&format!("{took:5.1} s  ★ CredentialsDelivered: {said}"));
        Ok(())
    }

    /// The cluster, as somebody reaches it who reads its kubeconfig in Vault.
    async fn inside(&self) -> anyhow::Result<Inside> {
        let path = self.cluster.text("vaultPath").await?;
        let path = path.strip_prefix("secret/").unwrap_or(&path);
        screen::command(&format!(
            "vault kv get -field=kubeconfig secret/{path} | base64 -d > team.kubeconfig"
        ));
        let held = self.vault(path).await?.context("no kubeconfig in Vault")?;
        let kubeconfig = held["data"]["kubeconfig"].as_str().unwrap_or_default();
        let kubeconfig = String::from_utf8(STANDARD.decode(kubeconfig)?)?;
        let host_namespace = self.cluster.text("hostNamespace").await?;
        self.testbed.inside(&host_namespace, &kubeconfig).await
    }

    /// Takes its rights from the control plane, and shows how it gets them back.
    pub(super) async fn break_cluster(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("8  Somebody breaks the control plane by hand");
        let resource = self.find("kubernetes.pnats.cloud", "VCluster", |_| true);
        let resource = resource.await?;
        self.look_often("vclusters.kubernetes.pnats.cloud", &resource)
            .await?;
        let host_namespace = self.cluster.text("hostNamespace").await?;
        let binding = format!("rolebinding/vc-dev-{}", self.cluster.name);
        let delete = ["-n", &host_namespace, "delete", &binding];
        screen::command(&format!("kubectl {}", delete.join(" ")));
        screen::answer(&self.testbed.kubectl(&delete).await?);
        timings.repaired_cluster = self
            .until_corrected("vcluster.kubernetes.pnats.cloud", &resource)
            .await?;
        Ok(())
    }

    /// Deletes the claim of the cluster and shows that nothing is left.
    pub(super) async fn delete_cluster(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("10  The cluster is deleted");
        let name = self.cluster.name;
        let host_namespace = self.cluster.text("hostNamespace").await?;
        let path = self.cluster.text("vaultPath").await?;
        screen::command(&format!("kubectl delete virtualcluster {name}"));
        let started = Instant::now();
        self.cluster.delete().await?;
        let tree = Tree::new(self.testbed, self.namespace, name, started);
        wait_for("everything to be gone", PATIENCE, async || {
            Ok(self.cluster.is_gone().await? && tree.count().await? == 0)
        })
        .await?;
        timings.cluster_gone = started.elapsed();
        let namespaces = ["get", "namespace", &host_namespace, "--ignore-not-found"];
        let left = self.testbed.kubectl(&namespaces).await?;
        let held = self.vault(path.strip_prefix("secret/").unwrap_or(&path));
        let held = held.await?;
        ensure!(
            left.is_empty(),
            "the cluster's namespace is left behind: {left}"
        );
        ensure!(
            held.is_none_or(|held| held["data"].is_null()),
            "the kubeconfig is still readable in Vault"
        );
        screen::say(&format!(
            "{:.1} s later: no control plane, no namespace of the host cluster, no login and no readable secret in Vault.",
            timings.cluster_gone.as_secs_f32()
        ));
        Ok(())
    }
}

/// What the pod printed, once it has ended well.
async fn ended(inside: &Inside) -> anyhow::Result<Option<String>> {
    let pod = ["get", "pod", "report", "-n", NAMESPACE];
    let phase = [&pod[..], &["-o", "jsonpath={.status.phase}"]].concat();
    let phase = inside.kubectl(&phase).await?;
    let logs = ["logs", "report", "-n", NAMESPACE];
    match phase.as_str() {
        "Succeeded" => inside.kubectl(&logs).await.map(Some),
        "Failed" => anyhow::bail!("the pod failed: {}", inside.kubectl(&logs).await?),
        _ => Ok(None),
    }
}
