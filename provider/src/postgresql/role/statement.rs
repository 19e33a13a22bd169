//! The statements that make a role, or bring one in line. Pure.

use std::sync::Arc;

use managed::{drift::Drift, external::ExternalError};

use super::{
    Membership, RoleParameters,
    difference::{ATTRIBUTES, MEMBER_OF},
};
use crate::postgresql::{
    parameter::setting,
    session::Identity,
    sql::{Ident, Literal},
};

/// A role and what is to become of it.
pub(super) struct Plan<'a> {
    pub(super) role: Ident,
    pub(super) wanted: &'a RoleParameters,
    /// The password as `PASSWORD` takes it: never in clear.
    pub(super) verifier: Option<Literal>,
    pub(super) identity: Arc<Identity>,
}

type Statements = Result<Vec<String>, ExternalError>;

impl Plan<'_> {
    /// Makes the role with everything it is to have.
    pub(super) fn create(&self) -> Statements {
        let mut options: Vec<_> = ATTRIBUTES
            .iter()
            .filter_map(|(_, word, read)| {
                read(self.wanted.privileges).map(|is_on| attribute(word, is_on))
            })
            .collect();
        options.extend(self.connection_limit());
        options.extend(self.valid_until()?);
        options.extend(self.password());
        let mut statements = vec![
            format!("CREATE ROLE {} {}", self.role, options.join(" "))
                .trim_end()
                .to_owned(),
        ];
        for parameter in &self.wanted.configuration_parameters {
            statements.push(self.parameter(&parameter.name)?);
        }
        for membership in &self.wanted.member_of {
            statements.extend(self.grant(membership)?);
        }
        Ok(statements)
    }

    /// Changes what differs and nothing else: a non-superuser may not even repeat NOSUPERUSER.
    pub(super) fn update(&self, drift: &[Drift]) -> Statements {
        let differs = |field: &str| drift.iter().any(|drift| drift.field == field);
        let mut options: Vec<_> = ATTRIBUTES
            .iter()
            .filter(|(field, ..)| differs(field))
            .filter_map(|(_, word, read)| {
                read(self.wanted.privileges).map(|is_on| attribute(word, is_on))
            })
            .collect();
        options.extend(
            self.connection_limit()
                .filter(|_| differs("connectionLimit")),
        );
        options.extend(self.valid_until()?.filter(|_| differs("validUntil")));
        options.extend(self.password().filter(|_| differs("password")));
        let mut statements = Vec::new();
        if !options.is_empty() {
            statements.push(format!("ALTER ROLE {} {}", self.role, options.join(" ")));
        }
        for name in drift
            .iter()
            .filter_map(|drift| drift.field.strip_prefix(setting::FIELD))
        {
            statements.push(self.parameter(name)?);
        }
        statements.extend(self.memberships(drift)?);
        Ok(statements)
    }

    fn memberships(&self, drift: &[Drift]) -> Statements {
        let differs = |role: &str| {
            let fields = drift
                .iter()
                .filter_map(|drift| drift.field.strip_prefix(MEMBER_OF));
            fields.into_iter().any(|field| {
                field
                    .strip_prefix(role)
                    .is_some_and(|rest| matches!(rest, "" | ".admin" | ".inherit" | ".set"))
            })
        };
        let mut statements = Vec::new();
        for membership in &self.wanted.member_of {
            if membership.role.as_deref().is_some_and(differs) {
                statements.extend(self.grant(membership)?);
            }
        }
        let is_wanted = |role: &str| {
            self.wanted
                .member_of
                .iter()
                .any(|one| one.role.as_deref() == Some(role))
        };
        for drift in drift
            .iter()
            .filter(|drift| drift.desired == managed::drift::Shown::absent())
        {
            let Some(role) = drift
                .field
                .strip_prefix(MEMBER_OF)
                .filter(|role| !is_wanted(role))
            else {
                continue;
            };
            statements.push(format!("REVOKE {} FROM {}", Ident::new(role)?, self.role));
        }
        Ok(statements)
    }

    fn connection_limit(&self) -> Option<String> {
        self.wanted
            .connection_limit
            .map(|limit| format!("CONNECTION LIMIT {limit}"))
    }

    fn valid_until(&self) -> Result<Option<String>, ExternalError> {
        let until = self.wanted.valid_until.as_deref();
        until
            .map(|until| Ok(format!("VALID UNTIL {}", Literal::new(until)?)))
            .transpose()
    }

    fn password(&self) -> Option<String> {
        self.verifier
            .as_ref()
            .map(|verifier| format!("PASSWORD {verifier}"))
    }

    fn parameter(&self, name: &str) -> Result<String, ExternalError> {
        setting::statement(
            &format!("ROLE {}", self.role),
            name,
            &self.wanted.configuration_parameters,
        )
    }

    fn grant(&self, membership: &Membership) -> Statements {
        let role = Ident::new(membership.role.as_deref().unwrap_or_default())?;
        let (admin, inherit, set) = (
            membership.admin.unwrap_or(false),
            membership.inherit.unwrap_or(true),
            membership.set.unwrap_or(true),
        );
        if self.identity.has_membership_options() {
            // An option that is not stated keeps the value an earlier grant gave it.
            return Ok(vec![format!(
                "GRANT {role} TO {} WITH ADMIN {admin}, INHERIT {inherit}, SET {set}",
                self.role
            )]);
        }
        if !inherit || !set {
            let cause = format!(
                "PostgreSQL {} knows no membership without INHERIT or SET",
                self.identity.release
            );
            return Err(ExternalError::invalid(
                cause,
                "remove inherit and set, or use PostgreSQL 16",
            ));
        }
        let grant = format!("GRANT {role} TO {}", self.role);
        Ok(if admin {
            vec![format!("{grant} WITH ADMIN OPTION")]
        } else {
            vec![
                grant,
                format!("REVOKE ADMIN OPTION FOR {role} FROM {}", self.role),
            ]
        })
    }
}

