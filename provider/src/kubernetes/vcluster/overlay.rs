//! Options of vCluster's own that a resource adds to its configuration: which may be set, and how they
//! are merged. Pure.
//!
//! | path | |
//! |---|---|
//! | on the profile's list | merged |
//! | needs a licence | refused: the open source image ends, or silently ignores it |
//! | has a field of its own, or changes objects in the host cluster | refused with what to do instead |
//! | anything else | refused: vCluster ends when it meets a key it does not know |

use managed::external::ExternalError;
use serde_json::Value;

use super::profile::Profile;

/// Largest overlay in bytes of JSON.
const LARGEST: usize = 64 * 1024;
/// Arguments of the API server that fields of their own set.
const TYPED_ARGUMENTS: [(&str, &str); 3] = [
    ("--service-account-issuer", "serviceAccountIssuer"),
    ("--api-audiences", "serviceAccountIssuer"),
    ("--oidc-", "oidc"),
];
const NO_FIELD: &str = "remove it; it changes objects in the host cluster";
const LICENSED: [&str; 16] = [
    "controlPlane.advanced.kubeVip",
    "controlPlane.backingStore.database.external",
    "controlPlane.backingStore.etcd.embedded",
    "controlPlane.coredns.embedded",
    "controlPlane.standalone",
    "deletion",
    "external",
    "integrations",
    "networking.resolveDNS",
    "platform",
    "policies.centralAdmission",
    "privateNodes",
    "pro",
    "sleep",
    "snapshots",
    "sync.toHost.namespaces",
];
/// Where to say it instead; the first that fits counts.
const TYPED: [(&str, &str); 22] = [
    ("controlPlane.backingStore", "use backingStore"),
    (
        "controlPlane.coredns.deployment.image",
        "use images.coreDNS",
    ),
    ("controlPlane.distro.k8s.image", "use images.kubernetes"),
    ("controlPlane.distro.k8s.version", "use kubernetesVersion"),
    ("controlPlane.endpoint", "use endpoint"),
    ("controlPlane.ingress", "use exposure"),
    ("controlPlane.proxy.extraSANs", "use exposure.extraSANs"),
    ("controlPlane.service", "use exposure"),
    (
        "controlPlane.statefulSet.highAvailability.replicas",
        "use replicas",
    ),
    ("controlPlane.statefulSet.image", "use images.controlPlane"),
    ("controlPlane.statefulSet.persistence", "use persistence"),
    ("controlPlane.statefulSet.resources", "use resources"),
    ("controlPlane.statefulSet.scheduling", "use scheduling"),
    ("controlPlane", NO_FIELD),
    ("experimental.deploy.host", NO_FIELD),
    ("exportKubeConfig", "use writeConnectionSecretToRef"),
    ("networking.advanced", "use networking"),
    ("plugins", NO_FIELD),
    ("policies", "use isolation"),
    ("rbac", "use rbac"),
    ("sync.fromHost", "use sync.fromHost"),
    ("sync.toHost", "use sync.toHost"),
];

/// Refuses an overlay that sets what it may not.
pub(super) fn check(overlay: &Value, profile: &Profile) -> Result<(), ExternalError> {
    if overlay.to_string().len() > LARGEST {
        return Err(ExternalError::invalid(
            "config is larger than 64 KiB",
            "make it smaller",
        ));
    }
    let mut path = Vec::new();
    check_below(overlay, profile, &mut path)
}

fn check_below<'a>(
    value: &'a Value,
    profile: &Profile,
    path: &mut Vec<&'a str>,
) -> Result<(), ExternalError> {
    let dotted = path.join(".");
    if profile
        .overlay
        .iter()
        .any(|pattern| allows(pattern, &dotted))
    {
        return check_arguments(value, &dotted);
    }
    match value {
        Value::Object(fields) if leads_on(profile, &dotted) => {
            for (key, value) in fields {
                path.push(key);
                check_below(value, profile, path)?;
                path.pop();
            }
            Ok(())
        }
        _ => Err(refusal(value, &dotted, profile)),
    }
}

/// Whether the pattern is this path, or everything below it.
fn allows(pattern: &str, path: &str) -> bool {
    pattern == path || pattern.strip_suffix(".*") == Some(path)
}

/// Whether something that may be set lies below.
fn leads_on(profile: &Profile, path: &str) -> bool {
    path.is_empty()
        || profile
            .overlay
            .iter()
            .any(|pattern| is_below(pattern, path))
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn check_arguments(value: &Value, path: &str) -> Result<(), ExternalError> {
    let arguments = value.as_array().into_iter().flatten();
    for argument in arguments.filter_map(Value::as_str) {
        let typed = TYPED_ARGUMENTS.iter().find(|(prefix, _)| {
            path.ends_with("apiServer.extraArgs") && argument.starts_with(prefix)
        });
        if let Some((prefix, field)) = typed {
            return Err(ExternalError::invalid(
                format!("config.{path} sets {prefix}, which has a field of its own"),
                format!("use {field}"),
            ));
        }
    }
    Ok(())
}

/// Names what lies deepest, and of several what needs a licence.
fn refusal(value: &Value, path: &str, profile: &Profile) -> ExternalError {
    let leaves = leaves(value, path);
    let is_licensed = |leaf: &&String| LICENSED.iter().any(|licensed| is_below(leaf, licensed));
    if let Some(path) = leaves.iter().find(is_licensed) {
        return ExternalError::invalid(
            format!("config.{path} needs a licence of vCluster"),
            "remove it; the open source vCluster is run here",
        );
    }
    let path = leaves.first().map_or(path, String::as_str);
    match TYPED.iter().find(|(typed, _)| is_below(path, typed)) {
        Some((_, instead)) => {
            ExternalError::invalid(format!("config.{path} cannot be set"), *instead)
        }
        None => ExternalError::invalid(
            format!(
                "vCluster 0.{} has no option config.{path} that can be set",
                profile.minor
            ),
            "check the spelling, or remove it",
        ),
    }
}

fn leaves(value: &Value, path: &str) -> Vec<String> {
    match value {
        Value::Object(fields) if !fields.is_empty() => fields
            .iter()
            .flat_map(|(key, value)| leaves(value, &format!("{path}.{key}")))
            .collect(),
        _ => vec![path.to_owned()],
    }
}

/// Merges the overlay into the document: objects by key, lists of arguments by appending, anything else
/// by replacing.
pub(super) fn merge(document: &mut Value, overlay: &Value) {
    match (document, overlay) {
        (Value::Object(document), Value::Object(overlay)) => {
            for (key, value) in overlay {
                let entry = document.entry(key.clone()).or_insert(Value::Null);
                if key == "extraArgs"
                    && let (Value::Array(there), Value::Array(more)) = (&mut *entry, value)
                {
                    there.extend(more.iter().cloned());
                } else {
                    merge(entry, value);
                }
            }
        }
        (document, overlay) => *document = overlay.clone(),
    }
}

#[cfg(test)]
mod tests;
