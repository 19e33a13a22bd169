//! The meaning of a policy: what each path may be used for, whatever the text looks like. Pure.
//!
//! Reads the HCL of policies as far as policies use it. Comments, formatting, the order of rules and of
//! capabilities, and rules for one path in several places make no difference. A text that cannot be read
//! so is compared line by line.

use std::collections::{BTreeMap, BTreeSet};

use managed::{Drift, Shown};
use serde_json::{Map, Value};

use super::{
    parser,
    rule::{Capability, KvAccess, KvRule, PolicyRule},
};

/// Capabilities by path.
pub(super) type Rights = BTreeMap<String, BTreeSet<Capability>>;

/// What the rules of a manifest allow, those of a KV engine written out.
pub(super) fn rights(rules: &[PolicyRule]) -> Rights {
    let mut rights = Rights::new();
    for rule in rules {
        if let (Some(path), Some(capabilities)) = (&rule.path, &rule.capabilities) {
            rights.entry(path.clone()).or_default().extend(capabilities);
        }
        for (path, capabilities) in rule.kv.iter().flat_map(kv_rights) {
            rights.entry(path).or_default().extend(capabilities);
        }
    }
    rights
}

fn kv_rights(rule: &KvRule) -> Vec<(String, &'static [Capability])> {
    use Capability::{Create, Delete, List, Patch, Read, Update};
    let access = rule.access.iter().collect::<BTreeSet<_>>();
    let parts = access.into_iter().flat_map(|access| match access {
        KvAccess::Read => vec![("data", &[Read][..]), ("metadata", &[Read])],
        KvAccess::Write => vec![("data", &[Create, Update, Patch][..])],
        KvAccess::List => vec![("metadata", &[List][..])],
        KvAccess::Delete => vec![
            ("data", &[Delete][..]),
            ("delete", &[Update]),
            ("undelete", &[Update]),
        ],
    });
    parts
        .map(|(part, capabilities)| (format!("{}/{part}/{}", rule.mount, rule.path), capabilities))
        .collect()
}

/// The text of rules.
pub(super) fn text(rights: &Rights) -> String {
    let rule = |(path, capabilities): (&String, &BTreeSet<Capability>)| {
        let capabilities = capabilities
            .iter()
            .map(|capability| format!("\"{}\"", capability.as_str()));
        let capabilities = capabilities.collect::<Vec<_>>().join(", ");
        format!("path \"{path}\" {{\n  capabilities = [{capabilities}]\n}}\n")
    };
    rights.iter().map(rule).collect()
}

/// Paths that a text has rules for; empty when it cannot be read.
pub(super) fn paths(text: &str) -> Vec<String> {
    let rules = parser::parse(text).as_ref().map(rules).unwrap_or_default();
    rules.into_keys().collect()
}

/// What differs in meaning, by path.
pub(super) fn drift(wanted: &str, found: &str) -> Vec<Drift> {
    let (Some(wanted_rules), Some(found_rules)) = (
        parser::parse(wanted).as_ref().map(rules),
        parser::parse(found).as_ref().map(rules),
    ) else {
        let is_same = lines(wanted) == lines(found);
        let drift = Drift::plain("hcl", lines(wanted), lines(found));
        return if is_same { Vec::new() } else { vec![drift] };
    };
    let paths: BTreeSet<_> = wanted_rules.keys().chain(found_rules.keys()).collect();
    let none = BTreeMap::new();
    paths
        .into_iter()
        .flat_map(|path| {
            let wanted = wanted_rules.get(path).unwrap_or(&none);
            let found = found_rules.get(path).unwrap_or(&none);
            rule_drift(path, wanted, found)
        })
        .collect()
}

