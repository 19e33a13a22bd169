//! What an answer of Vault means, told from status and body together. Pure.
//!
//! | status | body | meaning |
//! |---|---|---|
//! | 404 | `errors` name a route | nothing is mounted there |
//! | 404 | any other JSON | there is nothing, or nothing any more |
//! | 3xx | - | a standby that does not forward |
//! | 400 | check-and-set | somebody else has written |
//! | 403 | - | a policy refuses, or the token is dead |
//! | 412, 429 | - | wait |
//! | 413; 500 | too large | the value is too large |
//! | 503 | sealed | sealed |
//! | 501, 503 | - | not able to serve |
//! | 502, 504 | - | a proxy does not know what happened |

use std::time::Duration;

use reqwest::{
    Url,
    header::{HeaderMap, LOCATION, RETRY_AFTER},
};
use serde_json::Value;

use super::{
    call::{Call, Reply},
    error::{Error, words},
};

/// Wait for a standby that has not seen the last write yet.
const CATCH_UP: Duration = Duration::from_secs(1);

/// The head of an answer, and what was asked.
pub(super) struct Answer<'a> {
    /// Address of the server.
    pub(super) address: &'a Url,
    /// What was asked.
    pub(super) call: &'a Call,
    /// HTTP status.
    pub(super) status: u16,
    /// HTTP headers.
    pub(super) headers: &'a HeaderMap,
}

impl Answer<'_> {
    /// The reply, or why there is none.
    pub(super) fn classify(&self, body: &[u8]) -> Result<Reply, Error> {
        let parsed = serde_json::from_slice::<Value>(body).ok();
        match (self.status, parsed) {
            (200..=299, None) if body.is_empty() => Ok(reply(false, Value::Null)),
            (200..=299, Some(body)) => Ok(reply(false, body)),
            (200..=299, None) => Err(Error::Garbled {
                operation: self.call.operation(),
            }),
            (404, Some(body)) if !is_unrouted(&body) => Ok(reply(true, body)),
            (_, body) => Err(self.failure(body.as_ref())),
        }
    }

    fn failure(&self, body: Option<&Value>) -> Error {
        let operation = self.call.operation();
        let address = self.address.as_str().trim_end_matches('/').to_owned();
        let cause = self.cause(body);
        match self.status {
            404 if body.is_some_and(is_unrouted) => self.unmounted(),
            301..=308 => self.redirected(address),
            400 if cause.contains("check-and-set parameter did not match") => Error::CheckAndSet {
                path: self.call.path.clone(),
            },
            403 => Error::Denied {
                operation,
                cause,
                policy: self.call.policy(),
            },
            412 => Error::Throttled {
                retry_after: Some(CATCH_UP),
                cause,
            },
            429 => Error::Throttled {
                retry_after: self.retry_after(),
                cause,
            },
            413 => Error::TooLarge { operation, cause },
            500 if cause.contains("too large") => Error::TooLarge { operation, cause },
            503 if is_sealed(body) => Error::Sealed { address },
            502 | 504 if self.call.verb.changes() => Error::Lost {
                address,
                operation,
                cause,
            },
            501..=504 => Error::Unavailable {
                address,
                operation,
                cause,
            },
            status => Error::Refused {
                operation,
                status,
                cause,
            },
        }
    }

    fn cause(&self, body: Option<&Value>) -> String {
        let text = words(&errors(body));
        if text.is_empty() {
            format!("status {}", self.status)
        } else {
            text
        }
    }

    fn unmounted(&self) -> Error {
        Error::Mount {
            cause: format!("nothing is mounted at the beginning of {}", self.call.path),
            remedy: "enable the engine there, or correct mount",
        }
    }

    fn redirected(&self, address: String) -> Error {
        let location = self.headers.get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| self.address.join(location).ok());
        let location = target.map_or_else(
            || "nowhere".into(),
            |url| url.origin().ascii_serialization(),
        );
        Error::Redirected { address, location }
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        seconds.trim().parse().ok().map(Duration::from_secs)
    }
}

fn reply(not_found: bool, body: Value) -> Reply {
    Reply { not_found, body }
}

