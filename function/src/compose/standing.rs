//! How far one composed resource is, from its own conditions. Pure.
//!
//! A condition counts only if it speaks about the generation that is there, and only if that
//! generation is what is wanted now; otherwise a claim would be Ready for a moment after each change.

use managed::{
    Condition,
    condition::{READY, SYNCED},
};
use serde_json::Value;

use crate::observed::Composed;

/// How far a composed resource is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It works as wanted.
    Ready,
    /// It is on its way.
    Waiting(Cause),
    /// Something is in the way.
    Failing(Cause),
}

/// Why a composed resource is not ready.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cause {
    /// One word, stable.
    pub reason: String,
    /// Kind and name, then the resource's own message: cause first, remedy last.
    pub message: String,
}

/// True while the API server does not have what is wanted.
pub(super) fn is_pending(wanted: &Value, observed: Option<&Composed>) -> bool {
    observed.is_none_or(|observed| !contains(&observed.object["spec"], wanted))
}

/// The API server does not take a composed resource. The usual reason is another claim that has it.
pub(super) fn refused(kind: &str, name: &str) -> Standing {
    let cause = "the API server refuses it, perhaps because another claim has the same environment and service";
    Standing::Failing(Cause {
        reason: "Refused".into(),
        message: format!(
            "{kind} {name}: {cause}; see this claim's events, or choose another service"
        ),
    })
}

/// Judges a composed resource of the given kind and name against the spec that is wanted.
pub(super) fn standing(
    kind: &str,
    name: &str,
    wanted: &Value,
    observed: Option<&Composed>,
) -> Standing {
    let cause = |reason: &str, message: &str| Cause {
        reason: reason.into(),
        message: format!("{kind} {name}: {message}"),
    };
    let Some(observed) = observed else {
        return Standing::Waiting(cause("Creating", "it is not made yet; wait"));
    };
    if observed.metadata.deletion_timestamp.is_some() {
        return Standing::Failing(cause(
            "Deleting",
            "it is being deleted; wait, it is made again",
        ));
    }
    if !contains(&observed.object["spec"], wanted) {
        return Standing::Waiting(cause("Applying", "its spec is about to change; wait"));
    }
    let (synced, ready) = (observed.condition(SYNCED), observed.condition(READY));
    if [synced, ready]
        .iter()
        .flatten()
        .any(|condition| is_stale(condition, observed))
    {
        return Standing::Waiting(cause("Applying", "its spec was changed just now; wait"));
    }
    match (synced, ready) {
        (Some(synced), _) if synced.status != "True" => {
            Standing::Failing(cause(&synced.reason, said(synced)))
        }
        (Some(_), Some(ready)) if ready.status == "True" => Standing::Ready,
        (_, Some(ready)) if ready.reason == "Creating" => {
            Standing::Waiting(cause("Creating", said(ready)))
        }
        (_, Some(ready)) if ready.status != "True" => {
            Standing::Failing(cause(&ready.reason, said(ready)))
        }
        _ => Standing::Waiting(cause("Creating", "the provider has not seen it yet; wait")),
    }
}

fn is_stale(condition: &Condition, observed: &Composed) -> bool {
    match (condition.observed_generation, observed.metadata.generation) {
        (Some(seen), Some(current)) => seen < current,
        _ => false,
    }
}

fn said(condition: &Condition) -> &str {
    if condition.message.is_empty() {
        &condition.reason
    } else {
        &condition.message
    }
}

/// True when everything that is wanted is there. What others have added does not matter.
fn contains(observed: &Value, wanted: &Value) -> bool {
    match (observed, wanted) {
        (Value::Object(observed), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            observed
                .get(key)
                .is_some_and(|observed| contains(observed, wanted))
        }),
        (Value::Array(observed), Value::Array(wanted)) => {
            observed.len() == wanted.len()
                && observed
                    .iter()
                    .zip(wanted)
                    .all(|(observed, wanted)| contains(observed, wanted))
        }
        _ => observed == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observed::Metadata;

    fn condition(
        kind: &str,
        status: &str,
        reason: &str,
        message: &str,
        generation: i64,
    ) -> Condition {
        serde_json::from_value(json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
        }))
        .unwrap()
    }

    fn observed(conditions: Vec<Condition>) -> Composed {
        Composed {
            metadata: Metadata {
                generation: Some(2),
                ..Metadata::default()
            },
            conditions,
            object: json!({"spec": {"forProvider": {"a": 1, "added": true}}}),
        }
    }

    fn judge(observed: Option<&Composed>) -> Standing {
        standing("Role", "app", &json!({"forProvider": {"a": 1}}), observed)
    }

    fn failing(reason: &str, message: &str) -> Standing {
        Standing::Failing(Cause {
            reason: reason.into(),
            message: message.into(),
        })
    }

    fn reason(standing: Standing) -> String {
        match standing {
            Standing::Ready => "Ready".into(),
            Standing::Waiting(cause) | Standing::Failing(cause) => cause.reason,
        }
    }

    #[test]
    fn ready_needs_both_conditions() {
        let synced = condition("Synced", "True", "ReconcileSuccess", "", 2);
        let ready = condition("Ready", "True", "Available", "", 2);
        assert_eq!(
            judge(Some(&observed(vec![synced.clone(), ready.clone()]))),
            Standing::Ready
        );
        assert_ne!(judge(Some(&observed(vec![synced]))), Standing::Ready);
        assert_ne!(judge(Some(&observed(vec![ready]))), Standing::Ready);
        assert_ne!(judge(Some(&observed(vec![]))), Standing::Ready);
        assert_ne!(judge(None), Standing::Ready);
    }

    #[test]
    fn a_failed_pass_is_reported_in_the_words_of_the_resource() {
        let conditions = vec![
            condition("Ready", "True", "Available", "", 2),
            condition(
                "Synced",
                "False",
                "ReconcileError",
                "role \"a\" is missing; create it",
                2,
            ),
        ];
        let expected = failing(
            "ReconcileError",
            "Role app: role \"a\" is missing; create it",
        );
        assert_eq!(judge(Some(&observed(conditions))), expected);
    }

    #[test]
    fn conditions_about_an_older_generation_do_not_count() {
        let conditions = vec![
            condition("Ready", "True", "Available", "", 1),
            condition("Synced", "True", "ReconcileSuccess", "", 1),
        ];
        assert_eq!(reason(judge(Some(&observed(conditions)))), "Applying");
    }

    #[test]
    fn a_spec_that_is_not_applied_yet_is_not_ready() {
        let mut observed = observed(vec![
            condition("Ready", "True", "Available", "", 2),
            condition("Synced", "True", "ReconcileSuccess", "", 2),
        ]);
        observed.object = json!({"spec": {"forProvider": {"a": 2}}});
        assert_eq!(reason(judge(Some(&observed))), "Applying");
    }

    #[test]
    fn a_resource_that_is_being_deleted_is_not_ready() {
        let mut observed = observed(vec![
            condition("Ready", "True", "Available", "", 2),
            condition("Synced", "True", "ReconcileSuccess", "", 2),
        ]);
        observed.metadata.deletion_timestamp = Some("2026-01-01T00:00:00Z".into());
        assert_eq!(reason(judge(Some(&observed))), "Deleting");
    }
}
