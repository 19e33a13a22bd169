//! Usages: which resource uses which config, so that a config in use cannot be deleted.
//!
//! A usage carries a finalizer of its own that goes after the managed resource's. Deleting a whole
//! namespace, where everything goes at once, therefore keeps the config until the last resource that
//! needs it is gone.

mod known;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

pub(crate) use self::known::Known;
use crate::{
    cache::Cache,
    config::{
        CONFIG_KIND_LABEL, CONFIG_LABEL, ProviderConfigUsage, ProviderSettings, USAGE_FINALIZER,
        UserRef,
    },
    external::{ExternalError, Failure},
    kind::Kind,
    persist::{MANAGER, is_status},
    resource::ManagedResource,
};

/// Makes sure that the usage of `object` exists and says the truth. Costs no request when it does; says
/// whether it was written.
///
/// Needs get, create and patch on `providerconfigusages`.
pub(crate) async fn track<K: Kind, S: ProviderSettings>(
    client: &Client,
    known: &Cache<Known>,
    object: &ManagedResource<K>,
) -> Result<bool, ExternalError> {
    let wanted = usage::<K, S>(object);
    let (namespace, name) = (wanted.namespace().unwrap_or_default(), wanted.name_any());
    if known
        .get(&namespace, &name)
        .is_some_and(|usage| usage.says(&Known::from(&wanted)))
    {
        return Ok(false);
    }
    let api: Api<ProviderConfigUsage<S>> = Api::namespaced(client.clone(), &namespace);
    let written = match api.create(&PostParams::default(), &wanted).await {
        // Somebody was faster, or the watch is behind: the usage is there, so make it say the truth.
        Err(error) if is_status(&error, 409) => correct(&api, &wanted).await,
        result => result,
    };
    let usage = written.map_err(|error| {
        let cause = format!("cannot write ProviderConfigUsage {name}: {error}");
        ExternalError::Other(Failure::new(
            cause,
            "allow the provider to write its own kinds",
        ))
    })?;
    known.insert(Known::from(&usage));
    Ok(true)
}

async fn correct<S: ProviderSettings>(
    api: &Api<ProviderConfigUsage<S>>,
    wanted: &ProviderConfigUsage<S>,
) -> kube::Result<ProviderConfigUsage<S>> {
    let patch = json!({
        "metadata": { "labels": wanted.metadata.labels, "finalizers": wanted.metadata.finalizers },
        "providerConfigRef": wanted.provider_config_ref,
        "resourceRef": wanted.resource_ref,
    });
    api.patch(
        &wanted.name_any(),
        &PatchParams::apply(MANAGER),
        &Patch::Merge(patch),
    )
    .await
}

/// Lets the usage go, after the managed resource has gone.
pub(crate) async fn untrack<S: ProviderSettings>(
    client: &Client,
    namespace: &str,
    name: &str,
) -> kube::Result<()> {
    let api: Api<ProviderConfigUsage<S>> = Api::namespaced(client.clone(), namespace);
    let patch = json!({ "metadata": { "finalizers": null } });
    match api
        .patch(name, &PatchParams::apply(MANAGER), &Patch::Merge(patch))
        .await
    {
        Err(error) if is_status(&error, 404) => Ok(()),
        result => result.map(|_| ()),
    }
}

fn usage<K: Kind, S: ProviderSettings>(object: &ManagedResource<K>) -> ProviderConfigUsage<S> {
    let config = object.spec.provider_config_ref.clone();
    let metadata = ObjectMeta {
        name: object.uid(),
        namespace: object.namespace(),
        labels: Some(
            [
                (CONFIG_LABEL.to_owned(), label_value(&config.name)),
                (
                    CONFIG_KIND_LABEL.to_owned(),
                    config.kind.as_str().to_owned(),
                ),
            ]
            .into(),
        ),
        finalizers: Some(vec![USAGE_FINALIZER.to_owned()]),
        owner_references: object.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    let user = UserRef {
        api_version: K::api_version(),
        kind: K::KIND.into(),
        name: object.name_any(),
        uid: object.uid(),
    };
    ProviderConfigUsage::new(metadata, config, user)
}

/// Names may be longer than labels; the label only helps people to look, the truth is in the ref.
fn label_value(name: &str) -> String {
    name.chars()
        .take(63)
        .collect::<String>()
        .trim_end_matches(['-', '.'])
        .to_owned()
}
