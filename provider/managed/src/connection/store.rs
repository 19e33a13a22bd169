//! Where connection details are kept: a Secret owned by the managed resource.
//!
//! Keys are only ever added or replaced. A Secret that belongs to somebody else is refused, never
//! overwritten. Credentials are stored here before they are applied outside, so a crash at any point
//! leaves a usable pair.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;

use crate::{
    connection::{ConnectionDetails, LocalSecretReference, SECRET_TYPE},
    external::ExternalError,
    input::Value,
    kind::Kind,
    persist::{MANAGER, is_status},
    resource::ManagedResource,
};

/// Connection details as they are stored, with the version that was read.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Keys and values.
    pub details: ConnectionDetails,
    /// Resource version of the Secret; empty when there is none.
    pub version: String,
    /// It is there and lacks a label or an annotation that the reference asks for.
    pub is_bare: bool,
}

/// Keeps the connection details of managed resources.
pub trait ConnectionStore<K: Kind>: Send + Sync {
    /// What is stored; nothing when nothing is.
    fn load(
        &self,
        owner: &ManagedResource<K>,
        reference: &LocalSecretReference,
    ) -> impl Future<Output = Result<Stored, ExternalError>> + Send;

    /// Adds or replaces keys. Writes nothing when every key is there with the same value.
    fn store(
        &self,
        owner: &ManagedResource<K>,
        reference: &LocalSecretReference,
        details: &ConnectionDetails,
    ) -> impl Future<Output = Result<Stored, ExternalError>> + Send;

    /// Moves what an earlier reference named to where this one says. Nothing happens to a Secret that
    /// is not the owner's.
    fn follow(
        &self,
        owner: &ManagedResource<K>,
        former: &str,
        reference: &LocalSecretReference,
    ) -> impl Future<Output = Result<(), ExternalError>> + Send;

    /// Keeps the details when the managed resource goes.
    fn release(
        &self,
        owner: &ManagedResource<K>,
        reference: &LocalSecretReference,
    ) -> impl Future<Output = Result<(), ExternalError>> + Send;
}

/// Secrets in the namespace of the managed resource. Needs get, create, patch and delete on Secrets.
#[derive(Clone)]
pub struct SecretStore(pub Client);

impl<K: Kind> ConnectionStore<K> for SecretStore {
    async fn load(
        &self,
        owner: &ManagedResource<K>,
        reference: &LocalSecretReference,
    ) -> Result<Stored, ExternalError> {
        let secret = self.secret(owner, reference).await?;
        let stored = secret.as_ref().map(|secret| stored(secret, reference));
        Ok(stored.unwrap_or_default())
    }

    async fn store(
        &self,
        owner: &ManagedResource<K>,
        reference: &LocalSecretReference,
        details: &ConnectionDetails,
    ) -> Result<Stored, ExternalError> {
        let api = self.api(owner);
        let Some(secret) = self.secret(owner, reference).await? else {
            let made = api
                .create(
                    &PostParams::default(),
                    &new_secret(owner, reference, details),
                )
                .await;
            return made
                .map(|secret| stored(&secret, reference))
                .map_err(|error| cannot("create", reference, &error));
        };
        let before = stored(&secret, reference);
        if before.details.contains(details) && !before.is_bare && is_owned(&secret, owner) {
            return Ok(before);
        }
        let patch = json!({
            "metadata": {
                "resourceVersion": secret.metadata.resource_version,
                "ownerReferences": owners(&secret, owner),
                "labels": reference.labels,
                "annotations": reference.annotations,
            },
            "data": encoded(details),
        });
        let params = PatchParams::apply(MANAGER);
        let patched = api
            .patch(&reference.name, &params, &Patch::Merge(patch))
            .await;
        patched
            .map(|secret| stored(&secret, reference))
            .map_err(|error| cannot("write", reference, &error))
    }

    async fn follow(
        &self,
        owner: &ManagedResource<K>,
        former: &str,
        reference: &LocalSecretReference,
    ) -> Result<(), ExternalError> {
        let (api, former) = (self.api(owner), LocalSecretReference::named(former));
        let found = api.get_opt(&former.name).await;
        let found = found.map_err(|error| cannot("read", &former, &error))?;
        let Some(secret) = found.filter(|secret| is_owned(secret, owner)) else {
            return Ok(());
        };
        // Only then is the former one deleted: at no time are the details nowhere.
        self.store(owner, reference, &stored(&secret, &former).details)
            .await?;
        let params = DeleteParams::default().preconditions(Preconditions {
            uid: secret.uid(),
            resource_version: secret.resource_version(),
        });
        match api.delete(&former.name, &params).await {
            Err(error) if !is_status(&error, 404) => Err(cannot("delete", &former, &error)),
            _ => Ok(()),
        }
    }

