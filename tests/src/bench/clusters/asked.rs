//! What an identity has asked of the API server, as the API server itself counts it.
//!
//! Its request counters know no identities, but those of priority and fairness know flow schemas, and a flow schema
//! can be made for some requests of some identities.

use anyhow::Context;
use kube::Client;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::api_server::{metrics, whole};
use super::installation::LABEL;
use super::side::Account;
use crate::Testbed;

/// Counts of requests, whether they were granted or not.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    /// Creates, updates, patches and deletes of anything but events and questions about rights.
    pub(super) writes: u64,
    pub(super) events: u64,
    /// Gets and lists; watches are not counted.
    pub(super) reads: u64,
}

const WRITE: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
const READ: [&str; 2] = ["get", "list"];

impl Asked {
    /// Begins to count what these identities ask, together.
    pub(super) async fn count(
        testbed: &Testbed,
        key: &str,
        accounts: &[Account],
    ) -> anyhow::Result<()> {
        let [core, events, any] = ["", "events.k8s.io", "*"];
        let reviews = ["authorization.k8s.io", "authentication.k8s.io"];
        let schemas = [
            // Whoever asks for its rights writes nothing. The first schema that matches counts.
            schema(key, "reviews", (&reviews, any, &WRITE), accounts),
            schema(key, "events", (&[core, events], "events", &WRITE), accounts),
            schema(key, "writes", (&[any], any, &WRITE), accounts),
            schema(key, "reads", (&[any], any, &READ), accounts),
        ];
        for (precedence, mut schema) in (50_u32..).zip(schemas) {
            schema["spec"]["matchingPrecedence"] = precedence.into();
            testbed.apply(&schema.to_string()).await?;
        }
        Ok(())
    }

    /// Since the API server was started.
    pub(super) async fn so_far(client: &Client, key: &str) -> anyhow::Result<Self> {
        let text = metrics(client).await?;
        let of = |what| counted(&text, &name(key, what));
        Ok(Self {
            writes: of("writes")?,
            events: of("events")?,
            reads: of("reads")?,
        })
    }

    /// What came after `before`.
    pub(super) const fn since(&self, before: &Self) -> Self {
        Self {
            writes: self.writes - before.writes,
            events: self.events - before.events,
            reads: self.reads - before.reads,
        }
    }
}

fn name(key: &str, what: &str) -> String {
    format!("bench-{key}-{what}")
}

fn schema(
    key: &str,
    what: &str,
    (groups, resource, verbs): (&[&str], &str, &[&str]),
    accounts: &[Account],
) -> Value {
    let subjects = accounts.iter().map(|account| {
        json!({"kind": "ServiceAccount", "serviceAccount": {
            "namespace": account.namespace, "name": account.name,
        }})
    });
    let subjects: Vec<_> = subjects.collect();
    let rule = json!({
        "apiGroups": groups, "resources": [resource], "verbs": verbs,
        "namespaces": ["*"], "clusterScope": true,
    });
    json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema",
        "metadata": {"name": name(key, what), "labels": {LABEL: "clusters"}},
        "spec": {
            "priorityLevelConfiguration": {"name": "workload-high"},
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": subjects, "resourceRules": [rule]}],
        },
    })
}

/// Nothing has been counted of a schema that no request has matched.
fn counted(exposition: &str, schema: &str) -> anyhow::Result<u64> {
    let counter =
        format!("apiserver_flowcontrol_dispatched_requests_total{{flow_schema=\"{schema}\",");
    let mut sum = 0;
    for line in exposition.lines().filter(|line| line.starts_with(&counter)) {
        let count = line.rsplit_once(' ').and_then(|(_, count)| whole(count));
        sum += count.with_context(|| format!("no count in {line}"))?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_the_schema_they_matched() {
        let text = "\
apiserver_flowcontrol_dispatched_requests_total{flow_schema=\"bench-ours-writes\",priority_level=\"workload-high\"} 12
apiserver_flowcontrol_dispatched_requests_total{flow_schema=\"bench-ours-reads\",priority_level=\"workload-high\"} 1e+03
";
        assert_eq!(counted(text, "bench-ours-writes").unwrap(), 12);
        assert_eq!(counted(text, "bench-ours-reads").unwrap(), 1_000);
        assert_eq!(counted(text, "bench-ours").unwrap(), 0);
    }
}
