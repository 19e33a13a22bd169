//! A database that is only planned: what CREATE DATABASE would leave behind, so that a rehearsal can go
//! on with what comes after it.

use super::{
    DatabaseParameters, LocaleProvider, PublicPrivileges,
    catalog::{Catalog, PublicSchema},
};
use crate::postgresql::session::Identity;

impl Catalog {
    /// What the catalogs would say right after the database was made.
    pub(super) fn planned(wanted: &DatabaseParameters, identity: &Identity) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let owner = wanted.owner.as_ref().unwrap_or(&identity.admin);
        let admits = admits(wanted);
        Self {
            oid: 0,
            owner: owner.clone(),
            encoding: text(&wanted.encoding),
            is_wanted_encoding: true,
            lc_collate: text(&wanted.lc_collate),
            lc_c_type: text(&wanted.lc_c_type),
            locale_provider: wanted.locale_provider.unwrap_or(LocaleProvider::Libc),
            locale: wanted
                .icu_locale
                .as_ref()
                .or(wanted.builtin_locale.as_ref())
                .cloned(),
            tablespace: text(&wanted.tablespace),
            allow_connections: admits,
            connection_limit: wanted.connection_limit.unwrap_or(-1),
            is_template: wanted.is_template.unwrap_or(false),
            public_connect: true,
            public_temporary: true,
            admits_us: true,
            settings: None,
            schema: admits.then(|| PublicSchema::planned(owner, identity)),
        }
    }
}

impl PublicSchema {
    /// The schema `public` of a new database. Since 15 not everybody may create something in it.
    pub(super) fn planned(owner: &str, identity: &Identity) -> Self {
        Self {
            owner: owner.to_owned(),
            usage: true,
            create: !identity.is_at_least(15),
        }
    }
}

/// Whether a new database admits anybody at first: one that is to be closed to PUBLIC does not until it
/// is.
pub(super) fn admits(wanted: &DatabaseParameters) -> bool {
    let closes =
        |public: PublicPrivileges| [public.connect, public.temporary].contains(&Some(false));
    wanted.allow_connections.unwrap_or(true) && !wanted.public_privileges.is_some_and(closes)
}
