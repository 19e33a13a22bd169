//! Granting and revoking privileges, for the kinds Grant and `DefaultPrivileges` alike.
//!
//! What a resource asks for is a [`Request`]: for each of its targets a [`Wanted`], privileges of one
//! role at one [`Place`]. It is compared with the access control lists, all in one query; what is
//! missing is granted, and what an earlier spec granted and this one does not ask for is revoked, all in
//! one transaction. What others granted is never touched: a revoke by us takes back only what the
//! object's owner, for whom we act, has granted.

mod catalog;
mod change;
mod class;
mod difference;
mod holding;
mod label;
mod ledger;
mod look;
mod survey;

pub use self::{
    catalog::{Found, Held, Object},
    change::{Change, Verb},
    class::Class,
    holding::{carry_out, holdings},
    label::spelled,
    ledger::Entry,
    survey::{Survey, Surveyed},
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

/// Everything one resource asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// One for each target; at least one.
    pub wanted: Vec<Wanted>,
    /// The spec lists its targets, so the names of its fields begin with the target.
    pub is_list: bool,
}
