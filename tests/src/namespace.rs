//! A namespace of its own for each test.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace as Object;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::{Api, Client};
use rand::distr::{Alphanumeric, SampleString};

use crate::wait;

/// A namespace with a random suffix. Dropping it asks for its deletion; [`Namespace::finish`] also waits for it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    is_finished: bool,
}

impl Namespace {
    pub(crate) async fn create(
        client: Client,
        prefix: &str,
        kubectl: PathBuf,
        kubeconfig: PathBuf,
    ) -> anyhow::Result<Self> {
        let suffix = Alphanumeric
            .sample_string(&mut rand::rng(), 6)
            .to_lowercase();
        let name = format!("{prefix}-{suffix}");
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            ..ObjectMeta::default()
        };
        let object = Object {
            metadata,
            ..Object::default()
        };
        Api::all(client)
            .create(&PostParams::default(), &object)
            .await?;
        Ok(Self {
            name,
            kubectl,
            kubeconfig,
            is_finished: false,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes the namespace and waits until everything in it is gone.
    pub async fn finish(mut self, client: Client, timeout: Duration) -> anyhow::Result<()> {
        self.start_deletion(client.clone()).await?;
        self.is_finished = true;
        self.until_gone(client, timeout).await
    }

    /// Asks for the deletion of the namespace. It is no error when it is gone.
    pub async fn start_deletion(&self, client: Client) -> anyhow::Result<()> {
        let api: Api<Object> = Api::all(client);
        match api.delete(&self.name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            deleted => Ok(deleted.map(drop)?),
        }
    }

    /// Waits until everything in it is gone.
    pub async fn until_gone(&self, client: Client, timeout: Duration) -> anyhow::Result<()> {
        wait::wait_gone(&Api::<Object>::all(client), &self.name, timeout).await
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // No runtime can be relied on here, so the client program asks.
        let mut delete = Command::new(&self.kubectl);
        delete.arg("--kubeconfig").arg(&self.kubeconfig).args([
            "delete",
            "namespace",
            "--wait=false",
            "--ignore-not-found",
            &self.name,
        ]);
        if delete.stdout(Stdio::null()).status().is_err() {
            eprintln!("! the namespace {} is left behind", self.name);
        }
    }
}
