//! The resources that are managed.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context;
use futures::future::ready;
use futures::{StreamExt, TryStreamExt, pin_mut, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
    WatchEvent, WatchParams,
};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::resource::condition;
use crate::{wait_for, wait_gone};

/// How many requests the bench has under way at once.
const AT_ONCE: usize = 20;
const PATIENCE: Duration = Duration::from_secs(300);

/// Resources of one kind in one namespace.
pub(super) struct Population {
    client: Client,
    namespace: String,
    kind: ApiResource,
    spec: fn(&str) -> Value,
}

impl Population {
    /// Nobody yet, in a new namespace.
    pub(super) async fn new(
        client: Client,
        namespace: &str,
        kind: ApiResource,
        spec: fn(&str) -> Value,
    ) -> anyhow::Result<Self> {
        let object: Namespace = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
        let namespaces = Api::all(client.clone());
        let created = namespaces.create(&PostParams::default(), &object).await;
        created.with_context(|| format!("cannot create the namespace {namespace}"))?;
        let namespace = namespace.to_owned();
        Ok(Self {
            client,
            namespace,
            kind,
            spec,
        })
    }

    fn api(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &self.kind)
    }

    /// Creates one.
    pub(super) async fn create(&self, name: &str) -> anyhow::Result<()> {
        let object = serde_json::from_value(json!({
            "apiVersion": self.kind.api_version,
            "kind": self.kind.kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": (self.spec)(name),
        }))?;
        let created = self.api().create(&PostParams::default(), &object).await;
        created
            .map(drop)
            .with_context(|| format!("cannot create {name}"))
    }

    /// Creates many.
    pub(super) async fn create_all(&self, names: &[String]) -> anyhow::Result<()> {
        let creates = names.iter().map(|name| self.create(name));
        stream::iter(creates)
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
    }

    /// Waits until so many are Ready; how many were at the end of the patience.
    pub(super) async fn until_ready(
        &self,
        count: usize,
        patience: Duration,
    ) -> anyhow::Result<usize> {
        let until = Instant::now() + patience;
        let mut ready = HashSet::new();
        while ready.len() < count && Instant::now() < until {
            let list = self.api().list(&ListParams::default()).await?;
            ready.extend(
                list.items
                    .iter()
                    .filter(|one| is_ready(one))
                    .map(ResourceExt::name_any),
            );
            let version = list.metadata.resource_version.unwrap_or_default();
            let api = self.api();
            let events = api
                .watch(&WatchParams::default().timeout(60), &version)
                .await?;
            pin_mut!(events);
            while ready.len() < count {
                match timeout_at(until, events.next()).await {
                    Ok(Some(Ok(WatchEvent::Added(one) | WatchEvent::Modified(one)))) => {
                        if is_ready(&one) {
                            ready.insert(one.name_any());
                        }
                    }
                    Ok(Some(Ok(_))) => {}
                    // The watch has ended, so what it missed is listed.
                    Ok(Some(Err(_)) | None) | Err(_) => break,
                }
            }
        }
        Ok(ready.len())
    }

    /// Deletes all and waits until they are gone.
    pub(super) async fn delete_all(&self) -> anyhow::Result<()> {
        // One by one: a request for ten thousand takes longer than the API server gives it.
        let (api, all) = (&self.api(), ListParams::default());
        let left = api.list_metadata(&all).await?;
        let deletes = left
            .items
            .iter()
            .map(async |one| api.delete(&one.name_any(), &DeleteParams::default()).await);
        let deletes = stream::iter(deletes).buffer_unordered(AT_ONCE);
        deletes.try_for_each(|_| ready(Ok(()))).await?;
        let one = ListParams::default().limit(1);
        wait_for("all to be deleted", Duration::from_secs(900), async || {
            Ok(self.api().list_metadata(&one).await?.items.is_empty())
        })
        .await
    }
}

fn is_ready(object: &DynamicObject) -> bool {
    let object = json!({"status": object.data["status"]});
    let holds = |kind| condition(&object, kind)["status"] == "True";
    holds("Ready") && holds("Synced")
}

/// Takes away a namespace and everything of these kinds in it, whoever holds it.
pub(super) async fn clear(
    client: &Client,
    namespace: &str,
    kinds: &[ApiResource],
) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    if namespaces.get_opt(namespace).await?.is_none() {
        return Ok(());
    }
    namespaces
        .delete(namespace, &DeleteParams::default())
        .await?;
    for kind in kinds {
        release(client, namespace, kind).await?;
    }
    wait_gone(&namespaces, namespace, PATIENCE).await
}

async fn release(client: &Client, namespace: &str, kind: &ApiResource) -> anyhow::Result<()> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
    // Not served, so there is nothing of it.
    let Ok(left) = api.list_metadata(&ListParams::default()).await else {
        return Ok(());
    };
    let nobody = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let (api, nobody, params) = (&api, &nobody, &PatchParams::default());
    let releases = left.items.iter().map(|one| async move {
        match api.patch_metadata(&one.name_any(), params, nobody).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            patched => patched.map(drop),
        }
    });
    let releases = stream::iter(releases).buffer_unordered(AT_ONCE);
    Ok(releases.try_collect::<()>().await?)
}
