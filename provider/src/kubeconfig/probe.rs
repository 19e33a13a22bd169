//! Proof that a credential works: the server is ready, and an authorised read succeeds.
//!
//! API servers answer `/readyz` and `/version` to anybody, so those prove nothing about the
//! credential; the read does. Any identity that is known may review itself, so a kubeconfig of few
//! rights passes, too.

use k8s_openapi::{
    api::authentication::v1::SelfSubjectReview,
    apimachinery::pkg::version::Info,
    jiff::{Timestamp, fmt::rfc2822},
};
use kube::{Api, Client, api::PostParams, client::Body};

use super::{
    client::{get, within},
    error::{Error, Reason},
};

/// How the server names callers without a credential.
const ANONYMOUS: &str = "system:anonymous";

/// What a cluster said about itself and about us.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// Version of the server, such as `v1.36.4`.
    pub version: String,
    /// The user name the credential stands for; `None` when the server (before 1.28) cannot tell.
    pub username: Option<String>,
    /// What time it is there; `None` when the server does not say.
    pub now: Option<Timestamp>,
}

/// Proves the credential of a client.
///
/// # Errors
/// [`Error::Call`] for the first step that fails.
pub async fn prove(client: &Client) -> Result<Proof, Error> {
    let now = ready(client).await?;
    let version = version(client).await?;
    let username = identity(client).await?;
    Ok(Proof {
        version,
        username,
        now,
    })
}

/// Version of the server. `/version` is open to anybody.
///
/// # Errors
/// [`Error::Call`].
pub async fn version(client: &Client) -> Result<String, Error> {
    let info: Info = within("read /version", client.apiserver_version()).await?;
    Ok(info.git_version)
}

/// Whom the server takes us for; `None` when it cannot tell but lets us list its APIs, which it
/// allows to known identities only. Creates a `SelfSubjectReview`, which every known identity may.
///
/// # Errors
/// [`Error::Call`]; [`Reason::Unauthorized`] when the credential is not known.
pub async fn identity(client: &Client) -> Result<Option<String>, Error> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let (operation, review) = ("review its own identity", SelfSubjectReview::default());
    let review = match within(operation, api.create(&PostParams::default(), &review)).await {
        Err(error) if error.is(Reason::NotFound) => {
            within("list its APIs", client.list_api_groups()).await?;
            return Ok(None);
        }
        answer => answer?,
    };
    let user = review.status.and_then(|status| status.user_info);
    let username = user.and_then(|user| user.username).unwrap_or_default();
    if username.is_empty() || username == ANONYMOUS {
        return Err(Error::Call {
            operation: operation.into(),
            reason: Reason::Unauthorized,
            cause: "the server takes the credential for nobody".into(),
            may_have_happened: false,
        });
    }
    Ok(Some(username))
}

/// Makes sure that the server is ready, and takes the time from its answer.
async fn ready(client: &Client) -> Result<Option<Timestamp>, Error> {
    let operation = "read /readyz";
    let request = get("/readyz").map(Body::from);
    let answer = within(operation, client.send(request)).await?;
    let (reason, cause) = match answer.status().as_u16() {
        200 => {
            let date = answer.headers().get(http::header::DATE);
            return Ok(date.and_then(|date| time(date.to_str().ok()?)));
        }
        401 => (
            Reason::Unauthorized,
            "the server does not know the credential".into(),
        ),
        code => (
            Reason::ServerError,
            format!("the server is not ready ({code})"),
        ),
    };
    Err(Error::Call {
        operation: operation.into(),
        reason,
        cause,
        may_have_happened: false,
    })
}

fn time(date: &str) -> Option<Timestamp> {
    rfc2822::parse(date).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_read_as_http_writes_it() {
        let read = time("Wed, 25 Nov 2026 01:19:16 GMT").unwrap();
        assert_eq!(read.to_string(), "2026-11-25T01:19:16Z");
        assert_eq!(time("yesterday"), None);
    }
}
