//! The doctor: which rights are missing on the host cluster, and the rules that would give them.
//!
//! Asks with `SelfSubjectAccessReview`, which every identity may.

use std::fmt::Write;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, api::PostParams};
use managed::external::{ExternalError, Failure};

use crate::kubeconfig::{Error, within};

/// One right: a verb on a resource of a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Right {
    /// Verb, such as `create`.
    pub verb: &'static str,
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resource in the plural, with a subresource after a slash.
    pub resource: &'static str,
}

/// The rights that are missing in a namespace, in the order in which they were asked about.
///
/// # Errors
/// When the server does not answer.
pub async fn missing(
    client: &Client,
    namespace: &str,
    needed: &[Right],
) -> Result<Vec<Right>, Error> {
    let mut missing = Vec::new();
    for right in needed {
        if !may(client, namespace, *right).await? {
            missing.push(*right);
        }
    }
    Ok(missing)
}

async fn may(client: &Client, namespace: &str, right: Right) -> Result<bool, Error> {
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let (resource, subresource) = match right.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (right.resource, None),
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(namespace.to_owned()),
                verb: Some(right.verb.to_owned()),
                group: Some(right.group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource,
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let parameters = PostParams::default();
    let answer = within("review its own rights", api.create(&parameters, &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// The rules that would give these rights, in the form of a Role.
pub fn rules(missing: &[Right]) -> String {
    let mut targets: Vec<(&str, &str)> = Vec::new();
    for right in missing {
        if !targets.contains(&(right.group, right.resource)) {
            targets.push((right.group, right.resource));
        }
    }
    let mut text = String::new();
    for (group, resource) in targets {
        let verbs = missing
            .iter()
            .filter(|right| (right.group, right.resource) == (group, resource));
        let verbs: Vec<_> = verbs.map(|right| right.verb).collect();
        let separator = if text.is_empty() { "" } else { ", " };
        let _infallible = write!(
            text,
            "{separator}{{apiGroups: [{group:?}], resources: [{resource}], verbs: [{}]}}",
            verbs.join(", ")
        );
    }
    text
}

/// A refusal that says which rules to add where.
pub fn denied(namespace: &str, missing: &[Right]) -> ExternalError {
    ExternalError::Denied(Failure::new(
        format!(
            "the provider has no right in namespace {namespace} to: {}",
            rules(missing)
        ),
        "add these rules to a Role of the provider there",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn right(verb: &'static str, group: &'static str, resource: &'static str) -> Right {
        Right {
            verb,
            group,
            resource,
        }
    }

    #[test]
    fn missing_verbs_of_one_resource_become_one_rule() {
        let missing = [
            right("get", "", "secrets"),
            right("create", "apps", "statefulsets"),
            right("patch", "", "secrets"),
        ];
        assert_eq!(
            rules(&missing),
            r#"{apiGroups: [""], resources: [secrets], verbs: [get, patch]}, {apiGroups: ["apps"], resources: [statefulsets], verbs: [create]}"#
        );
    }
}
