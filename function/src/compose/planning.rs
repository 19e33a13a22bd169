//! Plan before touch, for a whole claim: its annotation goes to everything it composes, and what each
//! resource would do is gathered in the claim's status. Pure.
//!
//! A spec that is edited together with the annotation reaches the resources together with it, so nothing
//! of it is carried out before somebody has read the plan.

use managed::{rehearsal::PlannedStep, resource::PLAN};
use serde_json::json;

use super::Composed;
use crate::{claim::ResourcePlan, observed::Observed};

/// How many steps of all resources together are shown; Kubernetes limits the size of an object.
const MOST_STEPS: usize = 100;

/// True when the claim asks for a plan and for nothing else.
pub(super) fn is_asked_for(observed: &Observed) -> bool {
    let annotations = &observed.composite.metadata.annotations;
    annotations.get(PLAN).is_some_and(|value| value == "true")
}

/// Holds everything back.
pub(super) fn hold_back(resources: &mut [Composed]) {
    for resource in resources {
        resource.object["metadata"]["annotations"][PLAN] = json!("true");
    }
}

/// What would be done to each resource; nothing for a claim that does not ask.
pub(super) fn plans(observed: &Observed, resources: &[Composed]) -> Vec<ResourcePlan> {
    if !is_asked_for(observed) {
        return Vec::new();
    }
    let mut left = MOST_STEPS;
    let mut plans = Vec::new();
    for resource in resources {
        let mut steps = steps(observed, resource);
        steps.truncate(left);
        left -= steps.len();
        if !steps.is_empty() {
            let resource = format!("{} {}", resource.kind, resource.name);
            plans.push(ResourcePlan { resource, steps });
        }
    }
    plans
}

fn steps(observed: &Observed, resource: &Composed) -> Vec<PlannedStep> {
    let seen = observed.resources.get(&resource.key);
    let plan = seen.map(|seen| seen.object["status"]["plan"].clone());
    plan.and_then(|plan| serde_json::from_value(plan).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{compose::Composition, observed};

    fn observed(annotation: &str, role: &Value) -> Observed {
        let composite = json!({
            "kind": "PostgreSQLInstance",
            "metadata": {
                "name": "orders",
                "namespace": "shop",
                "annotations": { "tenancy.pnats.cloud/plan": annotation },
            },
            "spec": { "environment": "dev", "service": "orders" },
        });
        let role = observed::Composed {
            object: role.clone(),
            ..observed::Composed::default()
        };
        Observed {
            composite: serde_json::from_value(composite).unwrap(),
            resources: [("role-owners".to_owned(), role)].into(),
        }
    }

    fn held_back(composition: &Composition) -> usize {
        let annotation = |one: &&Composed| one.object["metadata"]["annotations"][PLAN] == "true";
        composition.resources.iter().filter(annotation).count()
    }

    #[test]
    fn a_claim_that_asks_for_a_plan_holds_everything_back_and_shows_what_would_be_done() {
        let step = json!({ "target": "db:5432, database postgres", "action": "CREATE ROLE \"o\"" });
        let role = json!({ "status": { "plan": [step] } });
        let composition = super::super::compose(&observed("true", &role)).unwrap();
        assert_eq!(held_back(&composition), composition.resources.len());
        assert_eq!(composition.status["plan"][0]["steps"], json!([step]));
        let resource = composition.status["plan"][0]["resource"].as_str().unwrap();
        assert!(resource.starts_with("Role "), "{resource}");
    }

    #[test]
    fn any_other_claim_goes_on() {
        let composition = super::super::compose(&observed("false", &json!({}))).unwrap();
        assert_eq!(held_back(&composition), 0);
        assert_eq!(composition.status["plan"], Value::Null);
    }
}
