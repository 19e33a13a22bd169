//! The doctor: which rights the resources in use need on which paths and the token does not have, and
//! the line of policy that gives each.
//!
//! Asks `sys/capabilities-self`, which the policy `default` allows. A line lists every capability its
//! path needs, because Vault goes by the most specific path alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use managed::config::{Diagnosis, InUse};
use serde_json::{Value, json};

use super::{call::Call, error::Error, session::Session};

/// How many paths one request asks about.
const PATHS: usize = 200;

/// How many missing rights are listed; the rest is counted.
const MOST: usize = 20;

/// The path the doctor asks.
const ASKED: &str = "sys/capabilities-self";

type Capabilities = &'static [&'static str];

/// What is needed on a path, and by which kind.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Need {
    path: String,
    capabilities: Capabilities,
    kind: &'static str,
}

/// What is granted on each path that was asked about.
type Granted = BTreeMap<String, BTreeSet<String>>;

/// Adds what is missing to a diagnosis.
pub(super) async fn examine(
    session: &Session,
    diagnosis: Diagnosis,
    in_use: &InUse,
) -> Result<Diagnosis, Error> {
    let needs = needs(in_use, &session.kv_mounts());
    let mut granted = Granted::new();
    for part in needs.chunks(PATHS) {
        match ask(session, part).await {
            Ok(answer) => granted.extend(answer),
            Err(Error::Denied { .. }) => return Ok(unknown(diagnosis)),
            Err(error) => return Err(error),
        }
    }
    Ok(lacking(diagnosis, &needs, &granted))
}

