//! What differs between a wanted database and the one the catalogs have. Pure.

use std::collections::BTreeSet;

use managed::drift::{Drift, Shown};

use super::{DatabaseParameters, LocaleProvider, PublicPrivileges, catalog::Catalog};
use crate::postgresql::parameter::setting;

/// Fields that are fixed when a database is made.
pub(super) const FIXED: [&str; 7] = [
    "encoding",
    "lcCollate",
    "lcCType",
    "localeProvider",
    "icuLocale",
    "builtinLocale",
    "tablespace",
];

/// A right of PUBLIC: its field, its word in SQL, what is wanted.
pub(super) type Right = (
    &'static str,
    &'static str,
    fn(PublicPrivileges) -> Option<bool>,
);

/// Rights of PUBLIC on the database.
pub(super) const ON_DATABASE: [Right; 2] = [
    ("publicPrivileges.connect", "CONNECT", |public| {
        public.connect
    }),
    ("publicPrivileges.temporary", "TEMPORARY", |public| {
        public.temporary
    }),
];

/// Rights of PUBLIC on the schema `public`.
pub(super) const ON_SCHEMA: [Right; 2] = [
    ("publicPrivileges.schemaUsage", "USAGE", |public| {
        public.schema_usage
    }),
    ("publicPrivileges.schemaCreate", "CREATE", |public| {
        public.schema_create
    }),
];

/// Every difference.
pub(super) fn drift(
    wanted: &DatabaseParameters,
    found: &Catalog,
    ledger: &BTreeSet<String>,
) -> Vec<Drift> {
    let mut drift = Vec::new();
    if let Some(owner) = &wanted.owner {
        Drift::compare(&mut drift, "owner", owner, &found.owner);
    }
    drift.extend(fixed(wanted, found));
    // A database is closed while it is made, and must not stay so when making it is interrupted.
    Drift::compare(
        &mut drift,
        "allowConnections",
        &wanted.allow_connections.unwrap_or(true),
        &found.allow_connections,
    );
    if let Some(limit) = wanted.connection_limit {
        Drift::compare(
            &mut drift,
            "connectionLimit",
            &limit,
            &found.connection_limit,
        );
    }
    if let Some(is_template) = wanted.is_template {
        Drift::compare(&mut drift, "isTemplate", &is_template, &found.is_template);
    }
    drift.extend(public(wanted.public_privileges.unwrap_or_default(), found));
    let parameters = setting::read(found.settings());
    drift.extend(setting::drift(
        &wanted.configuration_parameters,
        &parameters,
        ledger,
    ));
    drift
}

fn fixed(wanted: &DatabaseParameters, found: &Catalog) -> Vec<Drift> {
    let mut drift = Vec::new();
    if !found.is_wanted_encoding {
        drift.extend(
            wanted
                .encoding
                .as_ref()
                .map(|encoding| Drift::plain("encoding", encoding, &found.encoding)),
        );
    }
    for (field, wanted, found) in [
        ("lcCollate", &wanted.lc_collate, &found.lc_collate),
        ("lcCType", &wanted.lc_c_type, &found.lc_c_type),
    ] {
        let differing = wanted
            .as_ref()
            .filter(|wanted| canonical(wanted) != canonical(found));
        drift.extend(differing.map(|wanted| Drift::plain(field, wanted, found)));
    }
    if let Some(provider) = wanted.locale_provider {
        Drift::compare(
            &mut drift,
            "localeProvider",
            &provider.as_str(),
            &found.locale_provider.as_str(),
        );
    }
    let locale = found.locale.as_deref().unwrap_or_default();
    for (field, provider, wanted) in [
        ("icuLocale", LocaleProvider::Icu, &wanted.icu_locale),
        (
            "builtinLocale",
            LocaleProvider::Builtin,
            &wanted.builtin_locale,
        ),
    ] {
        let differing = wanted.as_ref().filter(|wanted| {
            found.locale_provider != provider || !wanted.eq_ignore_ascii_case(locale)
        });
        drift.extend(differing.map(|wanted| Drift::plain(field, wanted, locale)));
    }
    if let Some(tablespace) = &wanted.tablespace {
        Drift::compare(&mut drift, "tablespace", tablespace, &found.tablespace);
    }
    drift
}