    async fn release(
        &self,
        owner: &ManagedResource<K>,
        reference: &LocalSecretReference,
    ) -> Result<(), ExternalError> {
        let api = self.api(owner);
        let found = api
            .get_opt(&reference.name)
            .await
            .map_err(|error| cannot("read", reference, &error))?;
        let Some(secret) = found.filter(|secret| is_owned(secret, owner)) else {
            return Ok(());
        };
        let rest: Vec<_> = secret
            .owner_references()
            .iter()
            .filter(|other| Some(&other.uid) != owner.uid().as_ref())
            .collect();
        let patch = json!({ "metadata": {
            "resourceVersion": secret.metadata.resource_version,
            "ownerReferences": rest,
        }});
        let params = PatchParams::apply(MANAGER);
        let patched = api
            .patch(&reference.name, &params, &Patch::Merge(patch))
            .await;
        patched
            .map(|_| ())
            .map_err(|error| cannot("release", reference, &error))
    }
}

impl SecretStore {
    fn api<K: Kind>(&self, owner: &ManagedResource<K>) -> Api<Secret> {
        Api::namespaced(self.0.clone(), &owner.namespace().unwrap_or_default())
    }

    /// The Secret, if it is there and ours to use.
    async fn secret<K: Kind>(
        &self,
        owner: &ManagedResource<K>,
        reference: &LocalSecretReference,
    ) -> Result<Option<Secret>, ExternalError> {
        let found = self.api(owner).get_opt(&reference.name).await;
        let secret = found.map_err(|error| cannot("read", reference, &error))?;
        if let Some(secret) = &secret {
            may_use(secret, owner, reference)?;
        }
        Ok(secret)
    }
}

/// Refuses a Secret of somebody else. One whose owner had our kind and name but another UID was
/// ours before a restore: names are unique, so that owner is gone.
fn may_use<K: Kind>(
    secret: &Secret,
    owner: &ManagedResource<K>,
    reference: &LocalSecretReference,
) -> Result<(), ExternalError> {
    let is_connection = secret.type_.as_deref() == Some(SECRET_TYPE);
    let name = &reference.name;
    match secret
        .owner_references()
        .iter()
        .find(|other| other.controller == Some(true))
    {
        None if is_connection => Ok(()),
        None => Err(ExternalError::invalid(
            format!("Secret {name} is not a connection Secret (its type is not {SECRET_TYPE})"),
            "name another Secret in writeConnectionSecretToRef",
        )),
        Some(other) if Some(&other.uid) == owner.uid().as_ref() => Ok(()),
        Some(other) if is_connection && other.kind == K::KIND && other.name == owner.name_any() => {
            Ok(())
        }
        Some(other) => Err(ExternalError::invalid(
            format!("Secret {name} belongs to {} {}", other.kind, other.name),
            "name another Secret in writeConnectionSecretToRef",
        )),
    }
}

fn is_owned<K: Kind>(secret: &Secret, owner: &ManagedResource<K>) -> bool {
    secret
        .owner_references()
        .iter()
        .any(|other| Some(&other.uid) == owner.uid().as_ref())
}

fn owners<K: Kind>(secret: &Secret, owner: &ManagedResource<K>) -> Vec<OwnerReference> {
    let others = secret
        .owner_references()
        .iter()
        .filter(|other| other.controller != Some(true))
        .cloned();
    others.chain(owner.controller_owner_ref(&())).collect()
}

fn new_secret<K: Kind>(
    owner: &ManagedResource<K>,
    reference: &LocalSecretReference,
    details: &ConnectionDetails,
) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(reference.name.clone()),
            namespace: owner.namespace(),
            labels: Some(reference.labels.clone()).filter(|labels| !labels.is_empty()),
            annotations: Some(reference.annotations.clone())
                .filter(|annotations| !annotations.is_empty()),
            owner_references: owner.controller_owner_ref(&()).map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        type_: Some(SECRET_TYPE.into()),
        data: Some(encoded(details)),
        ..Secret::default()
    }
}

fn encoded(details: &ConnectionDetails) -> BTreeMap<String, ByteString> {
    details
        .iter()
        .map(|(key, value)| (key.to_owned(), ByteString(value.expose().to_vec())))
        .collect()
}

fn stored(secret: &Secret, reference: &LocalSecretReference) -> Stored {
    let data = secret.data.iter().flatten();
    let has = |has: &BTreeMap<_, _>, wanted: &BTreeMap<_, _>| {
        wanted
            .iter()
            .all(|(key, value)| has.get(key) == Some(value))
    };
    Stored {
        is_bare: !has(secret.labels(), &reference.labels)
            || !has(secret.annotations(), &reference.annotations),
        details: data
            .map(|(key, value)| (key.clone(), Value::new(value.0.clone())))
            .collect(),
        version: secret.resource_version().unwrap_or_default(),
    }
}

fn cannot(what: &str, reference: &LocalSecretReference, error: &kube::Error) -> ExternalError {
    let cause = format!(
        "cannot {what} connection Secret {}: {error}",
        reference.name
    );
    if is_status(error, 409) {
        return ExternalError::blocked("another writer", cause, "nothing to do, it is retried");
    }
    ExternalError::Other(crate::external::Failure::new(
        cause,
        "allow the provider to write Secrets here",
    ))
}
