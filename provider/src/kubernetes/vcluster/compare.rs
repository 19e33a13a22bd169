//! Where an object differs from the one that is applied. Pure.
//!
//! Only what is applied is looked at: a field that the API server, the control plane or a webhook adds is
//! no difference, and neither is a container, a volume or a port that somebody added to a list whose
//! items have keys. A field that was applied before and is not any more is one, for as long as the object
//! says that it is ours.

mod abandoned;

use managed::{Drift, Shown};
use serde_json::Value;

use super::{manifest::Manifest, quantity};

pub(super) use abandoned::MANAGER;

/// Below these fields text stands for an amount.
const AMOUNTS: [&str; 9] = [
    "default",
    "defaultRequest",
    "hard",
    "limits",
    "max",
    "min",
    "requests",
    "sizeLimit",
    "storage",
];

/// The fields of the object that differ, by kind, name and path.
pub(super) fn differences(manifest: &Manifest, live: &Value) -> Vec<Drift> {
    let mut found = Found {
        drift: Vec::new(),
        is_secret: manifest.part.kind == "Secret",
    };
    let mut path = Path::of(manifest);
    for (key, value) in manifest.body.as_object().into_iter().flatten() {
        if key != "metadata" {
            found.field(&mut path, key, value, live);
        }
    }
    found.metadata(&mut path, &manifest.body["metadata"], &live["metadata"]);
    for field in abandoned::fields(&manifest.body, live) {
        found.add(
            path.joined(&field),
            Shown::absent(),
            Shown::plain("a former value"),
        );
    }
    found.drift
}

/// Kind and name of an object, and the way to a field of it.
struct Path {
    root: String,
    steps: Vec<String>,
}

impl Path {
    fn of(manifest: &Manifest) -> Self {
        Self {
            root: format!("{}/{}", manifest.part.kind, manifest.part.name),
            steps: Vec::new(),
        }
    }

    fn joined(&self, below: &str) -> String {
        let steps = self.steps.concat();
        format!("{}{steps}{below}", self.root)
    }

    fn is_amount(&self) -> bool {
        let is = |step: &String| AMOUNTS.contains(&step.trim_start_matches('.'));
        self.steps.iter().any(is)
    }
}

struct Found {
    drift: Vec<Drift>,
    is_secret: bool,
}

impl Found {
    fn add(&mut self, field: String, desired: Shown, observed: Shown) {
        if self.is_secret {
            self.drift.push(Drift::secret(field));
        } else {
            self.drift.push(Drift {
                field,
                desired,
                observed,
            });
        }
    }

    fn metadata(&mut self, path: &mut Path, desired: &Value, live: &Value) {
        path.steps.push(".metadata".into());
        for key in ["labels", "annotations"] {
            if let Some(value) = desired.get(key) {
                self.field(path, key, value, live);
            }
        }
        path.steps.pop();
    }

    fn field(&mut self, path: &mut Path, key: &str, desired: &Value, live: &Value) {
        path.steps.push(format!(".{key}"));
        match live.get(key) {
            Some(live) => self.value(path, desired, live),
            None => self.add(path.joined(""), shown(desired), Shown::absent()),
        }
        path.steps.pop();
    }

    fn value(&mut self, path: &mut Path, desired: &Value, live: &Value) {
        match (desired, live) {
            (Value::Object(fields), Value::Object(_)) => {
                for (key, value) in fields {
                    self.field(path, key, value, live);
                }
            }
            (Value::Array(desired), Value::Array(live)) => self.list(path, desired, live),
            _ if is_same(path, desired, live) => {}
            _ => self.add(path.joined(""), shown(desired), shown(live)),
        }
    }

    fn list(&mut self, path: &mut Path, desired: &[Value], live: &[Value]) {
        match key_of(path.steps.last(), desired) {
            Some(key) => self.keyed(path, key, desired, live),
            None if desired.len() == live.len() => {
                for (at, (desired, live)) in desired.iter().zip(live).enumerate() {
                    path.steps.push(format!("[{at}]"));
                    self.value(path, desired, live);
                    path.steps.pop();
                }
            }
            None => {
                let count = |items: &[Value]| Shown::plain(format!("{} items", items.len()));
                self.add(path.joined(""), count(desired), count(live));
            }
        }
    }

    fn keyed(&mut self, path: &mut Path, key: &str, desired: &[Value], live: &[Value]) {
        for item in desired {
            let name = item[key].as_str().unwrap_or_default();
            path.steps.push(format!("[{name}]"));
            match live.iter().find(|live| live[key] == item[key]) {
                Some(live) => self.value(path, item, live),
                None => self.add(path.joined(""), Shown::plain("present"), Shown::absent()),
            }
            path.steps.pop();
        }
    }
}

/// The field that tells the items of a list apart, if they have one; else the whole list is compared.
fn key_of(list: Option<&String>, items: &[Value]) -> Option<&'static str> {
    let key = match list?.as_str() {
        ".volumeMounts" => "mountPath",
        ".containers" | ".initContainers" | ".volumes" | ".env" | ".ports"
        | ".imagePullSecrets" => "name",
        _ => return None,
    };
    items
        .iter()
        .all(|item| item[key].is_string())
        .then_some(key)
}

fn is_same(path: &Path, desired: &Value, live: &Value) -> bool {
    if desired == live {
        return true;
    }
    let (Some(desired), Some(live)) = (text(desired), text(live)) else {
        return false;
    };
    // A port may be a number or text.
    if desired == live {
        return true;
    }
    let amount = quantity::parse(&desired);
    path.is_amount() && amount.is_some() && amount == quantity::parse(&live)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn shown(value: &Value) -> Shown {
    match value {
        Value::String(text) => Shown::plain(text),
        other => Shown::plain(other),
    }
}

#[cfg(test)]
mod tests;
