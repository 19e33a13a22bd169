//! The password of a role: which one is wanted, and whether the server has it.
//!
//! Where the administrator may read verifiers, the wanted password is compared with the server's
//! verifier. Elsewhere a login with it is the proof, repeated every few minutes and when anything else about
//! the role has changed.

use std::time::Duration;

use managed::{
    connection::ConnectionDetails,
    drift::SENSITIVE,
    external::{Desired, ExternalError},
    input::Value,
};
use rand::RngExt;

use super::{PasswordState, Role, RoleObservation, catalog::Catalog};
use crate::postgresql::{
    proof::LOGIN_HOLDS,
    scram::{self, Verifier},
    session::Session,
    sql::Literal,
    sqlstate::Error,
};

/// Key of the password in the connection Secret.
pub(super) const KEY: &str = "password";
/// Length of a generated password; 32 letters and digits are 190 bits.
const LENGTH: usize = 32;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The password a role is to have.
#[derive(Debug)]
pub(super) enum Wanted<'a> {
    /// It is none of our business.
    Unmanaged,
    /// A password in clear.
    Plain(&'a Value),
    /// A verifier or hash, stored as it is.
    Verbatim(&'a Value),
    /// One has to be generated and stored first.
    Generated,
}

impl<'a> Wanted<'a> {
    /// A referenced password comes first; a role that may log in and has a connection Secret gets one
    /// generated; any other role's password is left alone.
    pub(super) fn of(desired: &'a Desired<Role>) -> Result<Self, ExternalError> {
        if let Some(reference) = &desired.parameters.password_secret_ref {
            return match desired.inputs.secret(reference) {
                None => Ok(Self::Unmanaged),
                Some(value) if value.expose().is_empty() => Err(ExternalError::invalid(
                    "the password in passwordSecretRef is empty",
                    "put a password into the Secret",
                )),
                Some(value) => Ok(if is_encoded(value) {
                    Self::Verbatim(value)
                } else {
                    Self::Plain(value)
                }),
            };
        }
        let logs_in = desired.parameters.privileges.login == Some(true);
        if !logs_in || desired.connection.is_none() {
            return Ok(Self::Unmanaged);
        }
        let stored = desired
            .stored(KEY)
            .filter(|value| !value.expose().is_empty());
        Ok(stored.map_or(Self::Generated, Self::Plain))
    }

    /// What `PASSWORD` takes, with fresh salt.
    pub(super) fn literal(&self) -> Result<Option<Literal>, ExternalError> {
        match self {
            Self::Unmanaged => Ok(None),
            Self::Verbatim(value) => Literal::new(value.expose_str().unwrap_or_default()).map(Some),
            Self::Plain(value) => {
                let mut salt = [0; scram::SALT_LENGTH];
                rand::rng().fill(&mut salt);
                Literal::new(&Verifier::derive(value.expose(), &salt, scram::ITERATIONS).expose())
                    .map(Some)
            }
            Self::Generated => Err(ExternalError::invalid(
                "the generated password is not stored in the connection Secret",
                "check writeConnectionSecretToRef",
            )),
        }
    }

    /// What stands for the verifier where a statement is shown.
    pub(super) fn masked(&self) -> Result<Option<Literal>, ExternalError> {
        match self {
            Self::Unmanaged => Ok(None),
            _ => Literal::new(SENSITIVE).map(Some),
        }
    }

    /// What an application needs to log in.
    pub(super) fn details(&self) -> ConnectionDetails {
        match self {
            Self::Plain(value) => ConnectionDetails::none().with(KEY, (*value).clone()),
            _ => ConnectionDetails::none(),
        }
    }
}

/// A new password.
pub(super) fn generate() -> Value {
    let mut random = rand::rng();
    let characters =
        (0..LENGTH).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]));
    Value::from(characters.collect::<String>())
}

fn is_encoded(value: &Value) -> bool {
    let Some(text) = value.expose_str() else {
        return false;
    };
    let md5 = text
        .strip_prefix("md5")
        .is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
    md5 || Verifier::parse(text).is_some()
}

