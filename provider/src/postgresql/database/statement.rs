//! The statements that make a database, or bring one in line. Pure.

use managed::{drift::Drift, external::ExternalError};

use super::{
    DatabaseParameters, LocaleProvider,
    difference::{ON_DATABASE, ON_SCHEMA, Right},
    planned::admits,
};
use crate::postgresql::{
    parameter::setting,
    session::Identity,
    sql::{Ident, Literal},
};

/// What a new database is copied from unless the spec says otherwise: it holds nothing, and nobody can
/// be connected to it.
const TEMPLATE: &str = "template0";

/// CREATE DATABASE. One that is to be closed to PUBLIC admits nobody until it is.
pub(super) fn create(
    database: &Ident,
    wanted: &DatabaseParameters,
    identity: &Identity,
) -> Result<String, ExternalError> {
    supported(wanted, identity)?;
    let mut options = vec![format!(
        "TEMPLATE {}",
        Ident::new(wanted.template.as_deref().unwrap_or(TEMPLATE))?
    )];
    for (word, name) in [("OWNER", &wanted.owner), ("TABLESPACE", &wanted.tablespace)] {
        if let Some(name) = name {
            options.push(format!("{word} {}", Ident::new(name)?));
        }
    }
    let provider = wanted
        .locale_provider
        .map(|provider| provider.as_str().to_owned());
    for (word, value) in [
        ("ENCODING", &wanted.encoding),
        ("LOCALE_PROVIDER", &provider),
        ("LC_COLLATE", &wanted.lc_collate),
        ("LC_CTYPE", &wanted.lc_c_type),
        ("ICU_LOCALE", &wanted.icu_locale),
        ("BUILTIN_LOCALE", &wanted.builtin_locale),
    ] {
        if let Some(value) = value {
            options.push(format!("{word} {}", Literal::new(value)?));
        }
    }
    options.extend(
        wanted
            .connection_limit
            .map(|limit| format!("CONNECTION LIMIT {limit}")),
    );
    options.extend(
        wanted
            .is_template
            .map(|is_template| format!("IS_TEMPLATE {is_template}")),
    );
    options.push(format!("ALLOW_CONNECTIONS {}", admits(wanted)));
    Ok(format!("CREATE DATABASE {database} {}", options.join(" ")))
}

fn supported(wanted: &DatabaseParameters, identity: &Identity) -> Result<(), ExternalError> {
    let needed = match wanted.locale_provider {
        Some(LocaleProvider::Builtin) => 17,
        Some(_) => 15,
        None => return Ok(()),
    };
    if identity.is_at_least(needed) {
        return Ok(());
    }
    let provider = wanted.locale_provider.map_or("", LocaleProvider::as_str);
    let cause = format!(
        "localeProvider {provider} needs PostgreSQL {needed}, the server is {}",
        identity.release
    );
    Err(ExternalError::invalid(cause, "remove localeProvider"))
}

/// ALTER DATABASE … OWNER TO, when the owner differs.
pub(super) fn owner(
    database: &Ident,
    wanted: &DatabaseParameters,
    drift: &[Drift],
) -> Result<Option<String>, ExternalError> {
    let Some(owner) = wanted.owner.as_deref().filter(|_| differs(drift, "owner")) else {
        return Ok(None);
    };
    Ok(Some(format!(
        "ALTER DATABASE {database} OWNER TO {}",
        Ident::new(owner)?
    )))
}

/// Every change that the owner makes from outside the database. `admin` is given when the administrator
/// needs a right of its own to connect to a closed database.
pub(super) fn outside(
    database: &Ident,
    wanted: &DatabaseParameters,
    drift: &[Drift],
    admin: Option<&Ident>,
) -> Result<Vec<String>, ExternalError> {
    let mut statements = Vec::new();
    statements
        .extend(admin.map(|admin| format!("GRANT CONNECT ON DATABASE {database} TO {admin}")));
    statements.extend(public(
        &ON_DATABASE,
        &format!("DATABASE {database}"),
        wanted,
        drift,
    ));
    let mut options = Vec::new();
    if differs(drift, "connectionLimit") {
        options.extend(
            wanted
                .connection_limit
                .map(|limit| format!("CONNECTION LIMIT {limit}")),
        );
    }
    if differs(drift, "isTemplate") {
        options.extend(
            wanted
                .is_template
                .map(|is_template| format!("IS_TEMPLATE {is_template}")),
        );
    }
    if differs(drift, "allowConnections") {
        options.push(format!(
            "ALLOW_CONNECTIONS {}",
            wanted.allow_connections.unwrap_or(true)
        ));
    }
    if !options.is_empty() {
        statements.push(format!("ALTER DATABASE {database} {}", options.join(" ")));
    }
    for name in drift
        .iter()
        .filter_map(|drift| drift.field.strip_prefix(setting::FIELD))
    {
        let subject = format!("DATABASE {database}");
        statements.push(setting::statement(
            &subject,
            name,
            &wanted.configuration_parameters,
        )?);
    }
    Ok(statements)
}

/// Every change inside the database.
pub(super) fn inside(wanted: &DatabaseParameters, drift: &[Drift]) -> Vec<String> {
    public(&ON_SCHEMA, "SCHEMA public", wanted, drift)
}

fn public(
    rights: &[Right],
    object: &str,
    wanted: &DatabaseParameters,
    drift: &[Drift],
) -> Vec<String> {
    let wanted = wanted.public_privileges.unwrap_or_default();
    let differing = rights.iter().filter(|(field, ..)| differs(drift, field));
    let wanted = differing.filter_map(|(_, word, read)| Some((word, read(wanted)?)));
    wanted
        .map(|(word, is_open)| {
            if is_open {
                format!("GRANT {word} ON {object} TO PUBLIC")
            } else {
                format!("REVOKE {word} ON {object} FROM PUBLIC")
            }
        })
        .collect()
}

pub(super) fn differs(drift: &[Drift], field: &str) -> bool {
    drift.iter().any(|drift| drift.field == field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgresql::database::PublicPrivileges;

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

    #[test]
    fn a_database_closed_to_public_admits_nobody_until_it_is() {
        let wanted = DatabaseParameters {
            owner: Some("o".into()),
            public_privileges: Some(PublicPrivileges::closed()),
            ..DatabaseParameters::default()
        };
        let database = Ident::new("d").unwrap();
        assert_eq!(
            create(&database, &wanted, &identity(140_000)).unwrap(),
            r#"CREATE DATABASE "d" TEMPLATE "template0" OWNER "o" ALLOW_CONNECTIONS false"#
        );
        let drift =
            ["publicPrivileges.connect", "allowConnections"].map(|field| Drift::plain(field, 1, 2));
        let admin = Ident::new("a").unwrap();
        assert_eq!(
            outside(&database, &wanted, &drift, Some(&admin)).unwrap(),
            [
                r#"GRANT CONNECT ON DATABASE "d" TO "a""#,
                r#"REVOKE CONNECT ON DATABASE "d" FROM PUBLIC"#,
                r#"ALTER DATABASE "d" ALLOW_CONNECTIONS true"#,
            ]
        );
    }

    #[test]
    fn a_locale_provider_the_server_does_not_know_is_refused_before_any_statement() {
        let wanted = DatabaseParameters {
            locale_provider: Some(LocaleProvider::Builtin),
            builtin_locale: Some("C.UTF-8".into()),
            ..DatabaseParameters::default()
        };
        let database = Ident::new("d").unwrap();
        assert!(create(&database, &wanted, &identity(160_000)).is_err());
        assert!(create(&database, &wanted, &identity(170_000)).is_ok());
    }
}
