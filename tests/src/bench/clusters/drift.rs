//! What becomes of changes that somebody makes by hand.

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::future::try_join_all;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Secret, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::figures::Repair;
use super::{HOST_NAMESPACE, NAME, NAMESPACE, SECRET};
use crate::Testbed;

/// Two polls, of a minute and a tenth of it.
const PATIENCE: Duration = Duration::from_secs(132);
const PAUSE: Duration = Duration::from_millis(200);
const CPU: &str = "/spec/template/spec/containers/0/resources/requests/cpu";

/// A change by hand.
struct Change {
    what: &'static str,
    kind: ApiResource,
    namespace: &'static str,
    name: &'static str,
    how: How,
}

enum How {
    Delete,
    /// A patch, and the field that it changes.
    Set(Value, &'static str),
}

/// In the namespace of the managed resources. By itself, because others make the control plane start anew.
fn published() -> Change {
    Change {
        what: "connection Secret deleted",
        kind: kind::<Secret>(),
        namespace: NAMESPACE,
        name: SECRET,
        how: How::Delete,
    }
}

/// Where the control plane runs.
fn running() -> Vec<Change> {
    let cpu = json!({"containers": [{"name": "syncer", "resources": {"requests": {"cpu": "7m"}}}]});
    let cpu = How::Set(json!({"spec": {"template": {"spec": cpu}}}), CPU);
    let config = How::Set(
        json!({"data": {"config.yaml": "e30="}}),
        "/data/config.yaml",
    );
    let selector = json!({"spec": {"selector": {"release": "other"}}});
    let selector = How::Set(selector, "/spec/selector/release");
    let (binding, account) = (kind::<RoleBinding>(), kind::<ServiceAccount>());
    let (secret, service) = (kind::<Secret>(), kind::<Service>());
    let changes = [
        ("RoleBinding deleted", binding, "vc-dev", How::Delete),
        (
            "ServiceAccount deleted",
            account,
            "vc-workload-dev",
            How::Delete,
        ),
        (
            "configuration's Secret changed",
            secret,
            "vc-config-dev",
            config,
        ),
        (
            "Deployment's resources changed",
            kind::<Deployment>(),
            NAME,
            cpu,
        ),
        ("Service's selector changed", service, NAME, selector),
    ];
    let change = |(what, kind, name, how)| Change {
        what,
        kind,
        namespace: HOST_NAMESPACE,
        name,
        how,
    };
    changes.into_iter().map(change).collect()
}

fn kind<K: kube::Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

/// Makes every change, and waits for each until it is undone, or as long as two polls take.
pub(super) async fn repairs(testbed: &Testbed) -> anyhow::Result<Vec<Repair>> {
    let published = repairs_of(testbed, vec![published()]).await?;
    let running = repairs_of(testbed, running()).await?;
    Ok([published, running].concat())
}

/// Of changes that are made at once.
async fn repairs_of(testbed: &Testbed, changes: Vec<Change>) -> anyhow::Result<Vec<Repair>> {
    let mut made = Vec::new();
    for change in changes {
        made.push(Made::make(testbed, change).await?);
    }
    let until = Instant::now() + PATIENCE;
    try_join_all(made.iter().map(|made| made.repair(until))).await
}

/// A change that was made.
struct Made {
    change: Change,
    api: Api<DynamicObject>,
    before: Value,
    at: Instant,
}

impl Made {
    async fn make(testbed: &Testbed, change: Change) -> anyhow::Result<Self> {
        let api = Api::namespaced_with(testbed.client(), change.namespace, &change.kind);
        let (name, what) = (change.name, change.what);
        let found = api.get(name).await.context(what)?;
        let before = field(&found, change.field())?;
        match &change.how {
            How::Delete => {
                let deleted = api.delete(name, &DeleteParams::default()).await;
                deleted.map(drop).context(what)?;
            }
            How::Set(patch, _) => {
                let patch = Patch::Strategic(patch);
                let set = api.patch(name, &PatchParams::default(), &patch).await;
                let set = field(&set.context(what)?, change.field())?;
                anyhow::ensure!(set != before, "{what}: it was {before} before");
            }
        }
        let at = Instant::now();
        Ok(Self {
            change,
            api,
            before,
            at,
        })
    }

    async fn repair(&self, until: Instant) -> anyhow::Result<Repair> {
        let mut seconds = None;
        while seconds.is_none() && Instant::now() < until {
            tokio::time::sleep(PAUSE).await;
            if self.is_undone().await? {
                seconds = Some(self.at.elapsed().as_secs_f64());
            }
        }
        Ok(Repair {
            what: self.change.what,
            seconds,
        })
    }

    /// What was deleted is there again, or what was changed is as before.
    async fn is_undone(&self) -> anyhow::Result<bool> {
        let Some(found) = self.api.get_opt(self.change.name).await? else {
            return Ok(false);
        };
        let is_as_before = field(&found, self.change.field())? == self.before;
        Ok(is_as_before == matches!(self.change.how, How::Set(..)))
    }
}

impl Change {
    /// The field that tells the state before from that after.
    const fn field(&self) -> &'static str {
        match self.how {
            How::Delete => "/metadata/uid",
            How::Set(_, field) => field,
        }
    }
}

fn field(object: &DynamicObject, pointer: &str) -> anyhow::Result<Value> {
    let object = serde_json::to_value(object)?;
    Ok(object.pointer(pointer).cloned().unwrap_or_default())
}
