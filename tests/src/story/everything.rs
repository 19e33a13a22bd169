//! Everything there is: every object of every kind, and what was added to a log since a moment.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::Stage;
use crate::CROSSPLANE_NAMESPACE;

impl Stage {
    /// Every object of every kind in the whole cluster, managed fields included.
    pub async fn everything(&self) -> anyhow::Result<Vec<Value>> {
        self.objects(&[], &["-A"]).await
    }

    /// Every object of every kind in the namespace.
    pub async fn everything_here(&self) -> anyhow::Result<Vec<Value>> {
        self.objects(&["--namespaced=true"], &["-n", self.name()])
            .await
    }

    async fn objects(&self, kinds: &[&str], place: &[&str]) -> anyhow::Result<Vec<Value>> {
        let listable = ["api-resources", "--verbs=list", "-o", "name"];
        let kinds = self
            .testbed
            .kubectl(&[&listable[..], kinds].concat())
            .await?;
        let kinds = kinds.split_whitespace().collect::<Vec<_>>().join(",");
        let get = ["get", &kinds, "-o", "json", "--show-managed-fields"];
        let text = self.testbed.kubectl(&[&get[..], place].concat()).await?;
        let mut list: Value = serde_json::from_str(&text)?;
        serde_json::from_value(list["items"].take()).context("kubectl lists no items")
    }

    /// Names of the pods that Crossplane and the product run in.
    pub async fn pods(&self) -> anyhow::Result<Vec<String>> {
        let get = ["get", "pods", "-n", CROSSPLANE_NAMESPACE, "-o", "name"];
        let names = self.testbed.kubectl(&get).await?;
        let names = names.split_whitespace();
        Ok(names
            .map(|name| name.trim_start_matches("pod/").to_owned())
            .collect())
    }
}

/// A log file from a moment on.
#[derive(Clone, Debug)]
pub struct Tail {
    path: PathBuf,
    from: u64,
}

impl Tail {
    /// What will be added from now on.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        let length = path
            .metadata()
            .with_context(|| format!("no log {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            from: length.len(),
        })
    }

    /// What was added.
    pub fn added(&self) -> anyhow::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut added = Vec::new();
        file.read_to_end(&mut added)?;
        Ok(String::from_utf8_lossy(&added).into_owned())
    }
}
