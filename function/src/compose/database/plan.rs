//! Who is who: every name a claim leads to, worked out once.

use std::collections::BTreeSet;

use super::super::{Refusal, name, origin, spec};
use crate::{
    claim::postgresql_instance::{Access, PostgresqlInstanceSpec, Profile},
    observed::Observed,
};

mod delivery;

pub(super) use delivery::Delivery;

/// Names of the groups; no login may be called so.
const GROUPS: [&str; 3] = ["owners", "writers", "readers"];

/// A claim with every name it leads to.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What the user wrote.
    pub(super) spec: PostgresqlInstanceSpec,
    /// Namespace of everything that is composed.
    pub(super) namespace: String,
    /// The service.
    pub(super) service: String,
    /// The database.
    pub(super) database: Place,
    /// The role that owns the database.
    pub(super) owners: Group,
    /// The logins, in the order of the spec; at least one.
    pub(super) logins: Vec<Login>,
    /// The Secret inside a cluster.
    pub(super) delivery: Option<Delivery>,
}

/// The database.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Name on the server.
    pub(super) name: String,
    /// Name of the managed resource.
    pub(super) object: String,
}

/// A role that nobody logs in as.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Last part of its names and keys.
    pub(super) label: &'static str,
    /// Name on the server.
    pub(super) role: String,
    /// Name of the managed resource.
    pub(super) object: String,
    /// What its members may do.
    pub(super) profile: Profile,
}

/// A login.
#[derive(Clone, Debug)]
pub(super) struct Login {
    /// What the user wrote, or the default.
    pub(super) access: Access,
    /// Name on the server.
    pub(super) role: String,
    /// Name of the managed resource.
    pub(super) object: String,
    /// Name of the Secret with the credentials.
    pub(super) secret: String,
    /// Path of the credentials below the mount.
    pub(super) vault_path: String,
    /// The first login has the path of the claim itself.
    is_first: bool,
}

impl Plan {
    /// Reads the claim and works out its names.
    pub(super) fn of(observed: &Observed) -> Result<Self, Refusal> {
        let origin = origin(observed)?;
        let spec: PostgresqlInstanceSpec = spec(observed)?;
        let service = spec.service.clone().unwrap_or_else(|| origin.name.clone());
        check(&spec, &service)?;
        let logins = logins(&spec, &origin.namespace, &service);
        let plan = Self {
            database: Place::of(&spec, &origin.namespace, &service),
            owners: Group::of(&spec, &origin.namespace, &service, Profile::Owner),
            delivery: Delivery::of(&spec.deliver, &logins)?,
            logins,
            namespace: origin.namespace,
            service,
            spec,
        };
        Ok(plan)
    }

    /// The group of a profile.
    pub(super) fn group(&self, profile: Profile) -> Group {
        Group::of(&self.spec, &self.namespace, &self.service, profile)
    }

    /// Groups that have a member, the owners aside.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group> {
        let used: BTreeSet<_> = self
            .logins
            .iter()
            .map(|login| login.access.profile)
            .collect();
        used.into_iter()
            .filter(|profile| *profile != Profile::Owner)
            .map(|profile| self.group(profile))
    }

    /// Name of the managed resource with the given last parts.
    pub(super) fn object(&self, last: &str) -> String {
        name::object(&[self.spec.environment.as_str(), &self.service, last])
    }
}

impl Place {
    fn of(spec: &PostgresqlInstanceSpec, namespace: &str, service: &str) -> Self {
        let environment = spec.environment.as_str();
        match &spec.database.name {
            None => Self {
                name: name::identifier(&[namespace, environment, service]),
                object: name::object(&[environment, service, "database"]),
            },
            // The object is named after the database, so two claims cannot have it both.
            Some(database) => Self {
                name: name::identifier(&[namespace, database]),
                object: name::object(&[&database.replace('_', "-"), "database"]),
            },
        }
    }
}

impl Group {
    fn of(spec: &PostgresqlInstanceSpec, namespace: &str, service: &str, profile: Profile) -> Self {
        let environment = spec.environment.as_str();
        let label = match profile {
            Profile::Owner => GROUPS[0],
            Profile::Readwrite => GROUPS[1],
            Profile::Readonly => GROUPS[2],
        };
        Self {
            label,
            role: name::identifier(&[namespace, environment, service, label]),
            object: name::object(&[environment, service, "role", label]),
            profile,
        }
    }

