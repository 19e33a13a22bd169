//! Objects of any kind in a cluster: read, applied, deleted. Effects only; decisions lie in
//! [`manifest`](super::manifest).

use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions},
    core::GroupVersionKind,
    discovery::Scope,
};
use serde_json::{Value as Json, json};

use super::manifest::{FIELD_MANAGER, OWNER, OWNER_UID};
use crate::kubeconfig::{Error, Reason, Refusal, Remote, within};

/// Names one object in a cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectRef {
    /// Group, version and kind.
    pub kind: GroupVersionKind,
    /// Namespace; `None` for a cluster-scoped kind, or for `default` of a namespaced one.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl std::fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.kind, self.name),
            None => write!(f, "{} {}", self.kind.kind, self.name),
        }
    }
}

impl ObjectRef {
    /// What a manifest names; `None` when it lacks apiVersion, kind or name.
    pub fn of(manifest: &Json) -> Option<Self> {
        let text = |value: &Json| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let version = text(&manifest["apiVersion"])?;
        let (group, version) = version.rsplit_once('/').unwrap_or(("", &version));
        Some(Self {
            kind: GroupVersionKind::gvk(group, version, &text(&manifest["kind"])?),
            namespace: text(&manifest["metadata"]["namespace"]),
            name: text(&manifest["metadata"]["name"])?,
        })
    }
}

impl Remote {
    /// The live object as JSON, `managedFields` included.
    ///
    /// # Errors
    /// When the call fails, or the cluster does not serve the kind.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Json>, Error> {
        let api = self.api(object).await?;
        let found = within(&format!("read {object}"), api.get_opt(&object.name)).await?;
        Ok(found.map(as_json))
    }

    /// Applies a manifest as our field manager; fields of others that it names become ours. With a
    /// resource version in the manifest, only onto that version.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn apply(&self, object: &ObjectRef, manifest: &Json) -> Result<Json, Error> {
        let api = self.api(object).await?;
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(manifest);
        let applied = api.patch(&object.name, &parameters, &patch);
        let applied = within(&format!("apply {object}"), applied).await;
        if applied
            .as_ref()
            .is_err_and(|error| error.is(Reason::NotFound))
        {
            self.forget();
        }
        applied.map(as_json)
    }

    /// Deletes the object with this UID in the background. It is no error when it is gone.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn delete(&self, object: &ObjectRef, uid: &str) -> Result<(), Error> {
        let api = self.api(object).await?;
        let parameters = DeleteParams::background().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        let deleted = api.delete(&object.name, &parameters);
        match within(&format!("delete {object}"), deleted).await {
            // Another object has taken the name since: ours is gone.
            Err(error) if error.is(Reason::NotFound) || error.is(Reason::Conflict) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Takes our mark off the object with this UID and leaves it otherwise as it is.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn release(&self, object: &ObjectRef, uid: &str) -> Result<(), Error> {
        let api = self.api(object).await?;
        let patch =
            json!({"metadata": {"uid": uid, "annotations": {OWNER: null, OWNER_UID: null}}});
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(&patch));
        let released = api.patch(&object.name, &parameters, &patch);
        match within(&format!("release {object}"), released).await {
            Err(error) if error.is(Reason::NotFound) || error.is(Reason::Conflict) => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn api(&self, object: &ObjectRef) -> Result<Api<DynamicObject>, Error> {
        let (resource, capabilities) = self.served(&object.kind).await?;
        let is_namespaced = capabilities.scope == Scope::Namespaced;
        match (&object.namespace, is_namespaced) {
            (Some(_), false) => Err(Refusal::new(
                "NamespaceGiven",
                format!(
                    "{} is cluster-scoped and has no namespace",
                    object.kind.kind
                ),
                "remove metadata.namespace",
            )
            .into()),
            (namespace, true) => Ok(self.namespaced(namespace.as_deref(), &resource)),
            (None, false) => Ok(Api::all_with(self.client.clone(), &resource)),
        }
    }

    fn namespaced(&self, namespace: Option<&str>, resource: &ApiResource) -> Api<DynamicObject> {
        let namespace = namespace.unwrap_or("default");
        Api::namespaced_with(self.client.clone(), namespace, resource)
    }
}

fn as_json(object: DynamicObject) -> Json {
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_its_object() {
        let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "b"}});
        let object = ObjectRef::of(&manifest).unwrap();
        assert_eq!(object.to_string(), "Deployment b/a");
        assert_eq!(object.kind.group, "apps");
        let core = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}});
        let object = ObjectRef::of(&core).unwrap();
        assert_eq!(
            (object.to_string(), object.kind.group),
            ("Namespace a".into(), String::new())
        );
        assert_eq!(ObjectRef::of(&json!({"kind": "Namespace"})), None);
    }
}
