//! The kind `KVSecret`: what is wanted, and every edit by hand.

use serde_json::{Value, json};
use testbed::tenant::spec;

use crate::team::{CHANGED, REGISTRATION};
use crate::{Edit, Hand, Probe};

/// What is wanted at the path.
pub(crate) fn registration(path: &str) -> Value {
    spec(json!({
        "path": path,
        "data": {
            "user": {"value": "app"},
            "password": {"secretKeyRef": {"name": "app-connection", "key": "password"}},
            "login": {"template": "{{ user }}:{{ password | urlencode }}"},
        },
        "deletionPolicy": "Purge",
    }))
}

/// Every edit.
pub(crate) fn edits(namespace: &str) -> Vec<Edit> {
    let owner = format!("-/kvsecret.vault.pnats.cloud/{namespace}/{REGISTRATION}");
    let hidden = "(sensitive)";
    vec![
        edit(
            "data.user",
            (hidden, hidden),
            Hand::Put(json!({"user": "root"})),
        ),
        edit(
            "data.password",
            (hidden, hidden),
            Hand::Put(json!({"password": CHANGED})),
        ),
        edit(
            "data.login",
            (hidden, "(none)"),
            Hand::Put(json!({"login": null})),
        ),
        edit(
            "data.extra",
            ("(none)", hidden),
            Hand::Put(json!({"extra": CHANGED})),
        ),
        edit(
            "currentVersion",
            ("readable", "(deleted)"),
            Hand::DeleteVersion,
        ),
        edit("owner", (&owner, "(none)"), Hand::Unmark),
    ]
}

fn edit(field: &str, (desired, observed): (&str, &str), hand: Hand) -> Edit {
    Edit {
        subject: ("KVSecret", REGISTRATION),
        field: field.to_owned(),
        hidden: &[],
        desired: desired.to_owned(),
        observed: observed.to_owned(),
        hand,
        probe: Probe::Vault,
    }
}
