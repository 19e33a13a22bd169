//! Text with placeholders: `{{ key }}` and `{{ key | urlencode }}`.
//!
//! Strict: an unknown key, an unknown filter or an open placeholder is an error that names it and
//! never a value. Nothing else is special, so what is outside of `{{ }}` is taken as it is.

/// What is wrong with a template.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// A `{{` without `}}`.
    #[error("a placeholder is not closed")]
    Open,
    /// A placeholder without a name.
    #[error("a placeholder is empty")]
    Empty,
    /// No such key.
    #[error("there is no key {0:?}")]
    UnknownKey(String),
    /// No such filter.
    #[error("there is no filter {0:?}")]
    UnknownFilter(String),
}

/// One piece of a template.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Piece<'a> {
    Text(&'a str),
    Placeholder {
        key: &'a str,
        filter: Option<&'a str>,
    },
}

/// Fills in a template. `value` gives the value of a key.
pub(crate) fn render<'v>(
    template: &str,
    value: impl Fn(&str) -> Option<&'v str>,
) -> Result<String, Error> {
    let mut text = String::with_capacity(template.len());
    for piece in parse(template)? {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Placeholder { key, filter } => {
                let value = value(key).ok_or_else(|| Error::UnknownKey(key.to_owned()))?;
                match filter {
                    None => text.push_str(value),
                    Some("urlencode") => urlencode(value, &mut text),
                    Some(other) => return Err(Error::UnknownFilter(other.to_owned())),
                }
            }
        }
    }
    Ok(text)
}

fn parse(template: &str) -> Result<Vec<Piece<'_>>, Error> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((plain, opened)) = rest.split_once("{{") {
        let (inside, after) = opened.split_once("}}").ok_or(Error::Open)?;
        pieces.push(Piece::Text(plain));
        pieces.push(placeholder(inside)?);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn placeholder(inside: &str) -> Result<Piece<'_>, Error> {
    let (key, filter) = match inside.split_once('|') {
        Some((key, filter)) => (key.trim(), Some(filter.trim())),
        None => (inside.trim(), None),
    };
    match key {
        "" => Err(Error::Empty),
        key => Ok(Piece::Placeholder { key, filter }),
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, so that the value is safe in
/// every part of a URL.
fn urlencode(value: &str, text: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(byte.into());
            }
            _ => {
                text.push('%');
                text.extend(
                    [byte >> 4, byte & 0xf]
                        .map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn value(key: &str) -> Option<&'static str> {
        match key {
            "user" => Some("app"),
            "pass-word" => Some("p@ss/w:rd+% ü"),
            _ => None,
        }
    }

    #[rstest]
    #[case("plain } text { here", "plain } text { here")]
    #[case("{{ user }}", "app")]
    #[case("{{user}}:{{ user }}", "app:app")]
    #[case("{{ pass-word | urlencode }}", "p%40ss%2Fw%3Ard%2B%25%20%C3%BC")]
    #[case("{{pass-word|urlencode}}@", "p%40ss%2Fw%3Ard%2B%25%20%C3%BC@")]
    fn placeholders_are_filled_in(#[case] template: &str, #[case] expected: &str) {
        assert_eq!(render(template, value).unwrap(), expected);
    }

    #[rstest]
    #[case("{{ user", Error::Open)]
    #[case("{{ }}", Error::Empty)]
    #[case("{{ nobody }}", Error::UnknownKey("nobody".into()))]
    #[case("{{ user | upper }}", Error::UnknownFilter("upper".into()))]
    fn what_is_not_understood_is_an_error(#[case] template: &str, #[case] expected: Error) {
        assert_eq!(render(template, value).unwrap_err(), expected);
    }

    proptest! {
        #[test]
        fn an_encoded_password_is_read_back_from_a_url_as_it_was(password in "\\PC*") {
            let url = render("postgresql://app:{{ p | urlencode }}@host:5432/db", |_| Some(password.as_str())).unwrap();
            let config: tokio_postgres::Config = url.parse().unwrap();
            let read = config.get_password().unwrap_or_default();
            prop_assert_eq!(read, password.as_bytes());
        }

        #[test]
        fn text_without_placeholders_stays_as_it_is(text in "[^{]*") {
            prop_assert_eq!(render(&text, |_| None).unwrap(), text);
        }
    }
}
