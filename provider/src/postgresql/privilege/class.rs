//! Types of objects, and the privileges each of them knows.

use std::collections::BTreeSet;

use managed::external::ExternalError;
use serde::{Deserialize, Serialize};

use crate::postgresql::session::Identity;

/// A type of object.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A database.
    Database,
    /// A schema.
    Schema,
    /// A table, view, materialized view or foreign table.
    Table,
    /// A sequence.
    Sequence,
    /// A function, procedure or aggregate.
    Routine,
    /// A type or domain.
    Type,
}

impl Class {
    /// The word in SQL for one object.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Database => "DATABASE",
            Self::Schema => "SCHEMA",
            Self::Table => "TABLE",
            Self::Sequence => "SEQUENCE",
            Self::Routine => "ROUTINE",
            Self::Type => "TYPE",
        }
    }

    /// The word in SQL for several objects.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Database => "DATABASES",
            Self::Schema => "SCHEMAS",
            Self::Table => "TABLES",
            Self::Sequence => "SEQUENCES",
            Self::Routine => "ROUTINES",
            Self::Type => "TYPES",
        }
    }

    fn all(self, identity: &Identity) -> Vec<&'static str> {
        match self {
            Self::Database => vec!["CONNECT", "CREATE", "TEMPORARY"],
            Self::Schema => vec!["CREATE", "USAGE"],
            Self::Table => {
                let mut all = vec![
                    "DELETE",
                    "INSERT",
                    "REFERENCES",
                    "SELECT",
                    "TRIGGER",
                    "TRUNCATE",
                    "UPDATE",
                ];
                all.extend(identity.is_at_least(17).then_some("MAINTAIN"));
                all
            }
            Self::Sequence => vec!["SELECT", "UPDATE", "USAGE"],
            Self::Routine => vec!["EXECUTE"],
            Self::Type => vec!["USAGE"],
        }
    }

    /// The privileges that a spec names, with `ALL` written out for this server.
    pub fn privileges(
        self,
        named: &[String],
        identity: &Identity,
    ) -> Result<BTreeSet<String>, ExternalError> {
        let all = self.all(identity);
        let mut privileges = BTreeSet::new();
        for name in named {
            match name.as_str() {
                "ALL" | "ALL PRIVILEGES" => {
                    privileges.extend(all.iter().map(|one| (*one).to_owned()));
                }
                "TEMP" if self == Self::Database => privileges.extend(["TEMPORARY".to_owned()]),
                name if all.contains(&name) => privileges.extend([name.to_owned()]),
                name => return Err(unknown(self, name, &all, identity)),
            }
        }
        Ok(privileges)
    }
}

fn unknown(class: Class, name: &str, all: &[&str], identity: &Identity) -> ExternalError {
    let object = class.word().to_lowercase();
    let cause = format!(
        "PostgreSQL {} knows no privilege {name} on a {object}",
        identity.release
    );
    ExternalError::invalid(cause, format!("use {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(version: u32) -> Identity {
        Identity {
            admin: "admin".into(),
            is_superuser: true,
            creates_roles: true,
            reads_verifiers: true,
            version,
            release: (version / 10_000).to_string(),
            is_standby: false,
        }
    }

    fn count(class: Class, names: &[&str], version: u32) -> Option<usize> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        class
            .privileges(&names, &identity(version))
            .ok()
            .map(|privileges| privileges.len())
    }

    #[test]
    fn all_is_what_the_server_knows() {
        assert_eq!(count(Class::Table, &["ALL"], 160_000), Some(7));
        assert_eq!(count(Class::Table, &["ALL"], 170_000), Some(8));
        assert_eq!(count(Class::Database, &["ALL", "TEMP"], 140_000), Some(3));
        assert_eq!(
            count(Class::Sequence, &["ALL PRIVILEGES"], 140_000),
            Some(3)
        );
    }

    #[test]
    fn a_privilege_the_server_does_not_know_is_refused() {
        assert_eq!(count(Class::Table, &["MAINTAIN"], 160_000), None);
        assert_eq!(count(Class::Schema, &["SELECT"], 180_000), None);
        assert_eq!(count(Class::Table, &["TEMP"], 180_000), None);
    }
}
