//! What secrets engines and auth methods have in common: the tables of mounts and their tuning.
//!
//! One read of the table tells everything about a mount. A request for one mount would be answered for
//! another one whose path is a prefix. The mark of the owner stands at the end of the description.

use std::collections::{BTreeMap, BTreeSet};

use managed::{
    Drift, Kind, Shown,
    external::{Desired, ExternalError, Observation},
};
use serde_json::{Value, json};

use super::{
    adoption::Adopt,
    call::Call,
    error::Error,
    field::Fields,
    mark::{Claim, Mark},
    mount::{ListingVisibility, MountObservation, Tune},
    path::checked,
    session::Session,
};

/// A mount as a resource wants it.
#[derive(Clone, Debug)]
pub(super) struct Mounting<'a> {
    /// The table: `sys/mounts` or `sys/auth`.
    pub(super) table: &'static str,
    /// Path without slash at the end.
    pub(super) path: &'a str,
    /// Type of the engine or auth method.
    pub(super) kind: &'a str,
    /// The user's description.
    pub(super) description: &'a str,
    /// Options that are wanted.
    pub(super) options: &'a BTreeMap<String, String>,
    /// Not replicated.
    pub(super) local: bool,
    /// Wrapped by the seal.
    pub(super) seal_wrap: bool,
    /// Tuning.
    pub(super) tuning: Fields,
    /// Whether it may be taken over.
    pub(super) adopt: Adopt,
    /// It stays when the resource is deleted.
    pub(super) stays: bool,
}

/// A mount as it is in the table.
#[derive(Clone, Debug)]
struct Found {
    entry: Value,
    description: String,
    mark: Option<Mark>,
}

impl Mounting<'_> {
    /// What the runtime remembers before it is made.
    pub(super) fn ledger(&self) -> BTreeSet<String> {
        [self.api()].into()
    }

    /// Looks and compares.
    pub(super) async fn observe<K>(
        &self,
        session: &Session,
        desired: &Desired<K>,
    ) -> Result<Observation<K>, ExternalError>
    where
        K: Kind<Observation = MountObservation>,
    {
        let Some(found) = self.find(session).await? else {
            return Ok(Observation::Absent);
        };
        let me = Mark::of(&desired.owner, session.cluster());
        let object = self.api();
        let claim = Claim::of(desired, &object, &me, found.mark.as_ref());
        if desired.deleting {
            let is_ours = claim.is_mine() && !(self.stays && found.mark.is_none());
            let observed = Observation::present(self.at_provider(&found.entry), Vec::new());
            return Ok(if is_ours {
                observed
            } else {
                Observation::Absent
            });
        }
        claim.check(self.adopt)?;
        self.check_fixed(&found.entry)?;
        let mut drift = self.drift(&found);
        drift.extend(claim.drift());
        Ok(Observation::present(self.at_provider(&found.entry), drift))
    }

    /// Mounts it.
    pub(super) async fn create<K: Kind>(
        &self,
        session: &Session,
        desired: &Desired<K>,
    ) -> Result<(), ExternalError> {
        let body = json!({
            "type": self.kind, "description": self.marked(session, desired), "options": self.options,
            "local": self.local, "seal_wrap": self.seal_wrap, "config": self.tuning.body(),
        });
        let call = Call::post(self.api(), &body).showing_all_but([]);
        Ok(session.change(&call).await?)
    }

    /// Tunes it.
    pub(super) async fn update<K: Kind>(
        &self,
        session: &Session,
        desired: &Desired<K>,
    ) -> Result<(), ExternalError> {
        let mut body = self.tuning.body();
        body.insert("description".into(), json!(self.marked(session, desired)));
        if !self.options.is_empty() {
            body.insert("options".into(), json!(self.options));
        }
        Ok(self.tune(session, &body.into()).await?)
    }

    /// Unmounts it, or removes the mark and leaves it.
    pub(super) async fn delete(&self, session: &Session) -> Result<(), ExternalError> {
        if !self.stays {
            return Ok(session.change(&Call::delete(self.api())).await?);
        }
        match self.find(session).await? {
            Some(found) => {
                let body = json!({ "description": found.description });
                Ok(self.tune(session, &body).await?)
            }
            None => Ok(()),
        }
    }

    async fn find(&self, session: &Session) -> Result<Option<Found>, Error> {
        checked("path", self.path)?;
        let reply = session.send(&Call::get(self.table)).await?;
        let mut table = reply.into_data();
        let entry = table[format!("{}/", self.path)].take();
        Ok((!entry.is_null()).then(|| Found::of(entry)))
    }

    async fn tune(&self, session: &Session, body: &Value) -> Result<(), Error> {
        let call = Call::post(format!("{}/tune", self.api()), body).showing_all_but([]);
        session.change(&call).await
    }

    fn api(&self) -> String {
        format!("{}/{}", self.table, self.path)
    }

    fn marked<K: Kind>(&self, session: &Session, desired: &Desired<K>) -> String {
        let mark = Mark::of(&desired.owner, session.cluster()).text();
        match self.description {
            "" => mark,
            description => format!("{description} ({mark})"),
        }
    }

    /// What cannot be changed in place is not drift that could be corrected.
    fn check_fixed(&self, entry: &Value) -> Result<(), ExternalError> {
        let found = |key: &str| entry[key].as_bool().unwrap_or_default();
        let kind = entry["type"].as_str().unwrap_or_default();
        let cause = if kind != self.kind {
            format!("{} is of type {kind}, not {}", self.api(), self.kind)
        } else if found("local") != self.local {
            format!("{} has local: {}", self.api(), found("local"))
        } else if found("seal_wrap") != self.seal_wrap {
            format!("{} has sealWrap: {}", self.api(), found("seal_wrap"))
        } else {
            return Ok(());
        };
        Err(ExternalError::invalid(
            format!("{cause}, which cannot be changed"),
            "choose another path, or correct the spec",
        ))
    }

    fn drift(&self, found: &Found) -> Vec<Drift> {
        let mut config = found.entry["config"].clone();
        if config["listing_visibility"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            config["listing_visibility"] = json!("hidden");
        }
        let mut drift = self.tuning.drift(&config);
        if found.description != self.description {
            drift.push(Drift {
                field: "description".into(),
                desired: shown(self.description),
                observed: shown(&found.description),
            });
        }
        for (option, wanted) in self.options {
            let observed = found.entry["options"][option].as_str().unwrap_or_default();
            if observed != wanted {
                drift.push(Drift {
                    field: format!("options.{option}"),
                    desired: shown(wanted),
                    observed: shown(observed),
                });
            }
        }
        drift
    }

    fn at_provider(&self, entry: &Value) -> MountObservation {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        MountObservation {
            path: self.path.to_owned(),
            accessor: text("accessor"),
            uuid: text("uuid"),
            running_version: text("running_plugin_version"),
        }
    }
}

