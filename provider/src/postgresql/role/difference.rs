//! What differs between a wanted role and the one the catalogs have. Pure.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use managed::{
    drift::{Drift, Shown},
    external::ExternalError,
};

use super::{Membership, ObservedMembership, RoleParameters, RolePrivileges, catalog::Catalog};
use crate::postgresql::parameter::setting;

/// What drift and ledger entries about memberships start with.
pub(super) const MEMBER_OF: &str = "memberOf.";

/// An attribute: its field below `privileges`, its word in SQL, and how to read it.
pub(super) type Attribute = (
    &'static str,
    &'static str,
    fn(RolePrivileges) -> Option<bool>,
);

/// Every attribute of a role that is on or off.
pub(super) const ATTRIBUTES: [Attribute; 7] = [
    ("privileges.superUser", "SUPERUSER", |privileges| {
        privileges.super_user
    }),
    ("privileges.createDb", "CREATEDB", |privileges| {
        privileges.create_db
    }),
    ("privileges.createRole", "CREATEROLE", |privileges| {
        privileges.create_role
    }),
    ("privileges.login", "LOGIN", |privileges| privileges.login),
    ("privileges.inherit", "INHERIT", |privileges| {
        privileges.inherit
    }),
    ("privileges.replication", "REPLICATION", |privileges| {
        privileges.replication
    }),
    ("privileges.bypassRls", "BYPASSRLS", |privileges| {
        privileges.bypass_rls
    }),
];

/// Every difference but that of the password.
pub(super) fn drift(
    wanted: &RoleParameters,
    found: &Catalog,
    ledger: &BTreeSet<String>,
) -> Result<Vec<Drift>, ExternalError> {
    let mut drift = attributes(wanted.privileges, found.privileges);
    if let Some(limit) = wanted.connection_limit {
        Drift::compare(
            &mut drift,
            "connectionLimit",
            &limit,
            &found.connection_limit,
        );
    }
    drift.extend(valid_until(wanted, found)?);
    let parameters = found.observation().configuration_parameters;
    drift.extend(setting::drift(
        &wanted.configuration_parameters,
        &parameters,
        ledger,
    ));
    drift.extend(
        wanted
            .member_of
            .iter()
            .flat_map(|membership| membership_drift(membership, found)),
    );
    drift.extend(left(wanted, found, ledger));
    Ok(drift)
}

fn attributes(wanted: RolePrivileges, found: RolePrivileges) -> Vec<Drift> {
    let pairs = ATTRIBUTES
        .iter()
        .filter_map(|(field, _, read)| Some((*field, read(wanted)?, read(found)?)));
    pairs
        .filter(|(_, wanted, found)| wanted != found)
        .map(|(field, wanted, found)| Drift::plain(field, wanted, found))
        .collect()
}

fn valid_until(wanted: &RoleParameters, found: &Catalog) -> Result<Option<Drift>, ExternalError> {
    let Some(wanted) = &wanted.valid_until else {
        return Ok(None);
    };
    let same = instant(wanted)?
        == found
            .valid_until
            .as_deref()
            .and_then(|text| text.parse().ok());
    let observed = found.valid_until.as_deref().unwrap_or("infinity");
    Ok((!same).then(|| Drift::plain("validUntil", wanted, observed)))
}

/// `None` is infinity.
fn instant(text: &str) -> Result<Option<Timestamp>, ExternalError> {
    if text == "infinity" {
        return Ok(None);
    }
    let refused = |_| {
        ExternalError::invalid(
            format!("validUntil {text:?} is not a time"),
            "write it as 2027-01-31T00:00:00Z",
        )
    };
    text.parse().map(Some).map_err(refused)
}

