//! Mounts and paths as Vault's router reads them.
//!
//! The client library drops `.` and `..` segments silently and Vault redirects to the cleaned path, so
//! a careless path would be answered for another one. `*` and `+` are wildcards in a policy.

use super::error::Error;

/// Returns the path if it means what it says. `field` is the name of the field for messages.
pub(super) fn checked<'a>(field: &str, path: &'a str) -> Result<&'a str, Error> {
    if path.split('/').all(is_segment) {
        Ok(path)
    } else {
        Err(Error::Config {
            cause: format!(
                "{field} {path:?} has an empty segment, a dot segment, a wildcard or a control character"
            ),
            remedy: "write it as segments between single slashes",
        })
    }
}

fn is_segment(segment: &str) -> bool {
    let is_forbidden = |letter: char| letter.is_control() || letter == '*' || letter == '+';
    !matches!(segment, "" | "." | "..")
        && segment.trim() == segment
        && !segment.contains(is_forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_never_another_one_than_asked_for() {
        let good = [
            "a",
            "a/b",
            "infrastructure/databases/dev/orders",
            "ü/x#y?z",
            "a b/c",
            "..a/b..",
            "%2f",
        ];
        let bad = [
            "", "/a", "a/", "a//b", "../sys", "a/./b", "a/..", "a/*", "+/a", " a", "a /b", "a\n",
            "a/\u{0}",
        ];
        for path in good {
            assert!(checked("path", path).is_ok(), "{path:?}");
        }
        for path in bad {
            assert!(checked("path", path).is_err(), "{path:?}");
        }
    }
}
