//! Field by field: is what the manifest names in the live object?
//!
//! | desired | live | equal when |
//! |---|---|---|
//! | object | object | every field named is equal |
//! | list | list | told apart by keys: every item named is equal; a set: every value is there; else as long, and item by item equal |
//! | nothing in it | not there | always: the API server drops empty values |
//! | number or text | number or text | the same, or the same quantity, or the same number, outside of free text |
//!
//! How the items of a list are told apart is said by `applied`. Where it says nothing, items with a
//! `name` on both sides are told apart by it.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};

use super::{
    fields::{item, keys},
    quantity,
    value::Path,
};

/// Fields whose values are anybody's text: no spelling is as good as another there.
const FREE_TEXT: [&str; 5] = ["data", "stringData", "binaryData", "annotations", "labels"];

/// One value that is not as the manifest says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Where.
    pub path: Path,
    /// What the manifest says.
    pub desired: Json,
    /// What is there; `None` when nothing.
    pub observed: Option<Json>,
}

/// Every difference, in the order of the manifest. `applied` is our tree of the live object's
/// `managedFields`.
pub fn compare(desired: &Json, live: &Json, applied: Option<&Json>) -> Vec<Difference> {
    let mut comparison = Comparison::default();
    comparison.value(&Path::default(), desired, Some(live), applied);
    comparison.found
}

#[derive(Default)]
struct Comparison {
    found: Vec<Difference>,
    free_text: bool,
}

impl Comparison {
    fn value(&mut self, path: &Path, desired: &Json, live: Option<&Json>, node: Option<&Json>) {
        match (desired, live) {
            (Json::Object(fields), Some(live @ Json::Object(_))) => {
                self.object(path, fields, live, node);
            }
            (Json::Array(items), Some(Json::Array(found))) => {
                self.list(
                    path,
                    items,
                    desired,
                    found,
                    live.unwrap_or(&Json::Null),
                    node,
                );
            }
            (desired, None | Some(Json::Null)) if is_empty(desired) => {}
            (Json::Object(fields), None | Some(Json::Null)) => {
                self.object(path, fields, &Json::Null, node);
            }
            (desired, Some(live)) if self.is_same(desired, live) => {}
            (desired, live) => self.note(path, desired, live),
        }
    }

    fn object(
        &mut self,
        path: &Path,
        fields: &Map<String, Json>,
        live: &Json,
        node: Option<&Json>,
    ) {
        for (name, value) in fields {
            let was_free = self.free_text;
            self.free_text |= FREE_TEXT.contains(&name.as_str());
            let below = node.and_then(|node| node.get(format!("f:{name}")));
            self.value(&path.field(name), value, live.get(name), below);
            self.free_text = was_free;
        }
    }

    fn list(
        &mut self,
        path: &Path,
        items: &[Json],
        desired: &Json,
        found: &[Json],
        live: &Json,
        node: Option<&Json>,
    ) {
        match told_apart(desired, live, node) {
            Apart::Keys(names) => {
                for item in items {
                    self.keyed(path, item, &names, live, node);
                }
            }
            Apart::Values => {
                if !items.iter().all(|item| found.contains(item)) {
                    self.note(path, desired, Some(live));
                }
            }
            Apart::Order if items.len() != found.len() => self.note(path, desired, Some(live)),
            Apart::Order => {
                for (index, (item, found)) in items.iter().zip(found).enumerate() {
                    self.value(&path.item(index), item, Some(found), None);
                }
            }
        }
    }

    fn keyed(
        &mut self,
        path: &Path,
        desired: &Json,
        names: &[String],
        live: &Json,
        node: Option<&Json>,
    ) {
        let present = names
            .iter()
            .filter_map(|name| Some((name.clone(), desired.get(name)?.clone())));
        let wanted: Map<_, _> = present.collect();
        let node = node.and_then(|node| {
            let mut entries = node.as_object()?.iter();
            let fits = |entry: &str| keys(entry).is_some_and(|keys| is_part(&wanted, &keys));
            entries
                .find(|(entry, _)| fits(entry))
                .map(|(_, below)| below)
        });
        let path = path.keyed(&wanted);
        match item(live, &wanted) {
            Some(live) => self.value(&path, desired, Some(live), node),
            None => self.note(&path, desired, None),
        }
    }

    fn is_same(&self, desired: &Json, live: &Json) -> bool {
        if desired == live {
            return true;
        }
        if let (Json::Number(a), Json::Number(b)) = (desired, live) {
            return a.as_f64() == b.as_f64();
        }
        match (text(desired), text(live)) {
            (Some(a), Some(b)) => !self.free_text && (a == b || quantity::same(&a, &b)),
            _ => false,
        }
    }

    fn note(&mut self, path: &Path, desired: &Json, observed: Option<&Json>) {
        self.found.push(Difference {
            path: path.clone(),
            desired: desired.clone(),
            observed: observed.cloned(),
        });
    }
}

enum Apart {
    Keys(Vec<String>),
    Values,
    Order,
}

fn told_apart(desired: &Json, live: &Json, node: Option<&Json>) -> Apart {
    let entries = || node.and_then(Json::as_object).into_iter().flatten();
    if let Some(keys) = entries().find_map(|(entry, _)| keys(entry)) {
        return Apart::Keys(keys.into_iter().map(|(name, _)| name).collect());
    }
    if entries().any(|(entry, _)| entry.starts_with("v:")) {
        return Apart::Values;
    }
    // A list that we own as a whole has a node without entries.
    if node.is_none() && is_named(desired) && is_named(live) {
        return Apart::Keys(vec!["name".into()]);
    }
    Apart::Order
}

fn is_named(list: &Json) -> bool {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: HashSet<_> = items
        .iter()
        .filter_map(|item| item["name"].as_str())
        .collect();
    !items.is_empty() && names.len() == items.len()
}

fn is_part(part: &Map<String, Json>, whole: &Map<String, Json>) -> bool {
    part.iter()
        .all(|(name, value)| whole.get(name) == Some(value))
}

fn is_empty(value: &Json) -> bool {
    value.is_null() || *value == json!({}) || *value == json!([]) || *value == json!("")
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
