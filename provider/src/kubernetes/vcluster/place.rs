//! The namespace of the host cluster that holds a virtual cluster: reading, applying and deleting there.
//!
//! Needs get, patch and delete on each kind that is applied, list on pods, claims and workloads.

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions},
    core::ApiResource,
};
use serde_json::{Value, json};

use super::{
    compare::MANAGER,
    manifest::{Manifest, api_of},
    observation::Part,
    target::OWNER,
};
use crate::kubeconfig::{Error, Reason, within};

/// A namespace of the host cluster.
#[derive(Clone)]
pub(super) struct Place {
    client: Client,
    namespace: String,
}

impl Place {
    /// The namespace, through a client that may write there.
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
        }
    }

    /// The client of the host cluster.
    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// The object, or `None`.
    pub(super) async fn read(&self, part: &Part) -> Result<Option<Value>, Error> {
        let (api, operation) = (self.api(&part.kind), self.operation("read", part));
        let object = within(&operation, api.get_opt(&part.name)).await?;
        Ok(object.map(|object| json!(object)))
    }

    /// Server-side apply. Takes fields over from whoever holds them: who else may own the object is
    /// decided before.
    pub(super) async fn apply(&self, manifest: &Manifest) -> Result<(), Error> {
        let Part { kind, name } = &manifest.part;
        let parameters = PatchParams::apply(MANAGER).force();
        let operation = self.operation("apply", &manifest.part);
        let (api, patch) = (self.api(kind), Patch::Apply(&manifest.body));
        within(&operation, api.patch(name, &parameters, &patch)).await?;
        Ok(())
    }

    /// Merges a change into an object.
    pub(super) async fn merge(&self, part: &Part, change: &Value) -> Result<(), Error> {
        let parameters = PatchParams {
            field_manager: Some(MANAGER.into()),
            ..PatchParams::default()
        };
        let (api, operation) = (self.api(&part.kind), self.operation("change", part));
        let patch = Patch::Merge(change);
        within(&operation, api.patch(&part.name, &parameters, &patch)).await?;
        Ok(())
    }

    /// Deletes this very object and not one that took its name since. One that is gone is deleted.
    pub(super) async fn delete(&self, part: &Part, live: &Value) -> Result<(), Error> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: live["metadata"]["uid"].as_str().map(str::to_owned),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        let (api, operation) = (self.api(&part.kind), self.operation("delete", part));
        let deleted = within(&operation, api.delete(&part.name, &parameters)).await;
        gone(deleted.map(drop))
    }

    /// Objects of a kind that carry these labels.
    pub(super) async fn list(&self, kind: &str, labels: &str) -> Result<Vec<Value>, Error> {
        let operation = format!("list {kind} objects in {}", self.namespace);
        let (api, parameters) = (self.api(kind), ListParams::default().labels(labels));
        let list = within(&operation, api.list(&parameters)).await?;
        Ok(list.items.into_iter().map(|object| json!(object)).collect())
    }

    /// The namespace itself, or `None`.
    pub(super) async fn itself(&self) -> Result<Option<Value>, Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let operation = format!("read Namespace {}", self.namespace);
        let namespace = within(&operation, api.get_opt(&self.namespace)).await?;
        Ok(namespace.map(|namespace| json!(namespace)))
    }

    /// Makes the namespace, with a label that says whose it is.
    pub(super) async fn make(&self, owner: &str) -> Result<(), Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let body = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace, "labels": {OWNER: owner}},
        });
        let parameters = PatchParams::apply(MANAGER);
        let operation = format!("make Namespace {}", self.namespace);
        let patch = Patch::Apply(&body);
        within(&operation, api.patch(&self.namespace, &parameters, &patch)).await?;
        Ok(())
    }

    /// Deletes the namespace.
    pub(super) async fn remove(&self) -> Result<(), Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let operation = format!("delete Namespace {}", self.namespace);
        let parameters = DeleteParams::background();
        let deleted = within(&operation, api.delete(&self.namespace, &parameters)).await;
        gone(deleted.map(drop))
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(kind))
    }

    fn operation(&self, verb: &str, part: &Part) -> String {
        format!("{verb} {} {}/{}", part.kind, self.namespace, part.name)
    }
}

/// Kinds that are looked at, or made by the control plane itself, and never applied.
const OTHERS: [(&str, &str, &str); 4] = [
    ("ConfigMap", "v1", "configmaps"),
    ("Lease", "coordination.k8s.io/v1", "leases"),
    ("PersistentVolumeClaim", "v1", "persistentvolumeclaims"),
    ("Pod", "v1", "pods"),
];

fn resource(kind: &str) -> ApiResource {
    let other = OTHERS.iter().find(|(known, ..)| *known == kind);
    let (api_version, plural) = api_of(kind)
        .or_else(|| other.map(|(_, version, plural)| (*version, *plural)))
        .unwrap_or_default();
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource {
        group: group.into(),
        version: version.into(),
        api_version: api_version.into(),
        kind: kind.into(),
        plural: plural.into(),
    }
}

/// Something that is not there, or that another object took the name of, need not be deleted.
fn gone(deleted: Result<(), Error>) -> Result<(), Error> {
    match deleted {
        Err(error) if error.is(Reason::NotFound) || error.is(Reason::Conflict) => Ok(()),
        other => other,
    }
}
