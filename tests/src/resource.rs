//! One object of the product, seen and handled the way a user does it: apply, look at conditions and
//! events, delete.
//!
//! Every wait has a limit, and its failure shows the object and its events.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::core::v1::Event;
pub use kube::api::DeleteParams;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::openbao::random_word;
use crate::wait;

/// How long a story waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An object by kind, namespace and name. It need not exist.
#[derive(Clone, Debug)]
pub struct Resource {
    api: Api<DynamicObject>,
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    annotations: Value,
}

/// What an event says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// `reason`.
    pub reason: String,
    /// `message`.
    pub message: String,
}

impl Resource {
    /// The object of this kind. The annotations are applied with it.
    pub(crate) fn new(
        api: Api<DynamicObject>,
        (api_version, kind): (&str, &str),
        (namespace, name): (&str, &str),
        annotations: Value,
    ) -> Self {
        Self {
            api,
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            annotations,
        }
    }

    /// Name of the object.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kind and group as `kubectl` takes them, such as `role.postgresql.pnats.cloud`.
    pub fn kubectl_kind(&self) -> String {
        let group = self.api_version.split('/').next().unwrap_or_default();
        format!("{}.{group}", self.kind.to_lowercase())
    }

    /// Applies the object with this spec, as `kubectl apply --server-side` would.
    pub async fn apply(&self, spec: &Value) -> anyhow::Result<()> {
        let object = json!({
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": {"name": self.name, "namespace": self.namespace, "annotations": self.annotations},
            "spec": spec,
        });
        let params = PatchParams::apply("story").force();
        let applied = self
            .api
            .patch(&self.name, &params, &Patch::Apply(&object))
            .await;
        applied
            .map(drop)
            .with_context(|| format!("cannot apply {} {}", self.kind, self.name))
    }

    /// Changes a part of the object, as `kubectl patch --type=merge` would.
    pub async fn merge(&self, patch: &Value) -> anyhow::Result<()> {
        let params = PatchParams::default();
        let patched = self
            .api
            .patch(&self.name, &params, &Patch::Merge(patch))
            .await;
        patched
            .map(drop)
            .with_context(|| format!("cannot patch {} {}", self.kind, self.name))
    }

    /// The object, or nothing.
    pub async fn find(&self) -> anyhow::Result<Option<Value>> {
        let found = self.api.get_opt(&self.name).await?;
        Ok(found.map(serde_json::to_value).transpose()?)
    }

    /// Waits until the object exists and is as it should be.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let what = format!("{} {} {what}", self.kind, self.name);
        let found = wait::wait_for_value(&what, PATIENCE, async || {
            Ok(self.find().await?.filter(&is_so))
        });
        match found.await {
            Ok(object) => Ok(object),
            Err(error) => Err(error.context(wait::describe(&self.api, &self.name).await)),
        }
    }

    /// Waits until the spec as it is now is carried out and the object is Ready.
    pub async fn until_settled(&self) -> anyhow::Result<Value> {
        self.until("to be settled", is_settled).await
    }

    /// Waits until the condition has this status and its message holds all the words; the message.
    pub async fn until_told(
        &self,
        kind: &str,
        status: &str,
        words: &[&str],
    ) -> anyhow::Result<String> {
        let is_told = |object: &Value| {
            let condition = condition(object, kind);
            let message = condition["message"].as_str().unwrap_or_default();
            condition["status"] == status && words.iter().all(|word| message.contains(word))
        };
        let what = format!("to have {kind}={status} with {words:?}");
        let object = self.until(&what, is_told).await?;
        Ok(condition(&object, kind)["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Asks the provider to look now, and waits until it has.
    pub async fn look(&self) -> anyhow::Result<Value> {
        static TOKENS: AtomicU64 = AtomicU64::new(0);
        let token = format!(
            "{}-{}",
            TOKENS.fetch_add(1, Ordering::Relaxed),
            random_word()
        );
        let ask =
            json!({"metadata": {"annotations": {"crossplane.io/reconcile-requested-at": token}}});
        self.merge(&ask).await?;
        let is_handled =
            |object: &Value| object["status"]["lastHandledReconcileAt"] == token.as_str();
        self.until("to be looked at", is_handled).await
    }

    /// What the object's events say, in no order.
    pub async fn events(&self) -> anyhow::Result<Vec<Told>> {
        let uid = match self.api.get_opt(&self.name).await? {
            Some(object) => object.uid().unwrap_or_default(),
            None => return Ok(Vec::new()),
        };
        let api: Api<Event> = Api::namespaced(self.api.clone().into_client(), &self.namespace);
        let selector = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        let told = |event: Event| Told {
            reason: event.reason.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
        };
        Ok(api
            .list(&selector)
            .await?
            .items
            .into_iter()
            .map(told)
            .collect())
    }

    /// Waits for an event with this reason whose message holds the words; the message.
    pub async fn until_event(&self, reason: &str, words: &[&str]) -> anyhow::Result<String> {
        let what = format!(
            "{} {} to have an event {reason} with {words:?}",
            self.kind, self.name
        );
        let is_it = |told: &Told| {
            told.reason == reason && words.iter().all(|word| told.message.contains(word))
        };
        let found = wait::wait_for_value(&what, PATIENCE, async || {
            Ok(self.events().await?.into_iter().find(is_it))
        });
        match found.await {
            Ok(told) => Ok(told.message),
            Err(error) => Err(error.context(wait::describe(&self.api, &self.name).await)),
        }
    }

    /// Asks for its deletion. It is no error when it is gone.
    pub async fn delete(&self, params: &DeleteParams) -> anyhow::Result<()> {
        match self.api.delete(&self.name, params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            deleted => Ok(deleted.map(drop)?),
        }
    }

    /// Waits until it is gone.
    pub async fn until_gone(&self) -> anyhow::Result<()> {
        wait::wait_gone(&self.api, &self.name, PATIENCE).await
    }
}

/// A condition of an object, null when there is none.
pub fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions
        .into_iter()
        .flatten()
        .find(|one| one["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// True when the spec as it is now is carried out and the object is Ready.
pub fn is_settled(object: &Value) -> bool {
    let generation = &object["metadata"]["generation"];
    let is_true = |kind| {
        let condition = condition(object, kind);
        condition["status"] == "True" && condition["observedGeneration"] == *generation
    };
    object["metadata"]["deletionTimestamp"].is_null()
        && object["status"]["observedGeneration"] == *generation
        && is_true("Ready")
        && is_true("Synced")
}
