//! Tokens of `ServiceAccount`s in a cluster, requested when they are needed.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, api::PostParams};
use managed::input::Value;
use serde_json::Value as Json;

use super::{
    client::within,
    error::{Error, Reason},
};
use crate::patience::Patience;

mod life;
mod proven;

pub use life::{due, left};
pub use proven::proven;

/// A token and until when it is good, as the server says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// The token.
    pub token: Value,
    /// Until when; the server may grant less than was asked for.
    pub expires: Timestamp,
}

/// Requests a token. An empty `audiences` is the API server's own. `seconds` is at least 600. Needs
/// `create` on `serviceaccounts/token`.
///
/// # Errors
/// [`Error::Call`]; [`Reason::NotFound`] when there is no such account.
pub async fn request(
    client: &Client,
    (namespace, name): (&str, &str),
    audiences: Vec<String>,
    seconds: i64,
) -> Result<Token, Error> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences,
            expiration_seconds: Some(seconds),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let operation = format!("request a token of ServiceAccount {namespace}/{name}");
    let parameters = PostParams::default();
    let call = api.create_token_request(name, &parameters, &request);
    let answer = within(&operation, call).await?;
    let status = answer.status.ok_or_else(|| Error::Call {
        operation,
        reason: Reason::ServerError,
        cause: "the server issued none".into(),
        may_have_happened: false,
    })?;
    Ok(Token {
        token: Value::from(status.token),
        expires: status.expiration_timestamp.0,
    })
}

/// Requests a token for the API server itself, of an account that may be made at this moment: it is asked
/// for again for a second and a half. As [`request`] otherwise.
///
/// # Errors
/// As [`request`].
pub async fn request_patiently(
    client: &Client,
    account: (&str, &str),
    seconds: i64,
) -> Result<Token, Error> {
    let mut patience = Patience::new();
    loop {
        match request(client, account, Vec::new(), seconds).await {
            Err(error) if error.is(Reason::NotFound) && patience.is_left().await => {}
            answer => return answer,
        }
    }
}

/// What a `ServiceAccount` token says about itself. Nothing is verified: the server does that.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Claims {
    /// Since when it is good.
    pub issued: Option<Timestamp>,
    /// Until when it is good; `None` for a token without end.
    pub expires: Option<Timestamp>,
    /// Namespace, name and UID of the `ServiceAccount`.
    pub account: Option<(String, String, String)>,
}

/// Reads a token; empty claims when it is no JSON web token.
pub fn claims(token: &Value) -> Claims {
    let payload = token.expose_str().and_then(|token| token.split('.').nth(1));
    let bytes = payload.and_then(|payload| BASE64_URL_SAFE_NO_PAD.decode(payload).ok());
    let json = bytes.and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
    let json = json.unwrap_or_default();
    let time = |claim: &str| Timestamp::from_second(json[claim].as_i64()?).ok();
    let kubernetes = &json["kubernetes.io"];
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let account = (|| {
        let account = &kubernetes["serviceaccount"];
        Some((
            text(&kubernetes["namespace"])?,
            text(&account["name"])?,
            text(&account["uid"])?,
        ))
    })();
    Claims {
        issued: time("iat"),
        expires: time("exp"),
        account,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_tells_its_life_and_its_account() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(
            r#"{"iat":1000,"exp":4600,"kubernetes.io":{"namespace":"a","serviceaccount":{"name":"b","uid":"c"}}}"#,
        );
        let read = claims(&Value::from(format!("head.{payload}.signature")));
        assert_eq!(read.issued, Timestamp::from_second(1000).ok());
        assert_eq!(read.expires, Timestamp::from_second(4600).ok());
        assert_eq!(read.account, Some(("a".into(), "b".into(), "c".into())));
    }

    #[test]
    fn a_token_of_another_kind_tells_nothing() {
        for token in ["", "opaque", "a.b.c", "a..c"] {
            assert_eq!(claims(&Value::from(token)), Claims::default(), "{token}");
        }
    }
}
