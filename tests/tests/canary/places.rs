//! Where the secret must not be.

use serde_json::Value;
use testbed::CROSSPLANE_NAMESPACE;
use testbed::story::{Stage, Tail};

use crate::bird::Bird;

/// Secrets that may hold it, in the story's own namespace.
const ALLOWED: [&str; 3] = ["source", "connection", "refused"];

/// Everything that is searched.
pub(crate) struct Places<'a> {
    stage: &'a Stage,
    birds: Vec<Bird>,
    statements: Tail,
    audit: Tail,
}

impl<'a> Places<'a> {
    pub(crate) fn since_now(stage: &'a Stage) -> anyhow::Result<Self> {
        Ok(Self {
            stage,
            birds: Vec::new(),
            statements: Tail::new(&stage.postgres.log)?,
            audit: Tail::new(&stage.testbed.openbao().audit_log)?,
        })
    }

    /// Searches for one more.
    pub(crate) fn watch(&mut self, bird: Bird) {
        self.birds.push(bird);
    }

    /// Searches everywhere and tells of every find.
    pub(crate) async fn search(&self, when: &str) -> anyhow::Result<()> {
        let mut finds = Vec::new();
        let objects = self.stage.everything().await?;
        assert!(
            objects.iter().any(|one| one["kind"] == "Event"),
            "no events were listed"
        );
        for object in objects.iter().filter(|one| !self.is_allowed(one)) {
            let metadata = &object["metadata"];
            let name = format!(
                "{} {} {}",
                object["kind"], metadata["namespace"], metadata["name"]
            );
            self.listen(&mut finds, &name, &object.to_string());
        }
        for pod in self.stage.pods().await? {
            self.search_pod(&mut finds, &pod).await?;
        }
        self.listen(&mut finds, "PostgreSQL's log", &self.statements.added()?);
        self.listen(&mut finds, "Vault's audit log", &self.audit.added()?);
        self.search_processes(&mut finds);
        assert!(finds.is_empty(), "{when}: {finds:#?}");
        Ok(())
    }

    fn listen(&self, finds: &mut Vec<String>, place: &str, text: &str) {
        let heard = self.birds.iter().filter(|bird| bird.is_heard_in(text));
        finds.extend(heard.map(|bird| format!("{} in {place}", bird.name())));
    }

    fn is_allowed(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let is_known =
            ALLOWED.contains(&name) || object["type"] == "connection.crossplane.io/v1alpha1";
        object["kind"] == "Secret" && metadata["namespace"] == self.stage.name() && is_known
    }

    async fn search_pod(&self, finds: &mut Vec<String>, pod: &str) -> anyhow::Result<()> {
        let kubectl = async |arguments: &[&str]| self.stage.testbed.kubectl(arguments).await;
        let log = ["logs", "-n", CROSSPLANE_NAMESPACE, pod, "--all-containers"];
        self.listen(finds, &format!("the log of {pod}"), &kubectl(&log).await?);
        if pod.contains("tenancy") {
            let metrics =
                format!("/api/v1/namespaces/{CROSSPLANE_NAMESPACE}/pods/{pod}:8080/proxy/metrics");
            let metrics = kubectl(&["get", "--raw", &metrics]).await?;
            assert!(metrics.contains("# TYPE"), "no metrics: {metrics}");
            self.listen(finds, &format!("the metrics of {pod}"), &metrics);
        }
        Ok(())
    }

    /// Arguments and environment of every process of this machine, which the pods run on, too.
    fn search_processes(&self, finds: &mut Vec<String>) {
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            for file in ["cmdline", "environ"] {
                // A process that has ended meanwhile has nothing to hide.
                let text = std::fs::read(entry.path().join(file)).unwrap_or_default();
                let place = entry.path().join(file).display().to_string();
                self.listen(finds, &place, &String::from_utf8_lossy(&text));
            }
        }
    }
}
