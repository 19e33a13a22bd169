//! A small client of OpenBao's HTTP interface for tests: it shows status and body as they came.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
pub use reqwest::Method;
use serde_json::Value;

use crate::paths;

/// Speaks to one server with one token. Paths are without `/v1/`.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    address: String,
    token: String,
}

/// Status and body of an answer; the body is null when there was none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The JSON body.
    pub body: Value,
}

impl Client {
    pub(crate) fn new(address: &str, token: &str, ca: &Path) -> anyhow::Result<Self> {
        let ca = reqwest::Certificate::from_pem(paths::read(ca)?.as_bytes())?;
        let http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(Self {
            http,
            address: address.to_owned(),
            token: token.to_owned(),
        })
    }

    /// The same client with another token, or with none when it is empty.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Any request. An answer of any status is a success of this function.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}/v1/{path}", self.address));
        if !self.token.is_empty() {
            request = request.header("X-Vault-Token", &self.token);
        }
        if let Some(body) = body.filter(|body| !body.is_null()) {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("cannot reach OpenBao at {}", self.address))?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok(Answer {
            status,
            body: serde_json::from_str(&text).unwrap_or_default(),
        })
    }

    /// The `data` at a path, or nothing when the path does not exist.
    pub async fn read(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.request(Method::GET, path, None).await?;
        Ok(success(answer, path)?.map(|mut body| body["data"].take()))
    }

    /// Writes to a path and returns the whole answer, null when it was empty.
    pub async fn write(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.request(Method::PUT, path, Some(body)).await?;
        success(answer, path)?.with_context(|| format!("OpenBao knows no path {path}"))
    }

    /// The names below a path, none when it does not exist.
    pub async fn list(&self, path: &str) -> anyhow::Result<Vec<String>> {
        let answer = self
            .request(Method::GET, &format!("{path}?list=true"), None)
            .await?;
        let keys = success(answer, path)?.map(|mut body| body["data"]["keys"].take());
        Ok(keys
            .map(serde_json::from_value)
            .transpose()?
            .unwrap_or_default())
    }

    /// Deletes a path; one that is gone is no error.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let answer = self.request(Method::DELETE, path, None).await?;
        success(answer, path).map(drop)
    }
}

/// The body of a successful answer, nothing for 404.
fn success(answer: Answer, path: &str) -> anyhow::Result<Option<Value>> {
    match answer.status {
        200..=299 => Ok(Some(answer.body)),
        404 => Ok(None),
        status => bail!(
            "OpenBao answered {status} for {path}: {}",
            answer.body["errors"]
        ),
    }
}