fn errors(body: Option<&Value>) -> Vec<String> {
    let errors = body.and_then(|body| body["errors"].as_array());
    let texts = errors.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn is_unrouted(body: &Value) -> bool {
    let errors = errors(Some(body));
    errors
        .iter()
        .any(|error| error.contains("no handler for route"))
}

/// The health API says it in its own way.
fn is_sealed(body: Option<&Value>) -> bool {
    let says = |error: &String| error.to_lowercase().contains("sealed");
    errors(body).iter().any(says) || body.is_some_and(|body| body["sealed"] == true)
}

#[cfg(test)]
mod tests {
    use managed::external::ExternalError;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn answer(call: &Call, status: u16, headers: &HeaderMap, body: &str) -> Result<Reply, Error> {
        let address = &Url::parse("https://vault:8200").unwrap();
        Answer {
            address,
            call,
            status,
            headers,
        }
        .classify(body.as_bytes())
    }

    #[rstest]
    #[case(
        400,
        r#"{"errors":["check-and-set parameter did not match the current version"]}"#,
        "other"
    )]
    #[case(400, r#"{"errors":["missing client token"]}"#, "other")]
    #[case(403, r#"{"errors":["permission denied"]}"#, "denied")]
    #[case(
        404,
        r#"{"errors":["no handler for route \"x\". route entry not found."]}"#,
        "invalid"
    )]
    #[case(404, "<html>not found</html>", "other")]
    #[case(412, r#"{"errors":["required index state not present"]}"#, "throttled")]
    #[case(413, "", "invalid")]
    #[case(
        429,
        r#"{"errors":["request path x: rate limit quota exceeded"]}"#,
        "throttled"
    )]
    #[case(
        500,
        r#"{"errors":["put failed due to value being too large"]}"#,
        "invalid"
    )]
    #[case(500, r#"{"errors":["internal error"]}"#, "other")]
    #[case(502, "<html>bad gateway</html>", "unknown_outcome")]
    #[case(503, r#"{"errors":["Vault is sealed"]}"#, "unreachable")]
    #[case(503, r#"{"sealed":true}"#, "unreachable")]
    #[case(501, r#"{"initialized":false}"#, "unreachable")]
    #[case(307, "", "unreachable")]
    #[case(200, "<html>captive portal</html>", "other")]
    fn every_answer_has_its_class(#[case] status: u16, #[case] body: &str, #[case] class: &str) {
        let call = Call::post("secret/data/a", &json!({}));
        let error = answer(&call, status, &HeaderMap::new(), body).unwrap_err();
        assert_eq!(ExternalError::from(error).class(), class);
    }

    #[rstest]
    #[case(200, r#"{"data":{"a":1}}"#, false)]
    #[case(204, "", false)]
    #[case(404, r#"{"errors":[]}"#, true)]
    #[case(404, r#"{"data":{"data":null,"metadata":{"version":3}}}"#, true)]
    fn success_and_absence_are_replies(
        #[case] status: u16,
        #[case] body: &str,
        #[case] not_found: bool,
    ) {
        let call = Call::get("secret/data/a");
        let reply = answer(&call, status, &HeaderMap::new(), body).unwrap();
        assert_eq!(reply.not_found, not_found);
    }

    #[test]
    fn a_redirect_names_the_host_and_is_not_followed() {
        let headers =
            HeaderMap::from_iter([(LOCATION, "https://active:8200/v1/x?y".parse().unwrap())]);
        let error = answer(&Call::get("x"), 307, &headers, "").unwrap_err();
        let text = ExternalError::from(error).to_string();
        assert_eq!(
            text,
            "vault at https://vault:8200 redirects to https://active:8200; set address to the active server"
        );
    }

    #[test]
    fn a_quota_says_how_long_to_wait() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "7".parse().unwrap())]);
        let error = answer(&Call::get("x"), 429, &headers, "{}").unwrap_err();
        assert!(
            matches!(error, Error::Throttled { retry_after: Some(wait), .. } if wait.as_secs() == 7)
        );
    }

    #[test]
    fn what_a_lost_answer_means_depends_on_the_request() {
        let read = answer(&Call::get("x"), 504, &HeaderMap::new(), "").unwrap_err();
        assert_eq!(ExternalError::from(read).class(), "unreachable");
    }
}
