//! Values in a manifest and the paths to them.

use std::fmt;

use serde_json::{Map, Value as Json};

/// A path such as `spec.containers[name=app].image` or `data["a.b"]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Path(String);

impl Path {
    /// The path of a field below this one.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        let is_plain = !name.is_empty()
            && name
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_');
        match (is_plain, self.0.is_empty()) {
            (true, true) => Self(name.to_owned()),
            (true, false) => Self(format!("{}.{name}", self.0)),
            (false, _) => Self(format!("{}[{name:?}]", self.0)),
        }
    }

    /// The path of an item of this list.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path of an item of this list that is told apart by keys.
    #[must_use]
    pub fn keyed(&self, keys: &Map<String, Json>) -> Self {
        let shown = |(key, value): (&String, &Json)| match value {
            Json::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        };
        let keys: Vec<_> = keys.iter().map(shown).collect();
        Self(format!("{}[{}]", self.0, keys.join(",")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when this is `other` or lies below it.
    pub fn is_within(&self, other: &str) -> bool {
        self.0
            .strip_prefix(other)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value without its nulls, which server-side apply drops, too.
pub fn pruned(value: Json) -> Json {
    match value {
        Json::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, pruned(value)))
            .collect::<Map<_, _>>()
            .into(),
        Json::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}

/// Puts a value at a path of field names, list indices in brackets, and quoted names in brackets, such
/// as `spec.env[0].value` or `data["tls.key"]`. What lies on the way is made if it is missing. Returns
/// the path in its canonical form, or `None` when it leads through something that is no object or past
/// the end of a list.
pub fn set(manifest: &mut Json, path: &str, value: Json) -> Option<Path> {
    let mut at = manifest;
    let mut canonical = Path::default();
    for step in steps(path)? {
        match step {
            Step::Field(name) => {
                if at.is_null() {
                    *at = Json::Object(Map::new());
                }
                canonical = canonical.field(&name);
                at = at.as_object_mut()?.entry(name).or_insert(Json::Null);
            }
            Step::Item(index) => {
                canonical = canonical.item(index);
                at = at.as_array_mut()?.get_mut(index)?;
            }
        }
    }
    *at = value;
    Some(canonical)
}

enum Step {
    Field(String),
    Item(usize),
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let (name, after) = quoted.split_once("\"]")?;
            steps.push(Step::Field(name.to_owned()));
            rest = after;
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, after) = index.split_once(']')?;
            steps.push(Step::Item(index.parse().ok()?));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(Step::Field(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = match rest.strip_prefix('.') {
            Some("") => return None,
            Some(after) => after,
            None => rest,
        };
    }
    let is_empty = |step: &Step| matches!(step, Step::Field(name) if name.is_empty());
    (!steps.is_empty() && !steps.iter().any(is_empty)).then_some(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_put_where_the_path_leads() {
        let mut manifest = json!({"spec": {"env": [{"name": "a"}, {"name": "b"}]}});
        for (path, canonical) in [
            ("data[\"tls.key\"]", "data[\"tls.key\"]"),
            ("data.plain", "data.plain"),
            ("spec.env[1].value", "spec.env[1].value"),
        ] {
            let set = set(&mut manifest, path, json!("x")).unwrap();
            assert_eq!(set.as_str(), canonical);
        }
        assert_eq!(
            manifest,
            json!({"data": {"tls.key": "x", "plain": "x"}, "spec": {"env": [{"name": "a"}, {"name": "b", "value": "x"}]}})
        );
    }

    #[test]
    fn a_path_that_leads_nowhere_sets_nothing() {
        for path in [
            "", "a.", ".a", "a..b", "kind.x", "list[5]", "list[x]", "a[\"b", "list.x",
        ] {
            let mut manifest = json!({"kind": "K", "list": [1]});
            assert_eq!(set(&mut manifest, path, json!("x")), None, "{path}");
        }
    }

    #[test]
    fn a_path_is_within_itself_and_what_lies_above() {
        let path = Path::default().field("spec").field("a").item(0);
        for above in ["spec", "spec.a", "spec.a[0]"] {
            assert!(path.is_within(above), "{above}");
        }
        assert!(!path.is_within("sp") && !path.is_within("spec.a[0].b"));
    }
}
