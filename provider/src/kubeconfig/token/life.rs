//! Is a token still good for a while? Pure.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use managed::input::Value;

use super::claims;

/// How much of a token's life may pass before it is renewed, in percent.
const RENEWED_AT: i64 = 80;

/// When the token must be renewed; `None` when it is not this account's, has no end, or tells
/// nothing: then it must be replaced at once.
pub fn due(token: &Value, namespace: &str, name: &str, uid: &str) -> Option<Timestamp> {
    let claims = claims(token);
    let account = (namespace.to_owned(), name.to_owned(), uid.to_owned());
    if claims.account != Some(account) {
        return None;
    }
    let (issued, expires) = (claims.issued?.as_second(), claims.expires?.as_second());
    let life = expires.checked_sub(issued).filter(|life| *life > 0)?;
    Timestamp::from_second(issued + life * RENEWED_AT / 100).ok()
}

/// How long until then; nothing when it is over.
pub fn left(due: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(due.duration_since(now))
        .ok()
        .filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn token(issued: i64, expires: i64) -> Value {
        let payload = format!(
            r#"{{"iat":{issued},"exp":{expires},"kubernetes.io":{{"namespace":"a","serviceaccount":{{"name":"b","uid":"c"}}}}}}"#
        );
        Value::from(format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(payload)))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_renewed_when_four_fifths_of_its_life_are_over() {
        let due = due(&token(1000, 2000), "a", "b", "c").unwrap();
        assert_eq!(due, at(1800));
        assert_eq!(left(due, at(1790)), Some(Duration::from_secs(10)));
        assert_eq!(left(due, at(1800)), None);
        assert_eq!(left(due, at(9000)), None);
    }

    #[test]
    fn a_token_of_an_account_that_was_made_again_is_replaced_at_once() {
        for (namespace, name, uid) in [("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x")] {
            assert_eq!(due(&token(1000, 2000), namespace, name, uid), None);
        }
        assert_eq!(due(&Value::from("opaque"), "a", "b", "c"), None);
        assert_eq!(due(&token(2000, 1000), "a", "b", "c"), None);
    }
}
