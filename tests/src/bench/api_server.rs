//! Writes as the API server itself counts them.

use std::collections::BTreeMap;

use anyhow::Context;
use kube::Client;

const COUNTER: &str = "apiserver_request_total{";
const WRITES: [&str; 5] = ["APPLY", "DELETE", "PATCH", "POST", "PUT"];

/// How many writes each resource has seen, by plural and group such as `roles.postgresql.pnats.cloud`; the
/// status counts too.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes(BTreeMap<String, u64>);

impl Writes {
    /// Since the API server was started.
    pub(super) async fn so_far(client: &Client) -> anyhow::Result<Self> {
        Ok(Self::read(&metrics(client).await?))
    }

    fn read(exposition: &str) -> Self {
        let mut writes = BTreeMap::new();
        for line in exposition.lines() {
            if let Some((resource, count)) = write(line) {
                *writes.entry(resource).or_default() += count;
            }
        }
        Self(writes)
    }

    /// What came after `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let later = self.0.iter().map(|(resource, count)| {
            let before = before.0.get(resource).copied().unwrap_or_default();
            (resource.clone(), count - before)
        });
        Self(later.collect())
    }

    /// Those of these resources together.
    pub(super) fn of(&self, resources: &[&str]) -> u64 {
        let counts = resources
            .iter()
            .filter_map(|resource| self.0.get(*resource));
        counts.sum()
    }
}

/// What the API server counts, in Prometheus's words.
pub(super) async fn metrics(client: &Client) -> anyhow::Result<String> {
    let request = http::Request::get("/metrics").body(Vec::new())?;
    let text = client.request_text(request).await;
    text.context("cannot read the API server's metrics")
}

/// The resource and the count of a line that counts writes.
fn write(line: &str) -> Option<(String, u64)> {
    let (labels, count) = line.strip_prefix(COUNTER)?.rsplit_once("} ")?;
    let label = |name: &str| {
        let start = format!("{name}=\"");
        let rest = labels
            .split_once(&format!(",{start}"))
            .or_else(|| labels.strip_prefix(&start).map(|rest| ("", rest)))?
            .1;
        rest.split_once('"').map(|(value, _)| value)
    };
    if !WRITES.contains(&label("verb")?) {
        return None;
    }
    let (resource, group) = (label("resource")?, label("group")?);
    let name = match group {
        "" => resource.to_owned(),
        group => format!("{resource}.{group}"),
    };
    Some((name, whole(count)?))
}

/// A counter is a floating point number in the text, and whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters are whole and do not go below zero"
)]
pub(super) fn whole(count: &str) -> Option<u64> {
    let count: f64 = count.parse().ok()?;
    Some(count.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_added_up_by_resource_and_reads_are_not_counted() {
        let text = r#"
apiserver_request_total{code="200",component="apiserver",dry_run="",group="a.org",resource="items",scope="resource",subresource="",verb="PATCH",version="v1"} 3
apiserver_request_total{code="200",component="apiserver",dry_run="",group="a.org",resource="items",scope="resource",subresource="status",verb="APPLY",version="v1"} 4
apiserver_request_total{code="200",component="apiserver",dry_run="",group="a.org",resource="items",scope="resource",subresource="",verb="GET",version="v1"} 9
apiserver_request_total{code="201",component="apiserver",dry_run="",group="",resource="secrets",scope="resource",subresource="",verb="POST",version="v1"} 1e+06
"#;
        let writes = Writes::read(text);
        assert_eq!(writes.of(&["items.a.org"]), 7);
        assert_eq!(writes.of(&["items.a.org", "secrets"]), 1_000_007);
        assert_eq!(writes.since(&Writes::read(text)).of(&["secrets"]), 0);
    }
}
