//! The credentials inside a cluster: a Secret that the provider fills from the one beside the claim.
//!
//! The composite names both and holds neither. Each place is a resource of its own: what was delivered
//! to another cluster, namespace or name before is removed from there.

use managed::{ManagedResource, input::SecretKeyRef};
use provider_tenancy::kubernetes::{
    RemoteObject,
    remote_object::{ManifestValue, RemoteObjectParameters},
};
use serde_json::json;

use super::{
    credential::{SSL_MODE, url},
    plan::{Delivery, Plan},
};
use crate::{
    claim::postgresql_instance::DeliveryStatus,
    compose::{Aspect, Composed, cluster::plan::kubeconfig_secret},
    observed::Observed,
};

/// The Secret, if one is wanted.
pub(super) fn composed(plan: &Plan, observed: &Observed) -> Option<Composed> {
    let delivery = plan.delivery.as_ref()?;
    let secret = secret(plan, delivery);
    Some(Composed::new(
        observed,
        delivery.key(),
        Aspect::Delivery,
        &secret,
    ))
}

fn secret(plan: &Plan, delivery: &Delivery) -> ManagedResource<RemoteObject> {
    let kubeconfig = SecretKeyRef {
        name: kubeconfig_secret(&delivery.cluster),
        key: "kubeconfig".into(),
    };
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": delivery.secret, "namespace": delivery.namespace},
        "type": "Opaque",
    });
    let parameters = RemoteObjectParameters {
        values: values(plan, delivery),
        ..RemoteObjectParameters::new(kubeconfig, manifest)
    };
    let mut secret = ManagedResource::new(plan.object(&delivery.key()), parameters);
    secret.metadata.namespace = Some(plan.namespace.clone());
    secret.spec.provider_config_ref = plan.spec.provider_configs.kubernetes.clone();
    secret
}

/// The same keys as at the Vault path.
fn values(plan: &Plan, delivery: &Delivery) -> Vec<ManifestValue> {
    let from_secret = |to: &str, key: &str| {
        let reference = SecretKeyRef {
            name: delivery.source.clone(),
            key: key.into(),
        };
        ManifestValue::secret(format!("data.{to}"), reference)
    };
    vec![
        from_secret("host", "endpoint"),
        from_secret("port", "port"),
        ManifestValue::template("data.database", &plan.database.name),
        from_secret("username", "username"),
        from_secret("password", "password"),
        ManifestValue::template("data.sslmode", SSL_MODE),
        ManifestValue::template("data.url", url("data.")),
    ]
}

/// Where the credentials are delivered.
pub(super) fn status(plan: &Plan) -> Option<DeliveryStatus> {
    let delivery = plan.delivery.as_ref()?;
    Some(DeliveryStatus {
        virtual_cluster: delivery.cluster.clone(),
        namespace: delivery.namespace.clone(),
        secret_name: delivery.secret.clone(),
        access: delivery.access.clone(),
    })
}