async fn ask(session: &Session, needs: &[Need]) -> Result<Granted, Error> {
    let paths: Vec<_> = needs.iter().map(|need| &need.path).collect();
    let reply = session
        .send(&Call::post(ASKED, &json!({ "paths": paths })))
        .await?;
    let words = |value: &Value| -> BTreeSet<String> {
        let words = value.as_array().into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let answers = reply.body["data"].as_object().into_iter().flatten();
    Ok(answers
        .map(|(path, granted)| (path.clone(), words(granted)))
        .collect())
}

fn unknown(diagnosis: Diagnosis) -> Diagnosis {
    let remedy = line(ASKED, &["update"]);
    diagnosis.lacking(
        format!("update on {ASKED}"),
        "telling which rights are missing",
        remedy,
    )
}

fn lacking(mut diagnosis: Diagnosis, needs: &[Need], granted: &Granted) -> Diagnosis {
    let missing = |need: &Need| -> Vec<&str> {
        let held = granted.get(&need.path);
        let holds = |word: &str| held.is_some_and(|held| held.contains(word));
        let lacks = need.capabilities.iter().filter(|one| !holds(one));
        if holds("root") {
            Vec::new()
        } else {
            lacks.copied().collect()
        }
    };
    let missing = needs.iter().map(|need| (need, missing(need)));
    let missing: Vec<_> = missing.filter(|(_, lacks)| !lacks.is_empty()).collect();
    for (need, lacks) in missing.iter().take(MOST) {
        diagnosis = diagnosis.lacking(
            format!("{} on {}", lacks.join(", "), need.path),
            format!("kind {}", need.kind),
            line(&need.path, need.capabilities),
        );
    }
    if missing.len() > MOST {
        let more = format!("{} more paths", missing.len() - MOST);
        let remedy = "add the lines above, with * for what the paths have in common";
        diagnosis = diagnosis.lacking(more, "the kinds above", remedy);
    }
    diagnosis
}

/// A line of policy.
fn line(path: &str, capabilities: &[&str]) -> String {
    let mut line = format!(r#"path "{path}" {{ capabilities = ["#);
    for (at, capability) in capabilities.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        write!(line, r#"{comma}"{capability}""#).expect("a String takes everything");
    }
    line + "] }"
}

/// What the resources in use need at least; what a policy of deletion needs beyond is said by the
/// resource when its time has come. `kv_mounts` tells the mount from the path of a secret.
fn needs(in_use: &InUse, kv_mounts: &BTreeSet<String>) -> Vec<Need> {
    let mut needs = BTreeSet::new();
    let mut need = |kind, path: String, capabilities| {
        needs.insert(Need {
            path,
            capabilities,
            kind,
        });
    };
    for name in in_use.names("KVSecret") {
        let (mount, path) = split(name, kv_mounts);
        let data: Capabilities = &["create", "read", "update"];
        need("KVSecret", format!("{mount}/data/{path}"), data);
        need("KVSecret", format!("{mount}/metadata/{path}"), &["patch"]);
    }
    for name in in_use.names("Policy") {
        need("Policy", format!("sys/policies/acl/{name}"), EVERYTHING);
    }
    for name in in_use.names("Mount") {
        need("Mount", "sys/mounts".into(), &["read"]);
        need("Mount", format!("sys/mounts/{name}"), &["create", "update"]);
        need(
            "Mount",
            format!("sys/mounts/{name}/tune"),
            &["create", "update"],
        );
    }
    for name in in_use.names("AuthMount") {
        need("AuthMount", "sys/auth".into(), &["read"]);
        let all: Capabilities = &["create", "update", "delete", "sudo"];
        need("AuthMount", format!("sys/auth/{name}"), all);
        let tune: Capabilities = &["create", "update", "sudo"];
        need("AuthMount", format!("sys/auth/{name}/tune"), tune);
    }
    for kind in ["JWTAuthConfig", "KubernetesAuthConfig"] {
        for mount in in_use.names(kind) {
            let all: Capabilities = &["create", "read", "update"];
            need(kind, format!("auth/{mount}/config"), all);
        }
    }
    for kind in ["JWTAuthRole", "KubernetesAuthRole"] {
        for (mount, role) in in_use.names(kind).filter_map(|name| name.rsplit_once('/')) {
            need(kind, format!("auth/{mount}/role/{role}"), EVERYTHING);
        }
    }
    needs.into_iter().collect()
}

const EVERYTHING: Capabilities = &["create", "read", "update", "delete"];

/// Mount and path of a secret: the longest mount that is known, or else the first part.
fn split<'a>(name: &'a str, mounts: &BTreeSet<String>) -> (&'a str, &'a str) {
    let known = mounts.iter().filter_map(|mount| {
        let path = name.strip_prefix(mount.as_str())?.strip_prefix('/')?;
        Some((&name[..mount.len()], path))
    });
    known
        .max_by_key(|(mount, _)| mount.len())
        .or_else(|| name.split_once('/'))
        .unwrap_or((name, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_use(resources: &[(&str, &str)]) -> InUse {
        let mut in_use = InUse::default();
        for (kind, name) in resources {
            in_use.insert(*kind, *name);
        }
        in_use
    }

    fn lines(resources: &[(&str, &str)], granted: &[(&str, &[&str])]) -> Vec<String> {
        let granted = granted.iter().map(|(path, words)| {
            let words = words.iter().map(|word| (*word).to_owned());
            ((*path).to_owned(), words.collect())
        });
        let granted = granted.collect();
        let needs = needs(&in_use(resources), &BTreeSet::new());
        let diagnosis = lacking(Diagnosis::of("OpenBao 2.4.0"), &needs, &granted);
        let missing = diagnosis.missing_rights.into_iter();
        missing.map(|missing| missing.remedy).collect()
    }

    #[test]
    fn a_line_lists_all_that_its_path_needs_however_little_of_it_is_missing() {
        let granted: &[(&str, &[&str])] = &[
            ("secret/data/dev/orders", &["read", "create"]),
            ("secret/metadata/dev/orders", &["patch"]),
        ];
        assert_eq!(
            lines(&[("KVSecret", "secret/dev/orders")], granted),
            [r#"path "secret/data/dev/orders" { capabilities = ["create", "read", "update"] }"#]
        );
    }

    #[test]
    fn root_lacks_nothing_and_nobody_lacks_what_no_resource_needs() {
        let granted: &[(&str, &[&str])] = &[("sys/policies/acl/dev", &["root"])];
        assert_eq!(lines(&[("Policy", "dev")], granted), [""; 0]);
        assert_eq!(lines(&[], &[]), [""; 0]);
    }

    #[test]
    fn every_kind_of_vault_says_what_it_needs() {
        let crds = crate::kinds::crds().into_iter();
        let ours = crds.filter(|crd| crd.spec.group == crate::vault::GROUP);
        let kinds = ours.map(|crd| crd.spec.names.kind);
        for kind in kinds.filter(|kind| !kind.contains("ProviderConfig")) {
            let needs = needs(&in_use(&[(&kind, "a/b")]), &BTreeSet::new());
            assert!(needs.iter().all(|need| need.kind == kind), "{kind}");
            assert!(!needs.is_empty(), "{kind}");
        }
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let names: Vec<_> = (0..30).map(|number| format!("p{number}")).collect();
        let resources: Vec<_> = names.iter().map(|name| ("Policy", name.as_str())).collect();
        let lines = lines(&resources, &[]);
        assert_eq!(lines.len(), 21);
        assert!(lines[20].starts_with("add the lines above"));
    }

    #[test]
    fn the_mount_of_a_secret_is_the_longest_that_is_known() {
        let mounts = ["team".to_owned(), "team/kv".to_owned()].into();
        assert_eq!(split("team/kv/a/b", &mounts), ("team/kv", "a/b"));
        assert_eq!(split("teams/kv/a", &mounts), ("teams", "kv/a"));
        assert_eq!(split("alone", &mounts), ("alone", ""));
    }
}
