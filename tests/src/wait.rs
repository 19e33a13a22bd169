//! Waits with a limit, and says what it saw when the limit is reached.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

const PAUSE: Duration = Duration::from_millis(200);

/// Asks `is_so` until it is true. Fails after `timeout`, naming `what` was waited for, or at once when `is_so` fails.
pub async fn wait_for(
    what: &str,
    timeout: Duration,
    mut is_so: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    wait_for_value(what, timeout, async || Ok(is_so().await?.then_some(()))).await
}

/// Asks `value` until there is one, and returns it. Fails as [`wait_for`] does.
pub async fn wait_for_value<T>(
    what: &str,
    timeout: Duration,
    mut value: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let until = Instant::now() + timeout;
    loop {
        if let Some(value) = value()
            .await
            .with_context(|| format!("while waiting for {what}"))?
        {
            return Ok(value);
        }
        if Instant::now() > until {
            bail!(
                "waited {timeout:?} for {what} in vain: `cargo testbed status` and `cargo testbed logs NAME` show more"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until the object's condition has the wanted status, and returns the object. On timeout the error holds the object as
/// YAML and its Events.
pub async fn wait_condition<K>(
    api: &Api<K>,
    name: &str,
    condition: &str,
    status: &str,
    timeout: Duration,
) -> anyhow::Result<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize,
{
    let what = format!("{name} to be {condition}={status}");
    let met = wait_for_value(&what, timeout, async || {
        let object = api.get_opt(name).await?;
        Ok(object.filter(|object| has_condition(object, condition, status)))
    });
    match met.await {
        Ok(object) => Ok(object),
        Err(error) => Err(error.context(describe(api, name).await)),
    }
}

/// Waits until the object is gone.
pub async fn wait_gone<K>(api: &Api<K>, name: &str, timeout: Duration) -> anyhow::Result<()>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize,
{
    let what = format!("{name} to be gone");
    let gone = wait_for(&what, timeout, async || {
        Ok(api.get_opt(name).await?.is_none())
    });
    match gone.await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(describe(api, name).await)),
    }
}

/// Whether a condition of an object has a status.
pub(crate) fn has_condition<K: Serialize>(object: &K, condition: &str, status: &str) -> bool {
    let value = serde_json::to_value(object).unwrap_or_default();
    let conditions = value
        .pointer("/status/conditions")
        .and_then(serde_json::Value::as_array);
    conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one["type"] == condition && one["status"] == status)
    })
}

/// The object as YAML and its Events, oldest first.
pub(crate) async fn describe<K>(api: &Api<K>, name: &str) -> String
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize,
{
    let Ok(Some(mut object)) = api.get_opt(name).await else {
        return format!("{name} does not exist");
    };
    object.meta_mut().managed_fields = None;
    let yaml = serde_saphyr::to_string(&object).unwrap_or_else(|error| error.to_string());
    let uid = object.uid().unwrap_or_default();
    let events = events(
        api.clone().into_client(),
        object.namespace().as_deref(),
        &uid,
    )
    .await;
    format!(
        "{yaml}\nEvents:\n{}",
        events.unwrap_or_else(|error| error.to_string())
    )
}

async fn events(client: Client, namespace: Option<&str>, uid: &str) -> anyhow::Result<String> {
    // Events of cluster-scoped objects are kept in the namespace default.
    let api: Api<Event> = Api::namespaced(client, namespace.unwrap_or("default"));
    let listed = api
        .list(&ListParams::default().fields(&format!("involvedObject.uid={uid}")))
        .await?;
    let line = |event: &Event| {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        format!(
            "  {} {}: {}\n",
            text(&event.type_),
            text(&event.reason),
            text(&event.message)
        )
    };
    Ok(listed.items.iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_met_by_type_and_status() {
        let object =
            serde_json::json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
        assert!(has_condition(&object, "Ready", "False"));
        assert!(!has_condition(&object, "Ready", "True"));
        assert!(!has_condition(&serde_json::json!({}), "Ready", "True"));
    }

    #[tokio::test]
    async fn waiting_in_vain_says_for_what() {
        let error = wait_for("rain", Duration::ZERO, async || Ok(false))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("rain"), "{error}");
    }
}