fn attribute(word: &str, is_on: bool) -> String {
    if is_on {
        word.to_owned()
    } else {
        format!("NO{word}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgresql::{parameter::ConfigurationParameter, role::RolePrivileges};

    fn identity(version: u32) -> Arc<Identity> {
        Arc::new(Identity {
            admin: "admin".into(),
            is_superuser: false,
            creates_roles: true,
            reads_verifiers: false,
            version,
            release: version.to_string(),
            is_standby: false,
        })
    }

    fn wanted() -> RoleParameters {
        RoleParameters {
            privileges: RolePrivileges {
                login: Some(true),
                super_user: Some(false),
                ..RolePrivileges::default()
            },
            connection_limit: Some(5),
            member_of: vec![Membership::of("g")],
            configuration_parameters: vec![ConfigurationParameter::new("work_mem", "8MB")],
            ..RoleParameters::default()
        }
    }

    fn plan<'a>(wanted: &'a RoleParameters, identity: &Arc<Identity>) -> Plan<'a> {
        let verifier = Some(Literal::new("SCRAM").unwrap());
        Plan {
            role: Ident::new("r").unwrap(),
            wanted,
            verifier,
            identity: identity.clone(),
        }
    }

    #[test]
    fn a_role_is_made_with_everything_at_once() {
        let (wanted, identity) = (wanted(), identity(160_000));
        assert_eq!(
            plan(&wanted, &identity).create().unwrap(),
            [
                r#"CREATE ROLE "r" NOSUPERUSER LOGIN CONNECTION LIMIT 5 PASSWORD 'SCRAM'"#,
                r#"ALTER ROLE "r" SET "work_mem" TO '8MB'"#,
                r#"GRANT "g" TO "r" WITH ADMIN false, INHERIT true, SET true"#,
            ]
        );
    }

    #[test]
    fn one_difference_is_one_statement() {
        let (wanted, identity) = (wanted(), identity(160_000));
        let table = [
            ("connectionLimit", r#"ALTER ROLE "r" CONNECTION LIMIT 5"#),
            ("privileges.login", r#"ALTER ROLE "r" LOGIN"#),
            ("password", r#"ALTER ROLE "r" PASSWORD 'SCRAM'"#),
            (
                "configurationParameters.work_mem",
                r#"ALTER ROLE "r" SET "work_mem" TO '8MB'"#,
            ),
            (
                "memberOf.g.set",
                r#"GRANT "g" TO "r" WITH ADMIN false, INHERIT true, SET true"#,
            ),
        ];
        for (field, statement) in table {
            let drift = [Drift::plain(field, 1, 2)];
            assert_eq!(
                plan(&wanted, &identity).update(&drift).unwrap(),
                [statement]
            );
        }
    }

    #[test]
    fn a_membership_without_inherit_needs_sixteen() {
        let mut wanted = wanted();
        wanted.member_of[0].inherit = Some(false);
        assert!(plan(&wanted, &identity(150_000)).create().is_err());
        assert!(plan(&wanted, &identity(160_000)).create().is_ok());
    }
}
