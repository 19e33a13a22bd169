//! The roles of a claim: the owner and the groups, which nobody logs in as, and the logins.
//!
//! Every attribute that would lead out of the database is set to false, so a hand edit that gives one
//! is seen and taken back.

use managed::{ManagedResource, reference::NamedReference, resource::EXTERNAL_NAME};
use provider_tenancy::postgresql::{
    Role,
    parameter::ConfigurationParameter,
    role::{Membership, RoleParameters, RolePrivileges},
};

use super::{
    UNLIMITED, connection_secret, group_of, keep_data,
    plan::{Group, Login, Plan},
};
use crate::{
    claim::postgresql_instance::Profile,
    compose::{Aspect, Composed},
    observed::Observed,
};

/// Key of the role that owns the database.
pub(super) const OWNERS_KEY: &str = "role-owners";

/// The role that owns the database and everything in it.
pub(super) fn owners(plan: &Plan) -> ManagedResource<Role> {
    let mut role = role(plan, &plan.owners.object, &plan.owners.role, nobody());
    keep_data(plan, &mut role);
    role
}

/// The role whose members may do what a profile allows.
pub(super) fn group(plan: &Plan, observed: &Observed, group: &Group) -> Composed {
    let role = role(plan, &group.object, &group.role, nobody());
    Composed::new(observed, group.key(), Aspect::Access, &role)
}

/// A role to log in as.
pub(super) fn login(plan: &Plan, observed: &Observed, login: &Login) -> Composed {
    let group = group_of(plan, login.access.profile);
    let parameters = RoleParameters {
        privileges: privileges(true),
        connection_limit: Some(login.access.connection_limit.unwrap_or(UNLIMITED)),
        member_of: vec![Membership {
            role_ref: Some(NamedReference::to(&group.object)),
            ..Membership::of(&group.role)
        }],
        configuration_parameters: acting_as(&group),
        ..RoleParameters::default()
    };
    let mut role = role(plan, &login.object, &login.role, parameters);
    role.spec.write_connection_secret_to_ref = Some(connection_secret(login));
    Composed::new(observed, login.key(), Aspect::Access, &role)
}

/// Sessions of an owner begin as the owner role: what they make belongs to it, and default privileges
/// apply to it, which count for their creator only and not for the creator's groups.
fn acting_as(group: &Group) -> Vec<ConfigurationParameter> {
    match group.profile {
        Profile::Owner => vec![ConfigurationParameter::new("role", &group.role)],
        Profile::Readwrite | Profile::Readonly => Vec::new(),
    }
}

fn nobody() -> RoleParameters {
    RoleParameters {
        privileges: privileges(false),
        ..RoleParameters::default()
    }
}

const fn privileges(login: bool) -> RolePrivileges {
    RolePrivileges {
        super_user: Some(false),
        create_db: Some(false),
        create_role: Some(false),
        login: Some(login),
        inherit: Some(true),
        replication: Some(false),
        bypass_rls: Some(false),
    }
}

fn role(
    plan: &Plan,
    object: &str,
    name: &str,
    parameters: RoleParameters,
) -> ManagedResource<Role> {
    let mut role = ManagedResource::new(object, parameters);
    role.metadata.annotations = Some([(EXTERNAL_NAME.into(), name.to_owned())].into());
    role.metadata.namespace = Some(plan.namespace.clone());
    role.spec.provider_config_ref = plan.spec.provider_configs.postgresql.clone();
    role
}
