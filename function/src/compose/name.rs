//! Names: the same for the same claim for ever, within the limits of where they are used.
//!
//! On the server a name is `<namespace>_<environment>_<service>`, and `_<login or group>` where there
//! is more than one. None of the parts contains `_`, so two claims get the same name only if they
//! agree in all of them. In Kubernetes the namespace is given and names begin with
//! `<environment>-<service>`; two claims that agree in these want the same objects, and the API server
//! refuses the second one its objects instead of sharing them.

use sha2::{Digest, Sha256};

/// Longest identifier of `PostgreSQL` in bytes; it cuts longer ones silently.
const LONGEST_IDENTIFIER: usize = 63;
/// Longest Kubernetes name that is also good as a label's value.
const LONGEST_OBJECT: usize = 63;
/// Longest last part that stays readable in a name that had to be cut.
const LONGEST_LAST: usize = 26;

/// Name of a role or database. `PostgreSQL` keeps names that begin with `pg_` to itself; no namespace
/// is empty, so nothing else begins with `_`.
pub(super) fn identifier(parts: &[&str]) -> String {
    match parts {
        ["pg", ..] => shortened(&[&[""], parts].concat(), "_", LONGEST_IDENTIFIER),
        _ => shortened(parts, "_", LONGEST_IDENTIFIER),
    }
}

/// Name of a Kubernetes object.
pub(super) fn object(parts: &[&str]) -> String {
    shortened(parts, "-", LONGEST_OBJECT)
}

/// Name of a Kubernetes object with a limit of its own.
pub(super) fn within(longest: usize, parts: &[&str]) -> String {
    shortened(parts, "-", longest)
}

/// Joins the parts. What is too long is cut and told apart by a hash of the whole; a short last part
/// stays readable.
fn shortened(parts: &[&str], separator: &str, longest: usize) -> String {
    let whole = parts.join(separator);
    if whole.len() <= longest {
        return whole;
    }
    let last = parts
        .last()
        .copied()
        .filter(|last| last.len() <= LONGEST_LAST);
    let tail = match last {
        Some(last) => format!("{separator}{}{separator}{last}", fingerprint(&whole)),
        None => format!("{separator}{}", fingerprint(&whole)),
    };
    let head: String = whole.chars().take(longest - tail.len()).collect();
    format!("{}{tail}", head.trim_end_matches(['-', '_', '.']))
}

/// The first 32 bits of the SHA-256 in hexadecimal.
fn fingerprint(text: &str) -> String {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_is_its_parts() {
        assert_eq!(
            identifier(&["shop", "dev", "user-service"]),
            "shop_dev_user-service"
        );
        assert_eq!(
            object(&["dev", "user-service", "database"]),
            "dev-user-service-database"
        );
    }

    #[test]
    fn a_name_does_not_begin_like_those_of_the_server() {
        assert_eq!(identifier(&["pg", "dev", "orders"]), "_pg_dev_orders");
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_last_part() {
        let service = "s".repeat(63);
        let owners = identifier(&["shop", "dev", &service, "owners"]);
        assert_eq!(owners.len(), 63);
        assert_eq!(
            owners,
            format!("shop_dev_{}_401ac5b7_owners", "s".repeat(38))
        );
    }

    #[test]
    fn long_names_that_differ_only_at_the_end_stay_different() {
        let (one, two) = (
            format!("{}1", "s".repeat(62)),
            format!("{}2", "s".repeat(62)),
        );
        assert_ne!(
            identifier(&["shop", "dev", &one]),
            identifier(&["shop", "dev", &two])
        );
        assert_ne!(
            identifier(&["shop", "dev", &one, "owners"]),
            identifier(&["shop", "dev", &two, "owners"])
        );
    }

    #[test]
    fn claims_that_differ_in_a_part_get_different_names() {
        let names = [
            identifier(&["a-dev", "dev", "b"]),
            identifier(&["a", "dev", "dev-b"]),
            identifier(&["a", "dev", "dev", "b"]),
        ];
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
    }
}