fn rule_drift(
    path: &str,
    wanted: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> Vec<Drift> {
    let keys: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let differing = keys
        .into_iter()
        .filter(|key| wanted.get(*key) != found.get(*key));
    let shown = |value: Option<&String>| value.map_or_else(Shown::absent, Shown::plain);
    differing
        .map(|key| Drift {
            field: match key.as_str() {
                "capabilities" => format!("rules[{path}]"),
                key => format!("rules[{path}].{key}"),
            },
            desired: shown(wanted.get(key)),
            observed: shown(found.get(key)),
        })
        .collect()
}

/// The attributes of each path in one way of writing.
fn rules(document: &Map<String, Value>) -> BTreeMap<String, BTreeMap<String, String>> {
    let paths = document.get("path").and_then(Value::as_object);
    let paths = paths.into_iter().flatten();
    paths
        .map(|(path, rule)| {
            let attributes = rule.as_object().into_iter().flatten();
            let canonical = attributes.map(|(key, value)| (key.clone(), canonical(key, value)));
            (path.clone(), canonical.collect())
        })
        .collect()
}

fn canonical(key: &str, value: &Value) -> String {
    match (key, value.as_array()) {
        ("capabilities", Some(values)) => {
            let words = values.iter().filter_map(Value::as_str);
            let set: BTreeSet<_> = words.map(str::to_lowercase).collect();
            set.into_iter().collect::<Vec<_>>().join(", ")
        }
        _ => value.to_string(),
    }
}

fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim_end);
    let kept = lines.filter(|line| !line.is_empty() && !line.starts_with("# tenancy.pnats.cloud/"));
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = r#"
path "secret/data/a" { capabilities = ["read", "list"] }
path "secret/data/b" {
  capabilities = ["update"]
  allowed_parameters = { "ttl" = ["1h"], "*" = [] }
}"#;

    #[test]
    fn what_means_the_same_is_never_drift() {
        let same = [
            "path \"secret/data/b\" {\r\n allowed_parameters = {\"*\" = []\n ttl = [\"1h\"]}\r\n capabilities = [\"update\",]\r\n}\r\n\r\npath \"secret/data/a\" { capabilities = [\"list\", \"read\"] }",
            "# a comment\npath \"secret/data/a\" { capabilities = [\"read\"] } // and\n/* more\n*/ path \"secret/data/a\" { capabilities = [\"list\"] }\npath \"secret/data/b\" { capabilities = [\"update\"] allowed_parameters { ttl = [\"1h\"] \"*\" = [] } }",
            r#"{"path": {"secret/data/b": {"capabilities": ["update"], "allowed_parameters": {"*": [], "ttl": ["1h"]}}, "secret/data/a": {"capabilities": ["read", "list"]}}}"#,
        ];
        for text in same {
            assert_eq!(drift(WANTED, text), [], "{text}");
        }
    }

    #[test]
    fn drift_names_the_path_of_the_rule() {
        let found = r#"
path "secret/data/a" { capabilities = ["read", "sudo"] }
path "secret/data/b" { capabilities = ["update"] }
path "sys/*" { capabilities = ["sudo"] }"#;
        let shown: Vec<_> = drift(WANTED, found)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            shown,
            [
                "rules[secret/data/a]: want list, read, found read, sudo",
                r#"rules[secret/data/b].allowed_parameters: want {"*":[],"ttl":["1h"]}, found (none)"#,
                "rules[sys/*]: want (none), found sudo",
            ]
        );
    }

    #[test]
    fn a_text_that_cannot_be_read_is_compared_by_its_lines() {
        let odd = "path \"a\" {\n  policy = <<EOT\nx\nEOT\n}";
        assert_eq!(drift(odd, &odd.replace('\n', "  \r\n")), []);
        assert_eq!(drift(odd, WANTED).len(), 1);
    }

    #[test]
    fn access_to_a_kv_path_covers_content_and_metadata_but_destroys_nothing() {
        use KvAccess::{Delete, List, Read, Write};
        let rules = [PolicyRule::kv(
            "secret",
            "clusters/dev/*",
            [Read, List, Write, Delete],
        )];
        let written = text(&rights(&rules));
        let expected = r#"path "secret/data/clusters/dev/*" {
  capabilities = ["create", "read", "update", "patch", "delete"]
}
path "secret/delete/clusters/dev/*" {
  capabilities = ["update"]
}
path "secret/metadata/clusters/dev/*" {
  capabilities = ["read", "list"]
}
path "secret/undelete/clusters/dev/*" {
  capabilities = ["update"]
}
"#;
        assert_eq!(written, expected);
        assert_eq!(drift(&written, &written), []);
        let reading = text(&rights(&[PolicyRule::kv("secret", "a", [Read])]));
        assert!(!reading.contains("list") && reading.contains("secret/metadata/a"));
    }
}
