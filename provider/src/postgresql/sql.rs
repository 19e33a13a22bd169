//! Names and values as SQL text.
//!
//! `PostgreSQL`'s DDL takes no parameters, so statements are written out. The only ways a value gets
//! into one are [`Ident`] and [`Literal`], which quote it; a name the server would cut at 63 bytes is
//! refused, because it would then be another name.

use std::fmt;

use managed::external::ExternalError;
use postgres_protocol::escape::{escape_identifier, escape_literal};

/// Longest name the server keeps, in bytes.
pub const LONGEST_NAME: usize = 63;

/// A name, quoted.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ident(String);

impl Ident {
    /// Quotes a name that exists already or is about to be made.
    pub fn new(name: &str) -> Result<Self, ExternalError> {
        if let Some(cause) = unusable(name) {
            return Err(ExternalError::invalid(
                format!("name {name:?} {cause}"),
                "choose another name",
            ));
        }
        Ok(Self(escape_identifier(name)))
    }

    /// Quotes the name of a role that is about to be made.
    pub fn of_new_role(name: &str) -> Result<Self, ExternalError> {
        if name.starts_with("pg_") || matches!(name, "public" | "none") {
            let cause = format!("role name {name:?} is reserved by PostgreSQL");
            return Err(ExternalError::invalid(cause, "choose another name"));
        }
        Self::new(name)
    }
}

fn unusable(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > LONGEST_NAME {
        Some("is longer than 63 bytes")
    } else if name.contains('\0') {
        Some("contains a zero byte")
    } else {
        None
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A string value, quoted. `Debug` shows nothing, because a verifier is one too.
#[derive(Clone, Eq, PartialEq)]
pub struct Literal(String);

impl Literal {
    /// Quotes a value.
    pub fn new(value: &str) -> Result<Self, ExternalError> {
        if value.contains('\0') {
            return Err(ExternalError::invalid(
                "a value contains a zero byte",
                "remove the zero byte",
            ));
        }
        // escape_literal prepends a space to a literal with backslashes.
        Ok(Self(escape_literal(value).trim_start().to_owned()))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(literal)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_the_server_would_change_are_refused() {
        assert!(Ident::new(&"a".repeat(63)).is_ok());
        assert!(Ident::new(&"ä".repeat(31)).is_ok());
        for refused in ["", "a\0b", &"a".repeat(64), &"ä".repeat(32)] {
            assert!(
                matches!(Ident::new(refused), Err(ExternalError::Invalid(_))),
                "{refused:?}"
            );
        }
        for reserved in ["pg_x", "public", "none"] {
            assert!(Ident::of_new_role(reserved).is_err(), "{reserved}");
        }
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(Ident::new(r#"we"ird"#).unwrap().to_string(), r#""we""ird""#);
        assert_eq!(Literal::new("it's").unwrap().to_string(), "'it''s'");
        assert_eq!(Literal::new(r"a\b").unwrap().to_string(), r"E'a\\b'");
    }

    #[test]
    fn a_literal_never_shows_what_it_holds() {
        assert_eq!(
            format!("{:?}", Literal::new("hunter2").unwrap()),
            "(literal)"
        );
    }

    /// Reads a quoted token back the way the server's scanner does.
    fn unquote(text: &str, quote: char) -> Option<String> {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        let doubled = format!("{quote}{quote}");
        let rest = inner.replace(&doubled, "");
        (!rest.contains(quote)).then(|| inner.replace(&doubled, &quote.to_string()))
    }

    proptest! {
        #[test]
        fn every_name_reads_back_as_itself(name in "[^\0]{1,15}") {
            let quoted = Ident::new(&name).unwrap().to_string();
            prop_assert_eq!(unquote(&quoted, '"'), Some(name));
        }

        #[test]
        fn every_value_reads_back_as_itself(value in "[^\0]{0,40}") {
            let quoted = Literal::new(&value).unwrap().to_string();
            let read = match quoted.strip_prefix('E') {
                Some(escaped) => unquote(escaped, '\'').map(|text| text.replace(r"\\", r"\")),
                None => unquote(&quoted, '\''),
            };
            prop_assert_eq!(read, Some(value));
        }
    }
}
