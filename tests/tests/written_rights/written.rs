//! What is written down: the table of `docs/install.md`, and the rules of the roles in
//! `examples/install`.

use anyhow::Context;
use serde_json::Value;
use testbed::product;

use crate::asked::Asked;

/// Verbs on resources of groups.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
}

impl Rule {
    pub(crate) fn covers(&self, asked: &Asked) -> bool {
        self.verbs.contains(&asked.verb)
            && self
                .groups
                .iter()
                .any(|group| is_group(group, &asked.group))
            && self
                .resources
                .iter()
                .any(|one| is_resource(one, &asked.resource))
    }
}

/// `*.example.org` is every group below `example.org`.
fn is_group(rule: &str, group: &str) -> bool {
    match rule.strip_prefix('*') {
        Some(suffix) => group.ends_with(suffix),
        None => rule == group,
    }
}

/// `*` is every resource, `*/status` the status of every resource.
fn is_resource(rule: &str, resource: &str) -> bool {
    let (_, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    match rule.strip_prefix('*') {
        Some("") => subresource.is_empty(),
        Some(rest) => rest.strip_prefix('/') == Some(subresource),
        None => rule == resource,
    }
}

/// Every rule.
pub(crate) fn read() -> anyhow::Result<Vec<Rule>> {
    let page = std::fs::read_to_string(product::root().join("docs/install.md"))?;
    let mut rules: Vec<_> = page.lines().filter_map(row).collect();
    anyhow::ensure!(
        rules.len() > 5,
        "the table of rights is gone from docs/install.md"
    );
    for entry in std::fs::read_dir(product::root().join("examples/install"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let text = std::fs::read_to_string(&path)?;
            let documents = serde_saphyr::from_multiple::<Value>(&text);
            let documents = documents.with_context(|| format!("cannot read {}", path.display()))?;
            rules.extend(documents.iter().flat_map(of_role));
        }
    }
    Ok(rules)
}

/// A row such as `` | core | `secrets` | `get`, `list` | why | ``.
fn row(line: &str) -> Option<Rule> {
    let cells: Vec<_> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let [group, resources, verbs, _, ""] = cells.as_slice() else {
        return None;
    };
    let words = |cell: &str| -> Vec<String> {
        let words = cell.split(',').map(|word| word.trim().trim_matches('`'));
        words.map(str::to_owned).collect()
    };
    let groups = words(group);
    let groups = groups.into_iter().map(|group| {
        if group == "core" {
            String::new()
        } else {
            group
        }
    });
    Some(Rule {
        groups: groups.collect(),
        resources: words(resources),
        verbs: words(verbs),
    })
}

/// The rules of a role that is the provider's own. Others are for those it binds them to.
fn of_role(manifest: &Value) -> Vec<Rule> {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    if !name.starts_with("provider-tenancy") {
        return Vec::new();
    }
    let list = |value: &Value| -> Vec<String> {
        let words = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        words.map(str::to_owned).collect()
    };
    let rules = manifest["rules"].as_array().into_iter().flatten();
    let rules = rules.map(|rule| Rule {
        groups: list(&rule["apiGroups"]),
        resources: list(&rule["resources"]),
        verbs: list(&rule["verbs"]),
    });
    rules.collect()
}
