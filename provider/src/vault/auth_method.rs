//! What lies below an auth method: its configuration and its roles.
//!
//! Neither has a place for a mark, so whether an object is this resource's own follows from its ledger.
//! Where no auth method is enabled the resource waits for one; on the way out it has nothing to do there.

use std::collections::BTreeSet;

use managed::{
    Drift, Kind,
    external::{Desired, ExternalError, Failure},
};
use serde_json::{Map, Value};

use super::{
    adoption::Adopt,
    call::Call,
    error::Error,
    field::Fields,
    mark::{Claim, Mark},
    path::checked,
    session::Session,
};

/// An object below an auth method, as a resource wants it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// Path of the auth method without `auth/`.
    pub(super) mount: String,
    /// Path of the object in Vault's API.
    pub(super) api: String,
    /// The fields that are wanted.
    pub(super) fields: Fields,
    /// Whether what is there may be taken over.
    pub(super) adopt: Adopt,
}

/// An object as it is.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// What the API calls `data`.
    pub(super) found: Value,
    /// What differs.
    pub(super) drift: Vec<Drift>,
}

/// The auth method of a resource: as in the spec, or else as it was found last, because references are
/// not looked up on the way out.
pub(super) fn mount<'a>(given: Option<&'a str>, last: &'a str) -> Result<&'a str, ExternalError> {
    match given.or_else(|| Some(last).filter(|last| !last.is_empty())) {
        Some(mount) => Ok(checked("mount", mount)?),
        None => Err(ExternalError::invalid(
            "the auth method is not given",
            "set mount, mountRef or mountSelector",
        )),
    }
}

impl Subject {
    /// The configuration of an auth method.
    pub(super) fn config(mount: &str, fields: Fields, adopt: Adopt) -> Self {
        Self {
            mount: mount.to_owned(),
            api: format!("auth/{mount}/config"),
            fields,
            adopt,
        }
    }

    /// A role of an auth method.
    pub(super) fn role(
        mount: &str,
        name: &str,
        fields: Fields,
        adopt: Adopt,
    ) -> Result<Self, ExternalError> {
        Ok(Self {
            mount: mount.to_owned(),
            api: format!("auth/{mount}/role/{}", checked("name", name)?),
            fields,
            adopt,
        })
    }

    /// What the runtime remembers before it is written.
    pub(super) fn ledger(&self) -> BTreeSet<String> {
        [self.api.clone()].into()
    }

    /// Looks and compares. What is there and was not written by this resource is refused, unless it may
    /// be taken over; or, with `harmless`, unless nothing would change. `more` finds differences beside
    /// the fields.
    pub(super) async fn look<K: Kind>(
        &self,
        session: &Session,
        desired: &Desired<K>,
        harmless: bool,
        more: impl Fn(&Value) -> Vec<Drift> + Send,
    ) -> Result<Option<Seen>, ExternalError> {
        let me = Mark::of(&desired.owner, session.cluster());
        let claim = Claim::of(desired, &self.api, &me, None);
        let found = match self.read(session).await {
            Err(Error::Mount { .. }) if desired.deleting => return Ok(None),
            found => found.map_err(|error| self.explained(error))?,
        };
        let Some(found) = found else { return Ok(None) };
        let mut drift = self.fields.drift(&found);
        drift.extend(more(&found));
        if desired.deleting {
            return Ok(claim.is_mine().then_some(Seen { found, drift }));
        }
        if !(harmless && drift.is_empty()) {
            claim.check(self.adopt)?;
        }
        Ok(Some(Seen { found, drift }))
    }

    /// Writes all fields, and what else is given, which is secret.
    pub(super) async fn write(
        &self,
        session: &Session,
        more: Map<String, Value>,
    ) -> Result<(), ExternalError> {
        let mut body = self.fields.body();
        body.extend(more.clone());
        let secret = more.keys().map(String::as_str);
        let call = Call::post(&self.api, &body.into()).showing_all_but(secret);
        let written = session.change(&call).await;
        written.map_err(|error| self.explained(error))
    }

    /// Deletes it.
    pub(super) async fn delete(&self, session: &Session) -> Result<(), ExternalError> {
        let deleted = session.change(&Call::delete(&self.api)).await;
        deleted.map_err(|error| self.explained(error))
    }

    async fn read(&self, session: &Session) -> Result<Option<Value>, Error> {
        let reply = session.send(&Call::get(&self.api)).await?;
        let data = (!reply.not_found).then(|| reply.into_data());
        Ok(data.filter(|data| !data.is_null()))
    }

    fn explained(&self, error: Error) -> ExternalError {
        match error {
            Error::Mount { .. } => ExternalError::blocked(
                format!("auth method {}", self.mount),
                format!("no auth method is enabled at auth/{}", self.mount),
                format!("make an AuthMount with path {}", self.mount),
            ),
            Error::Refused {
                status: 400, cause, ..
            } => ExternalError::Other(Failure::new(
                format!("vault refuses {}: {cause}", self.api),
                "correct the field it names",
            )),
            Error::Refused {
                status: 404 | 405, ..
            } => ExternalError::invalid(
                format!("the auth method at auth/{} is of another type", self.mount),
                "name an auth method of the type of this kind",
            ),
            other => other.into(),
        }
    }
}
