//! How a target is called where people read about it: `database`, `schema public`, `tables in schema
//! public`, `table a and 2 more in schema public`; for default privileges `table`, `table in schema
//! public`.

use std::collections::BTreeSet;

use super::{Class, Place, Wanted};

impl Wanted {
    /// What the privileges are on.
    pub fn label(&self) -> String {
        self.place.label(self.objects.as_ref())
    }
}

impl Place {
    /// What privileges here are on; without names on every object.
    pub(super) fn label(&self, objects: Option<&BTreeSet<String>>) -> String {
        let class = match self.class {
            // The type's name in the spec of default privileges.
            Class::Routine if self.creator.is_some() => "function".to_owned(),
            class => class.word().to_lowercase(),
        };
        match (self.class, &self.creator, objects) {
            (Class::Schema, None, _) => format!("{class} {}", self.schema),
            (Class::Database | Class::Schema, _, _) => class,
            (_, Some(_), _) => format!("{class}{}", self.within()),
            (_, None, Some(names)) => format!("{class} {}{}", some(names), self.within()),
            (_, None, None) => format!("{class}s{}", self.within()),
        }
    }

    fn within(&self) -> String {
        if self.schema.is_empty() {
            String::new()
        } else {
            format!(" in schema {}", self.schema)
        }
    }
}

fn some(names: &BTreeSet<String>) -> String {
    let first = names.first().map(|name| spelled(name)).unwrap_or_default();
    match names.len() {
        0 | 1 => first,
        several => format!("{first} and {} more", several - 1),
    }
}

/// An object as people write it: a routine's key is a list of its name and argument types.
pub fn spelled(key: &str) -> String {
    match serde_json::from_str::<Vec<String>>(key)
        .unwrap_or_default()
        .split_first()
    {
        Some((name, arguments)) => format!("{name}({})", arguments.join(", ")),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(class: Class, schema: &str, creator: Option<&str>, names: &[&str]) -> String {
        let place = Place {
            database: "d".into(),
            role: "r".into(),
            class,
            schema: schema.into(),
            creator: creator.map(str::to_owned),
        };
        let names: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
        place.label(Some(&names).filter(|names| !names.is_empty()))
    }

    #[test]
    fn a_target_is_named_by_what_it_is_on() {
        assert_eq!(label(Class::Database, "", None, &[]), "database");
        assert_eq!(label(Class::Schema, "s", None, &[]), "schema s");
        assert_eq!(label(Class::Table, "s", None, &[]), "tables in schema s");
        assert_eq!(
            label(Class::Sequence, "s", None, &["a"]),
            "sequence a in schema s"
        );
        assert_eq!(
            label(Class::Routine, "s", None, &[r#"["f","int4"]"#, "z"]),
            "routine f(int4) and 1 more in schema s"
        );
    }

    #[test]
    fn future_objects_are_named_by_their_type() {
        assert_eq!(label(Class::Routine, "", Some("o"), &[]), "function");
        assert_eq!(label(Class::Schema, "", Some("o"), &[]), "schema");
        assert_eq!(
            label(Class::Table, "s", Some("o"), &[]),
            "table in schema s"
        );
    }
}
