//! Tokens of `ServiceAccount`s in a cluster, requested when they are needed.

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client, api::PostParams};
use managed::input::Value;

use super::{
    client::within,
    error::{Error, Reason},
};

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
