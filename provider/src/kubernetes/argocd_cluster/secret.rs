//! Argo CD's cluster Secret: as it is to be, and how it differs. Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use managed::{Drift, Shown, external::Owner, input::Value};
use serde_json::{Map, Value as Json, json};

use super::ArgoCdClusterParameters;
use crate::{
    kubeconfig::Access,
    kubernetes::{
        argocd_config::{self, SECRET_PATHS},
        manifest::{Mark, abandoned, applied, compare},
    },
};

/// The label by which Argo CD knows its cluster Secrets.
pub(super) const LABEL: (&str, &str) = ("argocd.argoproj.io/secret-type", "cluster");

/// The manifest of the Secret, credential included.
pub(super) fn manifest(
    parameters: &ArgoCdClusterParameters,
    owner: &Owner,
    access: &Access,
) -> Json {
    let mut labels = parameters.labels.clone();
    labels.insert(LABEL.0.into(), LABEL.1.into());
    let data: Map<_, _> = data(parameters, access)
        .into_iter()
        .map(|(key, value)| {
            (
                key.to_owned(),
                BASE64_STANDARD.encode(value.expose()).into(),
            )
        })
        .collect();
    let mut manifest = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": parameters.secret_name(),
            "namespace": parameters.namespace,
            "labels": labels,
            "annotations": parameters.annotations,
        },
        "type": "Opaque",
        "data": data,
    });
    Mark::of(owner).put(&mut manifest);
    manifest
}

fn data(parameters: &ArgoCdClusterParameters, access: &Access) -> Vec<(&'static str, Value)> {
    let mut data = vec![
        ("name", Value::from(parameters.name.as_str())),
        ("server", Value::from(access.server.as_str())),
        ("config", argocd_config::text(access)),
    ];
    if let Some(project) = &parameters.project {
        data.push(("project", Value::from(project.as_str())));
    }
    if !parameters.namespaces.is_empty() {
        let all = parameters.cluster_resources.unwrap_or(false);
        data.push(("namespaces", Value::from(parameters.namespaces.join(","))));
        data.push(("clusterResources", Value::from(all.to_string())));
    }
    data
}

/// The bearer token in a live Secret.
pub(super) fn token(live: &Json) -> Option<Value> {
    config(live)?["bearerToken"].as_str().map(Value::from)
}

fn config(live: &Json) -> Option<Json> {
    serde_json::from_str(&plain(live, "config")?).ok()
}

fn plain(live: &Json, key: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(live["data"][key].as_str()?).ok()?;
    String::from_utf8(bytes).ok()
}

/// How a live Secret differs. Fields are named as in the spec, those in `config` by their path there.
pub(super) fn drift(
    parameters: &ArgoCdClusterParameters,
    owner: &Owner,
    access: &Access,
    live: &Json,
) -> Vec<Drift> {
    let manifest = manifest(parameters, owner, access);
    let metadata = json!({ "metadata": manifest["metadata"], "type": manifest["type"] });
    let mut drift: Vec<_> = compare(&metadata, live, applied(live))
        .into_iter()
        .map(|difference| {
            let field = difference.path.to_string();
            let observed = difference
                .observed
                .as_ref()
                .map_or_else(Shown::absent, text);
            Drift {
                field: field.strip_prefix("metadata.").unwrap_or(&field).to_owned(),
                desired: text(&difference.desired),
                observed,
            }
        })
        .collect();
    for (key, value) in data(parameters, access) {
        if key != "config" {
            let (wanted, found) = (value.expose_str().unwrap_or_default(), plain(live, key));
            if found.as_deref() != Some(wanted) {
                let observed = found.map_or_else(Shown::absent, Shown::plain);
                let (field, desired) = (key.to_owned(), Shown::plain(wanted));
                drift.push(Drift {
                    field,
                    desired,
                    observed,
                });
            }
        }
    }
    drift.extend(config_drift(access, live));
    drift.extend(left_behind(&manifest, live));
    drift
}

/// Every value of the JSON that differs, and every one that we did not write: a foreign one may be
/// another login.
fn config_drift(access: &Access, live: &Json) -> Vec<Drift> {
    let wanted = Json::from(argocd_config::object(access));
    let Some(found) = config(live) else {
        return vec![Drift::secret("config")];
    };
    let differs = compare(&wanted, &found, None)
        .into_iter()
        .map(|difference| {
            let path = difference.path.as_str();
            let field = format!("config.{path}");
            if is_secret(path) {
                return Drift::secret(field);
            }
            let text = if is_certificate(path) {
                certificate
            } else {
                text
            };
            Drift {
                field,
                desired: text(&difference.desired),
                observed: difference
                    .observed
                    .as_ref()
                    .map_or_else(Shown::absent, text),
            }
        });
    let foreign = foreign(&wanted, &found).into_iter().map(|path| Drift {
        field: format!("config.{path}"),
        desired: Shown::absent(),
        observed: Shown::secret(),
    });
    differs.chain(foreign).collect()
}

fn is_secret(path: &str) -> bool {
    SECRET_PATHS.iter().any(|secret| secret.starts_with(path))
}

fn is_certificate(path: &str) -> bool {
    path.ends_with(".caData") || path.ends_with(".certData")
}

fn foreign(wanted: &Json, found: &Json) -> Vec<String> {
    let mut paths = Vec::new();
    for (name, value) in found.as_object().into_iter().flatten() {
        match wanted.get(name) {
            None => paths.push(name.clone()),
            Some(wanted) => {
                let below = foreign(wanted, value).into_iter();
                paths.extend(below.map(|path| format!("{name}.{path}")));
            }
        }
    }
    paths
}

/// What we wrote once and is not in the spec any more.
fn left_behind(manifest: &Json, live: &Json) -> Vec<Drift> {
    let paths = applied(live)
        .map(|tree| abandoned(manifest, tree))
        .unwrap_or_default();
    let named = paths.into_iter().map(|path| {
        let field = path.to_string();
        let field = field
            .strip_prefix("metadata.")
            .or_else(|| field.strip_prefix("data."));
        let field = field.unwrap_or(path.as_str()).to_owned();
        let (desired, observed) = (Shown::absent(), Shown::plain("(applied before)"));
        Drift {
            field,
            desired,
            observed,
        }
    });
    named.collect()
}

/// The end tells two certificates apart; they all begin the same.
fn certificate(value: &Json) -> Shown {
    let base64 = value.as_str().unwrap_or_default();
    let end = base64.char_indices().rev().nth(11).map_or(0, |(at, _)| at);
    Shown::plain(format!("(ends with {})", &base64[end..]))
}

fn text(value: &Json) -> Shown {
    match value {
        Json::String(text) => Shown::plain(text),
        other => Shown::plain(other),
    }
}

#[cfg(test)]
mod tests;
