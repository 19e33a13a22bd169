//! Is the live object ready? Pure.

use managed::external::Readiness;
use serde_json::Value as Json;

use super::{ReadinessPolicy, ReadinessRule, WantedCondition, WantedField};

/// What a rule says about a live object.
pub(super) fn judge(rule: &ReadinessRule, live: &Json) -> Readiness {
    let first_failure = match rule.policy {
        ReadinessPolicy::Exists => None,
        ReadinessPolicy::Conditions => stale(live).or_else(|| {
            rule.conditions
                .iter()
                .find_map(|wanted| unmet(wanted, live))
        }),
        ReadinessPolicy::Fields => rule.fields.iter().find_map(|wanted| differs(wanted, live)),
    };
    first_failure.map_or(Readiness::Ready, Readiness::NotReady)
}

/// Says when the status speaks of an older generation.
fn stale(live: &Json) -> Option<String> {
    let observed = live["status"]["observedGeneration"].as_i64()?;
    let generation = live["metadata"]["generation"].as_i64()?;
    (observed < generation).then(|| {
        format!("its status speaks of generation {observed}, not of {generation}; wait for it")
    })
}

fn unmet(wanted: &WantedCondition, live: &Json) -> Option<String> {
    let conditions = live["status"]["conditions"].as_array();
    let condition = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == wanted.kind.as_str());
    let Some(condition) = condition else {
        return Some(format!("it has no condition {}; wait for it", wanted.kind));
    };
    let status = condition["status"].as_str().unwrap_or_default();
    if status == wanted.status {
        return None;
    }
    let text = |field: &str| {
        condition[field]
            .as_str()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect()
    };
    let (reason, message): (String, String) = (text("reason"), text("message"));
    Some(format!(
        "its condition {} is {status} ({reason}): {message}",
        wanted.kind
    ))
}

fn differs(wanted: &WantedField, live: &Json) -> Option<String> {
    let found = wanted
        .path
        .split('.')
        .fold(live, |value, name| &value[name]);
    let found = match found {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    (found != wanted.value).then(|| {
        format!(
            "its {} is {:?}, not {:?}",
            wanted.path,
            short(&found),
            wanted.value
        )
    })
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The conditions of a live object as `Type=Status`.
pub(super) fn conditions(live: &Json) -> Vec<String> {
    let conditions = live["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    let shown = conditions.filter_map(|condition| {
        let (kind, status) = (condition["type"].as_str()?, condition["status"].as_str()?);
        Some(format!("{kind}={status}").chars().take(100).collect())
    });
    shown.take(16).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by_condition(kind: &str, status: &str) -> ReadinessRule {
        ReadinessRule {
            policy: ReadinessPolicy::Conditions,
            conditions: vec![WantedCondition {
                kind: kind.into(),
                status: status.into(),
            }],
            fields: vec![],
        }
    }

    fn by_field(path: &str, value: &str) -> ReadinessRule {
        ReadinessRule {
            policy: ReadinessPolicy::Fields,
            conditions: vec![],
            fields: vec![WantedField {
                path: path.into(),
                value: value.into(),
            }],
        }
    }

    #[test]
    fn readiness_is_what_the_rule_says() {
        let live = |observed: i64| {
            json!({
                "metadata": {"generation": 2},
                "status": {
                    "observedGeneration": observed,
                    "phase": "Active",
                    "replicas": 3,
                    "conditions": [{"type": "Available", "status": "True"}, {"type": "Failed", "status": "False"}],
                },
            })
        };
        let table = [
            (ReadinessRule::default(), 1, true),
            (by_condition("Available", "True"), 2, true),
            (by_condition("Available", "True"), 1, false),
            (by_condition("Failed", "False"), 2, true),
            (by_condition("Failed", "True"), 2, false),
            (by_condition("Gone", "True"), 2, false),
            (by_field("status.phase", "Active"), 1, true),
            (by_field("status.replicas", "3"), 1, true),
            (by_field("status.replicas", "4"), 1, false),
            (by_field("status.nothing.here", "x"), 1, false),
        ];
        for (rule, observed, expected) in table {
            let ready = judge(&rule, &live(observed)) == Readiness::Ready;
            assert_eq!(ready, expected, "{rule:?}");
        }
        assert_eq!(conditions(&live(2)), ["Available=True", "Failed=False"]);
    }
}
