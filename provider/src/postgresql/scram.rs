//! SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677) as `PostgreSQL` stores them.
//!
//! A verifier is made here and not on the server, so that a password never travels in a statement,
//! where it would reach the server's log. The same arithmetic tells whether a stored verifier was
//! made from a given password.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Iterations of the key derivation when none are asked for, as the server does itself.
pub const ITERATIONS: u32 = 4096;
/// Length of the random salt in bytes, as the server makes it.
pub const SALT_LENGTH: usize = 16;

/// A salted password that proves itself. Neither `Debug` nor any status shows it: it allows guessing.
#[derive(Clone, Eq, PartialEq)]
pub struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: [u8; 32],
    server_key: [u8; 32],
}

impl Verifier {
    /// Derives a verifier from a password and random salt.
    pub fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(&prepared(password), salt, iterations, &mut salted);
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: Sha256::digest(keyed(&salted, b"Client Key")).into(),
            server_key: keyed(&salted, b"Server Key"),
        }
    }

    /// Reads what the server stores; `None` when it is something else, such as an MD5 hash.
    pub fn parse(text: &str) -> Option<Self> {
        let (parameters, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        Some(Self {
            iterations: iterations.parse().ok().filter(|count| *count > 0)?,
            salt: STANDARD.decode(salt).ok()?,
            stored_key: STANDARD.decode(stored_key).ok()?.try_into().ok()?,
            server_key: STANDARD.decode(server_key).ok()?.try_into().ok()?,
        })
    }

    /// True when it was made from this password. Costs as much as a login.
    pub fn matches(&self, password: &[u8]) -> bool {
        Self::derive(password, &self.salt, self.iterations) == *self
    }

    /// As the server stores it and as `PASSWORD '…'` takes it.
    pub fn expose(&self) -> String {
        let [salt, stored, server] = [&self.salt[..], &self.stored_key[..], &self.server_key[..]]
            .map(|bytes| STANDARD.encode(bytes));
        format!("SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(sensitive)")
    }
}

/// `SASLprep`; a password it refuses is used as it is, as clients and server agree.
fn prepared(password: &[u8]) -> Vec<u8> {
    let prepared = std::str::from_utf8(password)
        .ok()
        .and_then(|text| stringprep::saslprep(text).ok());
    prepared.map_or_else(|| password.to_vec(), |text| text.into_owned().into_bytes())
}

fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Salt and iterations of the example in RFC 7677; the keys belong to password `pencil`.
    const RFC_7677: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn the_example_of_the_standard_is_reproduced() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(Verifier::derive(b"pencil", &salt, 4096).expose(), RFC_7677);
    }

    #[test]
    fn a_verifier_knows_its_password_and_no_other() {
        let verifier = Verifier::parse(RFC_7677).unwrap();
        assert!(verifier.matches(b"pencil"));
        assert!(!verifier.matches(b"pencils"));
        assert_eq!(verifier.expose(), RFC_7677);
    }

    #[test]
    fn a_password_is_prepared_as_clients_prepare_it() {
        let verifier = Verifier::derive("I\u{00AD}X \u{00A0}\u{2168}".as_bytes(), b"salt", 1);
        assert!(verifier.matches("IX  IX".as_bytes()));
        assert!(Verifier::derive(b"\xff\x07", b"salt", 1).matches(b"\xff\x07"));
    }

    #[test]
    fn anything_else_is_not_a_verifier() {
        for other in [
            "",
            "md5",
            "SCRAM-SHA-256$x:y$z",
            "SCRAM-SHA-256$0:c2FsdA==$AA==:AA==",
            "pencil",
        ] {
            assert!(Verifier::parse(other).is_none(), "{other}");
        }
        assert_eq!(
            format!("{:?}", Verifier::parse(RFC_7677).unwrap()),
            "Verifier(sensitive)"
        );
    }
}