/// Whether the server has the wanted password; `None` when none is wanted. `shown` is what the status shows
/// of what was found.
pub(super) async fn judge(
    session: &Session,
    role: &str,
    wanted: &Wanted<'_>,
    found: &Catalog,
    shown: &RoleObservation,
) -> Option<PasswordState> {
    match wanted {
        Wanted::Unmanaged => None,
        Wanted::Generated => Some(PasswordState::Missing),
        _ if session.identity().reads_verifiers => Some(compare(session, role, wanted, found)),
        Wanted::Verbatim(_) => Some(PasswordState::Unknown),
        // An expired password is refused however right it is.
        Wanted::Plain(_) if found.is_expired || found.privileges.login != Some(true) => {
            Some(PasswordState::Unknown)
        }
        Wanted::Plain(password) => Some(log_in(session, role, password, shown).await),
    }
}

fn compare(session: &Session, role: &str, wanted: &Wanted<'_>, found: &Catalog) -> PasswordState {
    let Some(stored) = &found.verifier else {
        return PasswordState::Missing;
    };
    let is_same = match wanted {
        Wanted::Verbatim(value) => *value == stored,
        Wanted::Plain(password) => {
            let evidence = [stored.expose(), password.expose()];
            if let Some(state) = session.proofs().recall(role, &evidence, Duration::MAX) {
                return state;
            }
            let verifier = stored.expose_str().and_then(Verifier::parse);
            let is_same = verifier.is_some_and(|verifier| verifier.matches(password.expose()));
            session.proofs().remember(role, &evidence, verdict(is_same));
            is_same
        }
        Wanted::Unmanaged | Wanted::Generated => false,
    };
    verdict(is_same)
}

fn verdict(is_same: bool) -> PasswordState {
    if is_same {
        PasswordState::Verified
    } else {
        PasswordState::Differs
    }
}

/// Whoever changed something else about the role may have changed the password with it, so a login holds
/// for the role as it was only.
async fn log_in(
    session: &Session,
    role: &str,
    password: &Value,
    shown: &RoleObservation,
) -> PasswordState {
    let shown = serde_json::to_vec(shown).unwrap_or_default();
    let evidence = [b"login", password.expose(), &shown];
    if let Some(state) = session.proofs().recall(role, &evidence, LOGIN_HOLDS) {
        return state;
    }
    let state = match session.log_in(role, password).await {
        Ok(()) => PasswordState::LoggedIn,
        Err(error) => refusal(&error),
    };
    session.proofs().remember(role, &evidence, state);
    state
}

/// Most refusals come after the password was found right.
fn refusal(error: &Error) -> PasswordState {
    let Error::Refused { state, message, .. } = error else {
        return PasswordState::Unknown;
    };
    match state.code() {
        "28P01" => PasswordState::Differs,
        "3D000" | "42501" | "53300" => PasswordState::LoggedIn,
        "28000" if message.contains("not permitted to log in") => PasswordState::LoggedIn,
        _ => PasswordState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_long_and_never_the_same() {
        let (one, other) = (generate(), generate());
        assert_eq!(one.expose().len(), LENGTH);
        assert_ne!(one, other);
        assert!(one.expose().iter().all(u8::is_ascii_alphanumeric));
    }

    #[test]
    fn verifiers_and_hashes_are_recognised() {
        let verifier = Verifier::derive(b"p", b"salt", 1).expose();
        for (text, expected) in [
            (verifier.as_str(), true),
            ("md5d41d8cd98f00b204e9800998ecf8427e", true),
            ("md5sum", false),
            ("SCRAM-SHA-256$", false),
            ("hunter2", false),
        ] {
            assert_eq!(is_encoded(&Value::from(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_statement_holds_a_verifier_and_not_the_password() {
        let password = Value::from("hunter2");
        let literal = Wanted::Plain(&password)
            .literal()
            .unwrap()
            .unwrap()
            .to_string();
        assert!(literal.starts_with("'SCRAM-SHA-256$4096:"), "{literal}");
        let verifier = Verifier::parse(literal.trim_matches('\'')).unwrap();
        assert!(verifier.matches(b"hunter2"));
    }
}
