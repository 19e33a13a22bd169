//! Argo CD as processes of this machine, with a namespace of its own.
//!
//! Its cache, its repository server and both its controllers run for as long as this lives. They ask the cluster's
//! name server, as in pods: a cluster is reached by the name that its Secret has.

mod install;
mod ports;
mod programs;
mod repository;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use self::programs::Binaries;
use self::repository::Repository;
use crate::lifecycle::Lock;
use crate::paths::Paths;
use crate::{HostProcess, Namespace, Testbed, tools, wait};

const APPLICATIONS: &str = "applications.argoproj.io";
const PATIENCE: Duration = Duration::from_secs(180);

/// Argo CD.
pub struct ArgoCd {
    testbed: Testbed,
    home: PathBuf,
    repository: Repository,
    programs: Vec<HostProcess>,
    namespace: Namespace,
}

impl ArgoCd {
    /// The project that Applications belong to. It may use no clusters but those registered for it.
    pub const PROJECT: &str = install::PROJECT;

    /// Builds Argo CD when that was not done before, and starts it with what its `argocd-cm` is to hold.
    pub async fn start(testbed: &Testbed, settings: &Value) -> anyhow::Result<Self> {
        let (binaries, crds) = built(testbed.paths()).await?;
        let namespace = testbed.namespace("argocd").await?;
        let home = testbed.paths().state(namespace.name());
        let mut argo_cd = Self {
            testbed: testbed.clone(),
            repository: Repository::create(&home.join("repository")).await?,
            home,
            programs: Vec::new(),
            namespace,
        };
        let (own, home) = (argo_cd.namespace.name(), &argo_cd.home);
        install::argo_cd(testbed, &crds, settings, own).await?;
        install::provider(testbed, own).await?;
        argo_cd.programs = programs::start(testbed, &binaries, own, home).await?;
        Ok(argo_cd)
    }

    /// Its namespace, which is also the name of a `ClusterProviderConfig` that allows to register clusters in it.
    pub fn namespace(&self) -> &str {
        self.namespace.name()
    }

    /// Address of the repository that it deploys from.
    pub fn repository(&self) -> String {
        self.repository.url()
    }

    /// Commits a file to the repository and returns the revision.
    pub async fn commit(&self, file: &str, manifest: &Value) -> anyhow::Result<String> {
        self.repository.commit(file, &manifest.to_string()).await
    }

    /// Runs `kubectl` in its namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let namespaced = [arguments, &["-n", self.namespace()]].concat();
        self.testbed.kubectl(&namespaced).await
    }

    /// An object in its namespace; null when it is not there.
    pub async fn get(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let get = ["get", kind, name, "-o", "json", "--ignore-not-found"];
        let text = self.kubectl(&get).await?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Waits until an Application is deployed as a revision has it, and works.
    pub async fn until_deployed(&self, name: &str, revision: &str) -> anyhow::Result<()> {
        let what = format!("the Application {name} to be Synced and Healthy at {revision}");
        let waited = wait::wait_for(&what, PATIENCE, async || {
            let status = &self.get(APPLICATIONS, name).await?["status"];
            let is = [
                &status["sync"]["status"],
                &status["health"]["status"],
                &status["sync"]["revision"],
            ];
            Ok(is == ["Synced", "Healthy", revision])
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.describe(name).await)),
        }
    }

    /// Looks into the repository at once, as the button "Refresh" does.
    pub async fn refresh(&self, name: &str) -> anyhow::Result<()> {
        let refresh = "argocd.argoproj.io/refresh=normal";
        self.kubectl(&["annotate", "--overwrite", APPLICATIONS, name, refresh])
            .await
            .map(drop)
    }

    /// The Application, and where Argo CD says more.
    pub async fn describe(&self, name: &str) -> String {
        let application = self.get(APPLICATIONS, name).await.unwrap_or_default();
        let logs = self
            .programs
            .iter()
            .map(|one| one.log_path().display().to_string());
        let logs: Vec<_> = logs.collect();
        format!(
            "{:#}\nThe logs are {}",
            application["status"],
            logs.join(", ")
        )
    }

    /// Ends it, and waits until nothing of it is left.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        for mut program in self.programs.drain(..).rev() {
            program.terminate(Duration::from_secs(10)).await?;
        }
        self.leave();
        let client = self.testbed.client();
        self.namespace.start_deletion(client.clone()).await?;
        self.namespace.until_gone(client, PATIENCE).await
    }

    /// By a program, because dropping cannot wait.
    fn leave(&self) {
        let own = ["--namespace", self.namespace()];
        let names = ["get", APPLICATIONS, "-o", "name"];
        let found = self.by_program(&[&own[..], &names].concat());
        let free = json!({"metadata": {"finalizers": null}}).to_string();
        for name in found.lines() {
            let patch = ["patch", name, "--type=merge", "--patch", &free];
            self.by_program(&[&own[..], &patch].concat());
        }
        let delete = [
            "delete",
            install::CONFIGS,
            self.namespace(),
            "--wait=false",
            "--ignore-not-found",
        ];
        self.by_program(&delete);
        let _already_gone = std::fs::remove_dir_all(&self.home);
    }

    fn by_program(&self, arguments: &[&str]) -> String {
        let mut kubectl = Command::new(self.testbed.clients().join("kubectl"));
        kubectl.arg("--kubeconfig").arg(self.testbed.kubeconfig());
        let output = kubectl.args(arguments).stderr(Stdio::null()).output();
        let output = output.map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).into_owned()
    }
}

/// The binaries and the CRDs. The lock keeps two stories from building at the same place.
async fn built(paths: &Paths) -> anyhow::Result<(Binaries, PathBuf)> {
    let _lock = Lock::acquire(paths).await?;
    let [argocd, redis, crds] = tools::argocd(paths).await?;
    Ok((Binaries { argocd, redis }, crds))
}

impl Drop for ArgoCd {
    fn drop(&mut self) {
        self.programs.clear();
        self.leave();
    }
}
