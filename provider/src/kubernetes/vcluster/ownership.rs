//! Whose an object in the host cluster is, and whether it may be taken over. Pure.

use managed::external::ExternalError;
use serde_json::Value;

use super::{AdoptionPolicy, compare::MANAGER, observation::Part, target::OWNER};

/// Whose an object is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Ownership {
    /// This managed resource's.
    Mine,
    /// Nobody's that this provider knows; Helm's, for example.
    Nobody,
    /// Another managed resource's.
    Other,
}

impl Ownership {
    /// Whose the object is. One that lost its label but was applied from here is still this resource's.
    pub(super) fn of(live: &Value, owner: &str) -> Self {
        let entries = live["metadata"]["managedFields"].as_array();
        let is_applied = entries
            .into_iter()
            .flatten()
            .any(|entry| entry["manager"] == MANAGER && entry["operation"] == "Apply");
        match live["metadata"]["labels"][OWNER].as_str() {
            Some(label) if label == owner => Self::Mine,
            Some(_) => Self::Other,
            None if is_applied => Self::Mine,
            None => Self::Nobody,
        }
    }

    /// Refuses an object that the policy does not let be taken over.
    pub(super) fn check(
        &self,
        policy: AdoptionPolicy,
        part: &Part,
        namespace: &str,
    ) -> Result<(), ExternalError> {
        let whose = match (self, policy) {
            (Self::Mine, _)
            | (_, AdoptionPolicy::Force)
            | (Self::Nobody, AdoptionPolicy::IfUnowned) => return Ok(()),
            (Self::Nobody, AdoptionPolicy::Never) => "was made by somebody else",
            (Self::Other, _) => "belongs to another managed resource",
        };
        let by = format!("{} {namespace}/{}", part.kind, part.name);
        Err(ExternalError::blocked(
            by.clone(),
            format!("{by} {whose}"),
            "remove it, take another name, or set adoptionPolicy",
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(owner: Option<&str>, manager: &str) -> Value {
        let mut object = json!({"metadata": {
            "labels": {},
            "managedFields": [{"manager": manager, "operation": "Apply"}],
        }});
        if let Some(owner) = owner {
            object["metadata"]["labels"][OWNER] = owner.into();
        }
        object
    }

    #[test]
    fn an_object_is_known_by_its_label_and_by_who_applied_it() {
        let table = [
            (Some("me"), "helm", Ownership::Mine),
            (Some("you"), MANAGER, Ownership::Other),
            (None, MANAGER, Ownership::Mine),
            (None, "helm", Ownership::Nobody),
        ];
        for (owner, manager, expected) in table {
            let object = object(owner, manager);
            assert_eq!(
                Ownership::of(&object, "me"),
                expected,
                "{owner:?} {manager}"
            );
        }
    }

    #[test]
    fn what_is_not_ours_is_taken_over_only_as_far_as_the_policy_goes() {
        use AdoptionPolicy::{Force, IfUnowned, Never};
        let table = [
            (Ownership::Mine, [true, true, true]),
            (Ownership::Nobody, [false, true, true]),
            (Ownership::Other, [false, false, true]),
        ];
        let part = Part {
            kind: "Service".into(),
            name: "dev".into(),
        };
        for (ownership, expected) in table {
            for (policy, expected) in [Never, IfUnowned, Force].into_iter().zip(expected) {
                let checked = ownership.check(policy, &part, "vc-dev");
                assert_eq!(checked.is_ok(), expected, "{ownership:?} {policy:?}");
            }
        }
    }
}
