//! Comparing and writing the configuration parameters of a role or a database.

use std::collections::BTreeSet;

use managed::{
    drift::{Drift, Shown},
    external::ExternalError,
};

use super::ConfigurationParameter;
use crate::postgresql::sql::{Ident, Literal};

/// What drift and ledger entries about parameters start with.
pub const FIELD: &str = "configurationParameters.";

/// Parameters whose value is a list of names that the server quotes anew when it stores it.
const LISTS_OF_NAMES: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Reads entries such as `work_mem=8MB`, as `pg_db_role_setting` has them. Values may contain `=`.
pub fn read(entries: &[String]) -> Vec<ConfigurationParameter> {
    let entries = entries.iter().filter_map(|entry| entry.split_once('='));
    entries
        .map(|(name, value)| ConfigurationParameter::new(name, value))
        .collect()
}

/// Ledger entries for parameters.
pub fn ledger(wanted: &[ConfigurationParameter]) -> impl Iterator<Item = String> {
    wanted
        .iter()
        .map(|parameter| format!("{FIELD}{}", parameter.name))
}

/// Parameters that differ, and those of the ledger that left the spec but are still set.
pub fn drift(
    wanted: &[ConfigurationParameter],
    found: &[ConfigurationParameter],
    ledger: &BTreeSet<String>,
) -> Vec<Drift> {
    let differing = wanted.iter().filter_map(|parameter| {
        let observed = find(found, &parameter.name);
        let same = observed.is_some_and(|observed| is_same(parameter, observed));
        (!same).then(|| Drift {
            field: format!("{FIELD}{}", parameter.name),
            desired: Shown::plain(&parameter.value),
            observed: observed.map_or_else(Shown::absent, |observed| Shown::plain(&observed.value)),
        })
    });
    let left = ledger
        .iter()
        .filter_map(|entry| entry.strip_prefix(FIELD))
        .filter_map(|name| {
            let observed = find(found, name).filter(|_| find(wanted, name).is_none())?;
            let field = format!("{FIELD}{name}");
            Some(Drift {
                field,
                desired: Shown::absent(),
                observed: Shown::plain(&observed.value),
            })
        });
    differing.chain(left).collect()
}

/// The statement that brings one parameter in line. `subject` is such as `ROLE "app"`.
pub fn statement(
    subject: &str,
    name: &str,
    wanted: &[ConfigurationParameter],
) -> Result<String, ExternalError> {
    let parts: Vec<_> = name.split('.').map(Ident::new).collect::<Result<_, _>>()?;
    let quoted = parts
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(".");
    let Some(parameter) = find(wanted, name) else {
        return Ok(format!("ALTER {subject} RESET {quoted}"));
    };
    let values: Vec<_> = values(parameter)
        .iter()
        .map(|value| Literal::new(value))
        .collect::<Result<_, _>>()?;
    let values = values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    Ok(format!("ALTER {subject} SET {quoted} TO {values}"))
}

fn find<'a>(
    parameters: &'a [ConfigurationParameter],
    name: &str,
) -> Option<&'a ConfigurationParameter> {
    parameters
        .iter()
        .find(|parameter| parameter.name.eq_ignore_ascii_case(name))
}

fn is_same(wanted: &ConfigurationParameter, found: &ConfigurationParameter) -> bool {
    values(wanted) == values(found)
}

fn values(parameter: &ConfigurationParameter) -> Vec<String> {
    let is_list = LISTS_OF_NAMES
        .iter()
        .any(|name| parameter.name.eq_ignore_ascii_case(name));
    if is_list {
        elements(&parameter.value)
    } else {
        vec![parameter.value.clone()]
    }
}

/// The elements of a list of names; commas inside double quotes do not separate.
fn elements(list: &str) -> Vec<String> {
    let mut elements = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = list.trim().chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                push(&mut elements, '"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => elements.push(String::new()),
            space if space.is_whitespace() && !is_quoted => {}
            other => push(&mut elements, other),
        }
    }
    elements
}

fn push(elements: &mut [String], character: char) {
    elements
        .last_mut()
        .expect("a list starts with one element")
        .push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, value: &str) -> ConfigurationParameter {
        ConfigurationParameter::new(name, value)
    }

    #[test]
    fn a_value_may_contain_the_equals_sign() {
        assert_eq!(
            read(&["app.x=a=b=c d".into()]),
            [parameter("app.x", "a=b=c d")]
        );
    }

    #[test]
    fn lists_of_names_are_compared_by_element() {
        let wanted = [parameter("search_path", r#""$user",public, "we,ird""#)];
        let stored = [parameter("search_path", r#""$user", public, "we,ird""#)];
        assert_eq!(drift(&wanted, &stored, &BTreeSet::new()), []);
        let sql = statement("ROLE r", "search_path", &wanted).unwrap();
        assert_eq!(
            sql,
            r#"ALTER ROLE r SET "search_path" TO '$user', 'public', 'we,ird'"#
        );
    }

    #[test]
    fn an_empty_list_is_one_empty_name() {
        let wanted = [parameter("search_path", "")];
        assert_eq!(
            drift(
                &wanted,
                &[parameter("search_path", r#""""#)],
                &BTreeSet::new()
            ),
            []
        );
        assert_eq!(
            statement("ROLE r", "search_path", &wanted).unwrap(),
            r#"ALTER ROLE r SET "search_path" TO ''"#
        );
    }

    #[test]
    fn what_left_the_spec_is_reset_and_what_was_never_ours_stays() {
        let found = [parameter("work_mem", "8MB"), parameter("TimeZone", "UTC")];
        let ledger = [format!("{FIELD}work_mem")].into();
        let drift = drift(&[], &found, &ledger);
        assert_eq!(drift.len(), 1);
        assert_eq!(drift[0].field, "configurationParameters.work_mem");
        assert_eq!(
            statement("DATABASE d", "work_mem", &[]).unwrap(),
            r#"ALTER DATABASE d RESET "work_mem""#
        );
    }

    #[test]
    fn everything_else_is_one_literal() {
        let wanted = [parameter("app.list", "a, 'b'")];
        let sql = statement("ROLE r", "app.list", &wanted).unwrap();
        assert_eq!(sql, r#"ALTER ROLE r SET "app"."list" TO 'a, ''b'''"#);
    }
}