/// A membership option: its name, what is wanted, how to read it.
type MembershipOption = (&'static str, bool, fn(&ObservedMembership) -> bool);

fn options(membership: &Membership) -> [MembershipOption; 3] {
    [
        ("admin", membership.admin.unwrap_or(false), |found| {
            found.admin
        }),
        ("inherit", membership.inherit.unwrap_or(true), |found| {
            found.inherit
        }),
        ("set", membership.set.unwrap_or(true), |found| found.set),
    ]
}

/// Rows of other grantors add to what is there, but are not ours to change: an option is missing when
/// no row has it, and too much only when ours has it.
fn membership_drift(membership: &Membership, found: &Catalog) -> Vec<Drift> {
    let role = membership.role.as_deref().unwrap_or_default();
    let rows: Vec<_> = found
        .memberships
        .iter()
        .filter(|row| row.membership.role == role)
        .collect();
    if rows.is_empty() {
        let field = format!("{MEMBER_OF}{role}");
        return vec![Drift {
            field,
            desired: Shown::plain("member"),
            observed: Shown::absent(),
        }];
    }
    let mut drift = Vec::new();
    for (name, wanted, read) in options(membership) {
        if name == "inherit" && rows[0].membership.grantor.is_none() {
            // Before 16 the role's own attribute decides.
            continue;
        }
        let anywhere = rows.iter().any(|row| read(&row.membership));
        let ours = rows.iter().any(|row| row.ours && read(&row.membership));
        let observed = if wanted { anywhere } else { ours };
        Drift::compare(
            &mut drift,
            format!("{MEMBER_OF}{role}.{name}"),
            &wanted,
            &observed,
        );
    }
    drift
}

fn left<'a>(
    wanted: &'a RoleParameters,
    found: &'a Catalog,
    ledger: &'a BTreeSet<String>,
) -> impl Iterator<Item = Drift> + 'a {
    let is_wanted = |role: &str| {
        wanted
            .member_of
            .iter()
            .any(|one| one.role.as_deref() == Some(role))
    };
    let is_there = |role: &str| {
        found
            .memberships
            .iter()
            .any(|row| row.ours && row.membership.role == role)
    };
    let left = ledger
        .iter()
        .filter_map(|entry| entry.strip_prefix(MEMBER_OF));
    left.filter(move |role| !is_wanted(role) && is_there(role))
        .map(|role| Drift {
            field: format!("{MEMBER_OF}{role}"),
            desired: Shown::absent(),
            observed: Shown::plain("member"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgresql::role::{ObservedMembership, catalog::Row};

    fn fields(wanted: &RoleParameters, found: &Catalog, ledger: &[&str]) -> Vec<String> {
        let ledger = ledger.iter().map(|entry| (*entry).to_owned()).collect();
        drift(wanted, found, &ledger)
            .unwrap()
            .into_iter()
            .map(|drift| drift.field)
            .collect()
    }

    fn row(role: &str, ours: bool, [admin, inherit, set]: [bool; 3]) -> Row {
        let grantor = Some(if ours { "us" } else { "them" }.to_owned());
        Row {
            membership: ObservedMembership {
                role: role.into(),
                grantor,
                admin,
                inherit,
                set,
            },
            ours,
        }
    }

    #[test]
    fn what_is_not_set_never_differs() {
        let found = Catalog {
            connection_limit: 7,
            valid_until: Some("2030-01-01T00:00:00Z".into()),
            ..Catalog::default()
        };
        assert_eq!(
            fields(&RoleParameters::default(), &found, &[]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn attributes_differ_by_value() {
        let mut wanted = RoleParameters::default();
        wanted.privileges.login = Some(true);
        wanted.privileges.create_db = Some(false);
        let mut found = Catalog::default();
        found.privileges = RolePrivileges {
            login: Some(false),
            create_db: Some(false),
            ..found.privileges
        };
        assert_eq!(fields(&wanted, &found, &[]), ["privileges.login"]);
    }

    #[test]
    fn the_same_instant_may_be_written_in_two_ways() {
        let wanted = |text: &str| RoleParameters {
            valid_until: Some(text.into()),
            ..RoleParameters::default()
        };
        let found = Catalog {
            valid_until: Some("2027-01-31T00:00:00.000000Z".into()),
            ..Catalog::default()
        };
        assert_eq!(
            fields(&wanted("2027-01-31T01:00:00+01:00"), &found, &[]),
            Vec::<String>::new()
        );
        assert_eq!(fields(&wanted("infinity"), &found, &[]), ["validUntil"]);
        assert_eq!(
            fields(&wanted("infinity"), &Catalog::default(), &[]),
            Vec::<String>::new()
        );
        assert!(drift(&wanted("soon"), &found, &BTreeSet::new()).is_err());
    }

    #[test]
    fn membership_options_add_up_over_grantors() {
        let wanted = RoleParameters {
            member_of: vec![Membership {
                inherit: Some(false),
                ..Membership::of("g")
            }],
            ..RoleParameters::default()
        };
        let with = |memberships| Catalog {
            memberships,
            ..Catalog::default()
        };
        assert_eq!(fields(&wanted, &with(vec![]), &[]), ["memberOf.g"]);
        assert_eq!(
            fields(
                &wanted,
                &with(vec![row("g", true, [false, true, true])]),
                &[]
            ),
            ["memberOf.g.inherit"]
        );
        // Another grantor gives more than we want: shown, but not ours to take.
        let both = vec![
            row("g", true, [false, false, true]),
            row("g", false, [true, true, true]),
        ];
        assert_eq!(fields(&wanted, &with(both), &[]), Vec::<String>::new());
    }

    #[test]
    fn a_membership_that_left_the_spec_is_taken_back_only_if_it_was_ours() {
        let found = Catalog {
            memberships: vec![
                row("a", true, [false, true, true]),
                row("b", true, [false, true, true]),
            ],
            ..Catalog::default()
        };
        assert_eq!(
            fields(
                &RoleParameters::default(),
                &found,
                &["memberOf.a", "memberOf.gone"]
            ),
            ["memberOf.a"]
        );
    }
}