/// Operating systems write one locale in several ways: `en_US.utf8` and `en_US.UTF-8`, `POSIX` and `C`.
fn canonical(locale: &str) -> String {
    if locale == "POSIX" {
        return "C".into();
    }
    match locale.split_once('.') {
        Some((language, codeset)) => {
            format!("{language}.{}", codeset.replace('-', "").to_lowercase())
        }
        None => locale.to_owned(),
    }
}

fn public(wanted: PublicPrivileges, found: &Catalog) -> Vec<Drift> {
    let mut drift = Vec::new();
    for ((field, _, read), found) in ON_DATABASE
        .iter()
        .zip([found.public_connect, found.public_temporary])
    {
        if let Some(wanted) = read(wanted) {
            Drift::compare(&mut drift, *field, &wanted, &found);
        }
    }
    let schema = found.schema.as_ref();
    let rights = schema.map(|schema| [schema.usage, schema.create]);
    for (index, (field, _, read)) in ON_SCHEMA.iter().enumerate() {
        let Some(wanted) = read(wanted) else { continue };
        match rights {
            Some(rights) => Drift::compare(&mut drift, *field, &wanted, &rights[index]),
            // It cannot be looked at until the database is open to us.
            None if !found.is_open() && !found.is_invalid() => drift.push(Drift {
                field: (*field).to_owned(),
                desired: Shown::plain(wanted),
                observed: Shown::plain("(unknown: the database is closed)"),
            }),
            None => {}
        }
    }
    drift
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgresql::database::catalog::PublicSchema;

    fn found() -> Catalog {
        serde_json::from_value(serde_json::json!({
            "oid": 1, "owner": "o", "encoding": "UTF8", "isWantedEncoding": true, "lcCollate": "C",
            "lcCType": "en_US.UTF-8", "localeProvider": "libc", "locale": null, "tablespace": "pg_default",
            "allowConnections": true, "connectionLimit": -1, "isTemplate": false, "publicConnect": true,
            "publicTemporary": true, "admitsUs": true, "settings": null,
        }))
        .unwrap()
    }

    fn fields(wanted: &DatabaseParameters, found: &Catalog) -> Vec<String> {
        drift(wanted, found, &BTreeSet::new())
            .into_iter()
            .map(|drift| drift.field)
            .collect()
    }

    #[test]
    fn what_is_not_set_never_differs() {
        assert_eq!(
            fields(&DatabaseParameters::default(), &found()),
            Vec::<String>::new()
        );
    }

    #[test]
    fn locales_are_compared_by_meaning() {
        let wanted = DatabaseParameters {
            lc_collate: Some("POSIX".into()),
            lc_c_type: Some("en_US.utf8".into()),
            ..DatabaseParameters::default()
        };
        assert_eq!(fields(&wanted, &found()), Vec::<String>::new());
        let wanted = DatabaseParameters {
            lc_collate: Some("de_DE.utf8".into()),
            ..DatabaseParameters::default()
        };
        assert_eq!(fields(&wanted, &found()), ["lcCollate"]);
    }

    #[test]
    fn a_database_left_closed_while_it_was_made_is_opened() {
        let found = Catalog {
            allow_connections: false,
            ..found()
        };
        assert_eq!(
            fields(&DatabaseParameters::default(), &found),
            ["allowConnections"]
        );
    }

    #[test]
    fn rights_of_public_differ_one_by_one() {
        let wanted = DatabaseParameters {
            public_privileges: Some(PublicPrivileges::closed()),
            ..DatabaseParameters::default()
        };
        let schema = Some(PublicSchema {
            owner: "o".into(),
            usage: false,
            create: true,
        });
        let found = Catalog {
            public_temporary: false,
            schema,
            ..found()
        };
        assert_eq!(
            fields(&wanted, &found),
            ["publicPrivileges.connect", "publicPrivileges.schemaCreate"]
        );
    }
}
