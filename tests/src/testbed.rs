//! The testbed as stories see it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use kube::api::ApiResource;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;

use crate::environment::Environment;
use crate::inside::Inside;
use crate::lifecycle::{self, Lock};
use crate::namespace::Namespace;
use crate::openbao::OpenBao;
use crate::paths::Paths;
use crate::postgres::{DEFAULT_MAJOR, Postgres};
use crate::resource::Resource;
use crate::tools::Tools;
use crate::turn::Turn;
use crate::{cluster, command, control_plane, host_process, image, packages, service_account};

/// A running testbed. It keeps running when this is dropped: other tests, and people, use it too.
#[derive(Clone)]
pub struct Testbed {
    paths: Paths,
    environment: Environment,
    client: Client,
}

impl Testbed {
    /// The testbed of this machine, started when it does not run. Needs root. Tests that call this at the same time share one.
    /// Waits for a story that is alone, whose stopped servers would be started again; so such a story must not call it.
    pub async fn shared() -> anyhow::Result<Self> {
        install_crypto();
        let paths = Paths::from_environment();
        let visit = Turn::of_a_visitor(&paths).await?;
        let environment = lifecycle::up(&paths, &[]).await?;
        drop(visit);
        let client = client(&environment.kubeconfig).await?;
        Ok(Self {
            paths,
            environment,
            client,
        })
    }

    /// A client of the API server with the administrator's rights.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.environment.kubeconfig
    }

    /// Address of the API server, as host processes and pods both reach it.
    pub fn api_server(&self) -> &str {
        &self.environment.server
    }

    /// The directory with `kubectl`, `bao`, `helm`, `crossplane` and `psql`.
    pub fn clients(&self) -> &Path {
        &self.environment.clients
    }

    /// Crossplane's core as a binary of this machine, which the command line client renders with.
    pub async fn core(&self) -> anyhow::Result<PathBuf> {
        Ok(Tools::build(&self.paths).await?.crossplane())
    }

    /// Applies manifests, in YAML or JSON, with the administrator's rights.
    pub async fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        cluster::apply(&self.environment.kubectl, &self.paths, manifests)
            .await
            .map(drop)
    }

    /// Runs `kubectl` with the administrator's rights and returns its standard output.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = cluster::kubectl(&self.environment.kubectl, &self.paths);
        command::run(kubectl.args(arguments)).await
    }

    /// As [`Testbed::kubectl`], with `input` on standard input.
    pub(crate) async fn feed_kubectl(
        &self,
        arguments: &[&str],
        input: &str,
    ) -> anyhow::Result<String> {
        let mut kubectl = cluster::kubectl(&self.environment.kubectl, &self.paths);
        command::feed(kubectl.args(arguments), input).await
    }

    /// The virtual cluster that a kubeconfig leads to and whose control plane is in a namespace of this one.
    pub async fn inside(&self, host_namespace: &str, kubeconfig: &str) -> anyhow::Result<Inside> {
        Inside::open(self, &self.paths, host_namespace, kubeconfig).await
    }

    /// The PostgreSQL that the cluster knows as [`POSTGRES_SERVICE`](crate::POSTGRES_SERVICE), version 17.
    pub async fn default_postgres(&self) -> anyhow::Result<Postgres> {
        self.postgres(DEFAULT_MAJOR).await
    }

    /// The PostgreSQL server of a major version, 14 to 18, started when it does not run. All but the default are reached by
    /// address, not by a Service.
    pub async fn postgres(&self, major: u16) -> anyhow::Result<Postgres> {
        let _lock = Lock::acquire(&self.paths).await?;
        let mut environment = Environment::load(&self.paths)?
            .context("the testbed is gone: run `cargo testbed up`")?;
        lifecycle::add_postgres(&self.paths, &mut environment, major).await?;
        environment
            .postgres
            .remove(&major)
            .context("the server was not recorded")
    }

    /// OpenBao.
    pub fn openbao(&self) -> &OpenBao {
        &self.environment.openbao
    }

    /// What the provider has asked of the API server since the testbed was started: its audit log, one
    /// JSON object a line, without bodies.
    pub fn provider_requests(&self) -> PathBuf {
        self.paths.log(control_plane::AUDIT_LOG)
    }

    /// A namespace of its own for one test.
    pub async fn namespace(&self, prefix: &str) -> anyhow::Result<Namespace> {
        let (kubectl, kubeconfig) = (
            self.environment.kubectl.clone(),
            self.environment.kubeconfig.clone(),
        );
        Namespace::create(self.client(), prefix, kubectl, kubeconfig).await
    }

    /// Address of the registry that packages are pushed to and pulled from, in plain HTTP.
    pub fn registry(&self) -> &str {
        &self.environment.registry
    }

    /// Imports an image archive into the node.
    pub async fn import_image(&self, archive: &Path) -> anyhow::Result<()> {
        image::import(&self.paths, archive).await
    }

    /// Makes the images of virtual clusters and imports those that the node lacks.
    pub async fn import_vcluster_images(&self) -> anyhow::Result<()> {
        let _lock = Lock::acquire(&self.paths).await?;
        crate::node::import_images(&self.paths, &Tools::build(&self.paths).await?).await
    }

    /// vCluster's Helm chart, as its module carries it: without a version.
    pub async fn vcluster_chart(&self) -> anyhow::Result<PathBuf> {
        Ok(Tools::build(&self.paths).await?.vcluster_chart())
    }

    /// Writes a kubeconfig with which a process on this machine has the rights of the ServiceAccount.
    pub async fn service_account_kubeconfig(
        &self,
        namespace: &str,
        name: &str,
        lifetime: Duration,
    ) -> anyhow::Result<PathBuf> {
        let token = self
            .service_account_token(namespace, name, None, lifetime)
            .await?;
        service_account::kubeconfig(&self.paths, self.api_server(), (namespace, name), &token)
    }

    /// A token of the ServiceAccount, as its pod would get it; for the API server when no audience is given.
    pub async fn service_account_token(
        &self,
        namespace: &str,
        name: &str,
        audience: Option<&str>,
        lifetime: Duration,
    ) -> anyhow::Result<String> {
        service_account::token(self.client(), (namespace, name), audience, lifetime).await
    }

    /// An object of any kind; it need not exist.
    pub fn resource(&self, kind: &ApiResource, namespace: &str, name: &str) -> Resource {
        let api = Api::namespaced_with(self.client(), namespace, kind);
        let kind = (kind.api_version.as_str(), kind.kind.as_str());
        Resource::new(api, kind, (namespace, name), json!({}))
    }

    /// Starts a program on this machine; it ends when the handle is dropped. Only `env`, `PATH` and `HOME` are in its
    /// environment.
    pub fn run_host_process(
        &self,
        name: &str,
        argv: &[String],
        env: BTreeMap<String, String>,
    ) -> anyhow::Result<host_process::HostProcess> {
        host_process::HostProcess::start(&self.paths, name, argv, env)
    }

    pub(crate) const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The log of a server of the testbed, such as `kube-apiserver` or `kubelet`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.paths.log(name)
    }
}

/// Both kube's client and ours use the process's default TLS implementation.
pub(crate) fn install_crypto() {
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

async fn client(kubeconfig: &Path) -> anyhow::Result<Client> {
    packages::check_machine()?;
    let config = Config::from_custom_kubeconfig(
        Kubeconfig::read_from(kubeconfig)?,
        &KubeConfigOptions::default(),
    )
    .await?;
    Ok(Client::try_from(config)?)
}
