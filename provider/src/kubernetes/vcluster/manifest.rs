//! The objects in the host cluster that make up a virtual cluster's control plane. Pure.
//!
//! They come in the order in which they are applied: what limits first, the control plane last, for it
//! reads its configuration, its Service and its rights as it starts. Only fields that are meant are
//! there; what is not said is the host cluster's own default and is never compared.

mod control_plane;
mod etcd;
mod network;
mod policy;
mod rights;

use managed::external::ExternalError;
use serde_json::{Map, Value, json};

use super::{
    document::{Document, OIDC_AUTHORITIES},
    observation::Part,
    target::{OWNER, Target},
};

/// An object as it is applied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Manifest {
    /// Kind and name.
    pub(super) part: Part,
    /// The object, complete.
    pub(super) body: Value,
}

/// What differs between hosts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Host {
    /// Minor of its Kubernetes; `None` when it is not known.
    pub(super) minor: Option<u32>,
}

/// The kinds that objects may have, with their versions and plurals.
const KINDS: [(&str, &str, &str); 11] = [
    ("ResourceQuota", "v1", "resourcequotas"),
    ("LimitRange", "v1", "limitranges"),
    ("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    ("ServiceAccount", "v1", "serviceaccounts"),
    ("Role", "rbac.authorization.k8s.io/v1", "roles"),
    (
        "RoleBinding",
        "rbac.authorization.k8s.io/v1",
        "rolebindings",
    ),
    ("Secret", "v1", "secrets"),
    ("Service", "v1", "services"),
    ("StatefulSet", "apps/v1", "statefulsets"),
    ("Deployment", "apps/v1", "deployments"),
    ("Ingress", "networking.k8s.io/v1", "ingresses"),
];

/// Version and plural of a kind that objects may have.
pub(super) fn api_of(kind: &str) -> Option<(&'static str, &'static str)> {
    let known = KINDS.iter().find(|(known, ..)| *known == kind)?;
    Some((known.1, known.2))
}

/// Every object of the target, in the order of applying.
pub(super) fn all(target: &Target<'_>, host: Host) -> Result<Vec<Manifest>, ExternalError> {
    let document = Document::of(target)?;
    let mut manifests = policy::all(target);
    manifests.extend(rights::all(target, host));
    manifests.push(secret(target, &document));
    manifests.extend(network::services(target));
    if target.has_etcd() {
        manifests.extend(etcd::all(target, host));
    }
    manifests.push(control_plane::workload(target, host, &document));
    manifests.extend(network::ingress(target));
    Ok(manifests)
}

fn secret(target: &Target<'_>, document: &Document) -> Manifest {
    let name = format!("vc-config-{}", target.name);
    let mut content = json!({"type": "Opaque", "data": {"config.yaml": base64(&document.text)}});
    if let Some(authorities) = &document.oidc_authorities {
        content["data"][OIDC_AUTHORITIES] = base64(authorities).into();
    }
    manifest(target, "Secret", &name, "vcluster", content)
}

fn base64(text: &str) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text)
}

/// An object of the target, with what all of them carry. `app` is what the `vcluster` command line looks
/// for.
fn manifest(target: &Target<'_>, kind: &str, name: &str, app: &str, content: Value) -> Manifest {
    let (version, _) = api_of(kind).unwrap_or_default();
    let mut body = json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": target.namespace,
            "labels": {
                "app": app,
                "chart": format!("vcluster-{}", target.parameters.version),
                "heritage": "provider-tenancy",
                "release": target.name,
                OWNER: target.owner,
            },
        },
    });
    merge(&mut body, content);
    Manifest {
        part: Part {
            kind: kind.into(),
            name: name.into(),
        },
        body,
    }
}

/// What selects the pods of `app`.
fn selector(target: &Target<'_>, app: &str) -> Value {
    json!({"app": app, "release": target.name})
}

/// Puts `content` into `body`, key by key.
fn merge(body: &mut Value, content: Value) {
    match (body, content) {
        (Value::Object(body), Value::Object(content)) => {
            for (key, value) in content {
                merge(body.entry(key).or_insert(Value::Null), value);
            }
        }
        (body, content) => *body = content,
    }
}

/// The object without the fields that are empty.
fn given<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let is_given = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    let fields = fields.into_iter().filter(|(_, value)| is_given(value));
    Value::Object(
        fields
            .map(|(key, value)| (key.to_owned(), value))
            .collect::<Map<_, _>>(),
    )
}

#[cfg(test)]
mod tests;