impl Found {
    fn of(entry: Value) -> Self {
        let whole = entry["description"].as_str().unwrap_or_default();
        let mark = Mark::find(whole);
        let description = match &mark {
            Some(mark) => without(whole, &mark.text()),
            None => whole.to_owned(),
        };
        Self {
            entry,
            description,
            mark,
        }
    }
}

/// The tuning that is wanted; what is not set is left alone.
pub(super) fn tuning(tune: &Tune) -> Fields {
    let mut fields = Fields::default();
    for (name, key, ttl) in [
        (
            "tune.defaultLeaseTtl",
            "default_lease_ttl",
            &tune.default_lease_ttl,
        ),
        ("tune.maxLeaseTtl", "max_lease_ttl", &tune.max_lease_ttl),
    ] {
        if ttl.is_some() {
            fields.ttl(name, key, ttl.as_ref());
        }
    }
    if let Some(visibility) = tune.listing_visibility {
        let visibility = match visibility {
            ListingVisibility::Unauth => "unauth",
            ListingVisibility::Hidden => "hidden",
        };
        fields.text("tune.listingVisibility", "listing_visibility", visibility);
    }
    for (name, key, values) in [
        (
            "tune.auditNonHmacRequestKeys",
            "audit_non_hmac_request_keys",
            &tune.audit_non_hmac_request_keys,
        ),
        (
            "tune.auditNonHmacResponseKeys",
            "audit_non_hmac_response_keys",
            &tune.audit_non_hmac_response_keys,
        ),
        (
            "tune.passthroughRequestHeaders",
            "passthrough_request_headers",
            &tune.passthrough_request_headers,
        ),
        (
            "tune.allowedResponseHeaders",
            "allowed_response_headers",
            &tune.allowed_response_headers,
        ),
    ] {
        if let Some(values) = values {
            fields.set(name, key, values);
        }
    }
    fields
}

/// A description as the user wrote it.
fn without(description: &str, mark: &str) -> String {
    let bracketed = format!("({mark})");
    description
        .replace(&bracketed, "")
        .replace(mark, "")
        .trim_end()
        .to_owned()
}

fn shown(text: &str) -> Shown {
    match text {
        "" => Shown::absent(),
        text => Shown::plain(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_description_is_told_from_the_mark() {
        let mark = "tenancy.pnats.cloud/owner.u1 -/mount.vault.pnats.cloud/team/app";
        for (whole, description) in [
            (mark.to_owned(), ""),
            (format!("for (all) teams ({mark})"), "for (all) teams"),
            ("by hand".to_owned(), "by hand"),
        ] {
            let found = Found::of(json!({ "description": whole }));
            assert_eq!(found.description, description);
            assert_eq!(found.mark.is_some(), whole.contains(mark));
        }
    }
}
