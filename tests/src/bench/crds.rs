//! The CRDs of other providers.

use std::path::{Path, PathBuf};

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};

use crate::Testbed;

/// Installs the CRDs of files and directories, and waits until they are served.
pub(super) async fn install(testbed: &Testbed, files: &[PathBuf]) -> anyhow::Result<()> {
    let files: Vec<_> = files
        .iter()
        .map(|file| format!("--filename={}", file.display()))
        .collect();
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let apply = ["apply", "--server-side", "--force-conflicts"];
    testbed.kubectl(&[&apply[..], &files].concat()).await?;
    let wait = ["wait", "--for=condition=Established", "--timeout=60s"];
    testbed.kubectl(&[&wait[..], &files].concat()).await?;
    Ok(())
}

/// The files in a directory whose names begin so.
pub(super) fn files(directory: &Path, group: &str) -> anyhow::Result<Vec<PathBuf>> {
    let read = std::fs::read_dir(directory);
    let entries = read.with_context(|| format!("no CRDs in {}", directory.display()))?;
    let files = entries.flatten().filter_map(|entry| {
        let is_one = entry.file_name().to_str()?.starts_with(group);
        is_one.then(|| entry.path())
    });
    Ok(files.collect())
}

/// Takes the CRDs of these groups away.
pub(super) async fn remove(testbed: &Testbed, groups: &[&str]) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(testbed.client());
    let crds = api.list_metadata(&ListParams::default()).await?;
    let is_one = |name: &String| {
        let group = name.split_once('.').map_or("", |(_, group)| group);
        groups.iter().any(|one| group.ends_with(one))
    };
    for name in crds.items.iter().map(ResourceExt::name_any).filter(is_one) {
        let deleted = api.delete(&name, &DeleteParams::default()).await;
        deleted.with_context(|| format!("cannot delete the CRD {name}"))?;
    }
    Ok(())
}
