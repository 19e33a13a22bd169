//! Proof that a credential works: the server is ready, and an authorised read succeeds.
//!
//! API servers answer `/readyz` and `/version` to anybody, so those prove nothing about the
//! credential; the read does. Any identity that is known may review itself, so a kubeconfig of few
//! rights passes, too.

use k8s_openapi::{api::authentication::v1::SelfSubjectReview, apimachinery::pkg::version::Info};
use kube::{Api, Client, api::PostParams};

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
    /// The user name the credential stands for.
    pub username: String,
}

/// Proves the credential of a client.
///
/// # Errors
/// [`Error::Call`] for the first step that fails.
pub async fn prove(client: &Client) -> Result<Proof, Error> {
    ready(client).await?;
    let version = version(client).await?;
    let username = identity(client).await?;
    Ok(Proof { version, username })
}

/// Version of the server. `/version` is open to anybody.
///
/// # Errors
/// [`Error::Call`].
pub async fn version(client: &Client) -> Result<String, Error> {
    let info: Info = within("read /version", client.apiserver_version()).await?;
    Ok(info.git_version)
}

/// Whom the server takes us for. Creates a `SelfSubjectReview`, which every known identity may.
///
/// # Errors
/// [`Error::Call`]; [`Reason::Unauthorized`] when the credential is not known.
pub async fn identity(client: &Client) -> Result<String, Error> {
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let (operation, review) = ("review its own identity", SelfSubjectReview::default());
    let review = within(operation, api.create(&PostParams::default(), &review)).await?;
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
    Ok(username)
}

async fn ready(client: &Client) -> Result<(), Error> {
    let answer = within("read /readyz", client.request_text(get("/readyz"))).await?;
    if answer.trim() == "ok" {
        return Ok(());
    }
    Err(Error::Call {
        operation: "read /readyz".into(),
        reason: Reason::ServerError,
        cause: "the server is not ready".into(),
        may_have_happened: false,
    })
}
