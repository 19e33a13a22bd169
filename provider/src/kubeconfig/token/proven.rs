//! A new token that works.

use managed::input::Value;

use super::request_patiently;
use crate::kubeconfig::{Access, Credential, Error, Reason, Remotes, probe};
use crate::patience::Patience;

/// Has a token minted with `access`, and proves that the API server takes it.
///
/// # Errors
/// What was in the way of either.
pub async fn proven(
    remotes: &Remotes,
    access: &Access,
    account: (&str, &str),
    seconds: i64,
) -> Result<Value, Error> {
    let remote = remotes.open(access)?;
    let minted = request_patiently(&remote.client, account, seconds).await?;
    prove(&access.clone().with(Credential::Token(minted.token.clone()))).await?;
    Ok(minted.token)
}

/// Other replicas of an API server learn of the token's account later.
async fn prove(access: &Access) -> Result<(), Error> {
    let client = access.client()?;
    let mut patience = Patience::new();
    loop {
        match probe::identity(&client).await {
            Err(error) if error.is(Reason::Unauthorized) && patience.is_left().await => {}
            answer => return answer.map(drop),
        }
    }
}