    /// Key of the role.
    pub(super) fn key(&self) -> String {
        format!("role-{}", self.label)
    }
}

impl Login {
    fn of(
        spec: &PostgresqlInstanceSpec,
        namespace: &str,
        service: &str,
        access: Access,
        is_first: bool,
    ) -> Self {
        let (environment, label) = (spec.environment.as_str(), access.name.as_str());
        let path = spec.vault.path.clone();
        let path =
            path.unwrap_or_else(|| format!("infrastructure/databases/{environment}/{service}"));
        let (server, kubernetes) = (
            [namespace, environment, service, label],
            [environment, service],
        );
        // The login that bears the name of the service needs no second one.
        let parts = if label == service { 3 } else { 4 };
        let secret = if label == service {
            vec!["credentials"]
        } else {
            vec!["credentials", label]
        };
        Self {
            role: name::identifier(&server[..parts]),
            object: name::object(&[&kubernetes[..], &["login", label]].concat()),
            secret: name::object(&[&kubernetes[..], &secret[..]].concat()),
            vault_path: if is_first {
                path
            } else {
                format!("{path}/{label}")
            },
            access,
            is_first,
        }
    }

    /// Key of the role.
    pub(super) fn key(&self) -> String {
        format!("login-{}", self.access.name)
    }

    /// Key of the `KVSecret`. The one at the claim's own path keeps its key whoever is first.
    pub(super) fn vault_key(&self) -> String {
        if self.is_first {
            "vault".into()
        } else {
            format!("vault-{}", self.access.name)
        }
    }
}

fn logins(spec: &PostgresqlInstanceSpec, namespace: &str, service: &str) -> Vec<Login> {
    let mut access = spec.access.clone();
    if access.is_empty() {
        let name = service.to_owned();
        access.push(Access {
            name,
            profile: Profile::Owner,
            connection_limit: None,
        });
    }
    let logins = access.into_iter().enumerate();
    logins
        .map(|(at, access)| Login::of(spec, namespace, service, access, at == 0))
        .collect()
}

/// What admission refuses as well; a Composition may be used with a schema of its own.
fn check(spec: &PostgresqlInstanceSpec, service: &str) -> Result<(), Refusal> {
    let refused = |field: String, cause: String| Err(Refusal::Field { field, cause });
    if !is_label(service) {
        return refused(
            "service".into(),
            format!("{service:?} is no lower case name of at most 63 characters"),
        );
    }
    if let Some(name) = &spec.database.name
        && !is_database(name)
    {
        return refused(
            "database.name".into(),
            format!("{name:?} cannot be the name of a database"),
        );
    }
    let mut seen = BTreeSet::new();
    for (at, Access { name, .. }) in spec.access.iter().enumerate() {
        let field = format!("access[{at}].name");
        if !is_label(name) {
            return refused(
                field,
                format!("{name:?} is no lower case name of at most 63 characters"),
            );
        }
        if GROUPS.contains(&name.as_str()) {
            return refused(field, format!("{name:?} is a group of this database"));
        }
        if !seen.insert(name) {
            return refused(field, format!("{name:?} is there twice"));
        }
    }
    check_path(spec)
}

fn check_path(spec: &PostgresqlInstanceSpec) -> Result<(), Refusal> {
    let Some(path) = &spec.vault.path else {
        return Ok(());
    };
    let is_segment = |segment: &str| !segment.is_empty() && segment != "." && segment != "..";
    if path.split('/').all(is_segment) {
        return Ok(());
    }
    let cause = format!("{path:?} has an empty segment, or . or ..");
    Err(Refusal::Field {
        field: "vault.path".into(),
        cause,
    })
}

/// A DNS label, as the names of services and namespaces are.
fn is_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Lower case letters, digits, `-` and `_`, with a letter or digit at both ends.
fn is_database(name: &str) -> bool {
    is_label(&name.replace('_', "-"))
}
