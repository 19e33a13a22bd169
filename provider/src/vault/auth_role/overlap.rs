//! Roles of one auth method that let in the same bearers.
//!
//! Whoever may choose between two roles has the rights of both. Nothing is refused for it, because it
//! can be meant; the condition says it. Roles are compared when one is written, not on every look, and
//! only where the policy allows to list them: `path "auth/<mount>/role" { capabilities = ["list"] }`.

use managed::condition::{Claim, Truth};
use serde_json::Value;

use super::{AuthRole, BINDINGS_DISTINCT};
use crate::vault::{call::Call, session::Session};

/// Most roles that are compared.
const MOST: usize = 50;

/// Names of the other roles of the auth method that overlap; empty when they cannot be listed.
pub(super) async fn find<K: AuthRole>(
    session: &Session,
    mount: &str,
    parameters: &K::Parameters,
) -> Vec<String> {
    let call = Call::get(format!("auth/{mount}/role")).with_query("list=true");
    let Ok(reply) = session.send(&call).await else {
        return Vec::new();
    };
    let names = reply.data()["keys"].as_array().into_iter().flatten();
    let names = names.filter_map(Value::as_str);
    let others = names.filter(|name| *name != K::name(parameters));
    let mut overlapping = Vec::new();
    for name in others.take(MOST) {
        let call = Call::get(format!("auth/{mount}/role/{name}"));
        let other = session.send(&call).await;
        if other.is_ok_and(|other| K::overlaps(parameters, other.data())) {
            overlapping.push(name.to_owned());
        }
    }
    overlapping
}

/// The condition that tells.
pub(super) fn claim(overlapping: &[String]) -> Claim {
    if overlapping.is_empty() {
        let message = "no other role of the auth method is known to let in the same";
        return Claim::new(BINDINGS_DISTINCT, Truth::True, "Distinct", message);
    }
    let roles = overlapping.join(", ");
    let message = format!("also let in by {roles}; bind each ServiceAccount in one role");
    Claim::new(BINDINGS_DISTINCT, Truth::False, "Overlapping", message)
}

/// Whether two lists of bindings, in which `*` is anything, have one in common.
pub(in crate::vault) fn meet(mine: &[String], theirs: &Value) -> bool {
    let theirs = theirs.as_array().into_iter().flatten();
    let mut theirs = theirs.filter_map(Value::as_str);
    theirs.any(|other| {
        mine.iter()
            .any(|own| own == other || own == "*" || other == "*")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bindings_meet_when_one_is_in_both_or_is_anything() {
        let mine = ["a".to_owned(), "b".to_owned()];
        for (theirs, expected) in [
            (json!(["b", "c"]), true),
            (json!(["*"]), true),
            (json!(["c"]), false),
            (json!([]), false),
            (Value::Null, false),
        ] {
            assert_eq!(meet(&mine, &theirs), expected, "{theirs}");
        }
        assert!(meet(&["*".to_owned()], &json!(["c"])));
    }
}
