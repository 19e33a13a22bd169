//! Objects for tests.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::core::ObjectMeta;

use super::{Fake, FakeParameters};
use crate::{connection::LocalSecretReference, kind::Kind, queue::Key, resource::ManagedResource};

pub(crate) const NAMESPACE: &str = "shop";

pub(crate) type FakeResource = ManagedResource<Fake>;

pub(crate) fn key(name: &str) -> Key {
    Key {
        group: Fake::GROUP,
        plural: Fake::PLURAL,
        namespace: NAMESPACE.into(),
        name: name.into(),
    }
}

pub(super) fn named(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty()),
        ..ObjectMeta::default()
    }
}

/// An ordinary Secret.
pub(crate) fn secret(namespace: &str, name: &str, data: &[(&str, &str)]) -> Secret {
    let data = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
    Secret {
        metadata: named(namespace, name),
        data: Some(data.collect()),
        ..Secret::default()
    }
}

/// A resource of this size.
pub(crate) fn fake(name: &str, size: i64) -> FakeResource {
    let mut object = ManagedResource::new(
        name,
        FakeParameters {
            size,
            ..FakeParameters::default()
        },
    );
    object.metadata.namespace = Some(NAMESPACE.into());
    object
}

/// A resource of this size with a connection Secret of the same name.
pub(crate) fn fake_with_secret(name: &str, size: i64) -> FakeResource {
    let mut object = fake(name, size);
    object.spec.write_connection_secret_to_ref = Some(LocalSecretReference::named(name));
    object
}
