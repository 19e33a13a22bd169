//! Granting and revoking privileges, for the kinds Grant and `DefaultPrivileges` alike.
//!
//! What a resource asks for is a [`Wanted`]: privileges of one role at one [`Place`]. It is compared
//! with the access control lists; what is missing is granted, and what an earlier spec granted and
//! this one does not ask for is revoked. What others granted is never touched: a revoke by us takes
//! back only what the object's owner, for whom we act, has granted.

mod catalog;
mod change;
mod class;
mod holding;
mod ledger;
mod survey;

pub use self::{
    catalog::{Found, Held, Object},
    change::{Change, Verb},
    class::Class,
    holding::{carry_out, holdings},
    ledger::Entry,
    survey::Survey,
};

use std::collections::BTreeSet;

/// Where privileges are.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The database.
    pub database: String,
    /// The role that holds the privileges.
    pub role: String,
    /// Type of the objects.
    pub class: Class,
    /// The schema the objects are in, or that is the object; empty when there is none.
    pub schema: String,
    /// For default privileges: the role whose future objects these are.
    pub creator: Option<String>,
}

impl Place {
    /// The database whose catalogs know it. A database's own privileges are known everywhere, so that
    /// they can be asked for when the database is gone.
    pub fn seen_from<'a>(&'a self, default_database: &'a str) -> &'a str {
        match self.class {
            Class::Database => default_database,
            _ => &self.database,
        }
    }
}

/// Privileges of one role at one place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    /// Where.
    pub place: Place,
    /// Names of the objects; `None` is every one there.
    pub objects: Option<BTreeSet<String>>,
    /// What, in the words of SQL.
    pub privileges: BTreeSet<String>,
    /// The role may grant them to others.
    pub is_grantable: bool,
}
