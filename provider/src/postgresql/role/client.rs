//! Observe, create, update and delete a role.

use std::collections::BTreeSet;

use managed::{
    connection::ConnectionDetails,
    drift::Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};
use serde::Deserialize;
use tokio_postgres::error::SqlState;

use super::{
    PasswordState, Role,
    catalog::Catalog,
    difference::{self, MEMBER_OF},
    password::{self, Wanted},
    statement::Plan,
};
use crate::postgresql::{
    parameter::setting,
    session::{Lease, Session},
    sql::Ident,
    sqlstate::{Error, Result},
};

impl ExternalClient<Role> for Session {
    async fn observe(&self, desired: &Desired<Role>) -> Result<Observation<Role>, ExternalError> {
        let found = {
            let mut lease = self.lease().await?;
            Catalog::read(&mut lease, &self.identity(), &desired.external_name).await?
        };
        let Some(found) = found else {
            return Ok(Observation::Absent);
        };
        let mut at_provider = found.observation();
        if desired.deleting {
            return Ok(Observation::present(at_provider, Vec::new()));
        }
        let mut drift = difference::drift(&desired.parameters, &found, &desired.ledger)?;
        let wanted = Wanted::of(desired)?;
        let name = &desired.external_name;
        at_provider.password = password::judge(self, name, &wanted, &found, &at_provider).await;
        if matches!(
            at_provider.password,
            Some(PasswordState::Differs | PasswordState::Missing)
        ) {
            drift.push(Drift::secret("password"));
        }
        Ok(Observation::present(at_provider, drift).publishing(self.details(desired, &wanted)))
    }

    fn credentials(
        &self,
        desired: &Desired<Role>,
        _observation: &Observation<Role>,
    ) -> ConnectionDetails {
        match Wanted::of(desired) {
            // With all the rest, so that the Secret is written once.
            Ok(wanted @ Wanted::Generated) => self
                .details(desired, &wanted)
                .with(password::KEY, password::generate()),
            _ => ConnectionDetails::none(),
        }
    }

    fn ledger(&self, desired: &Desired<Role>) -> BTreeSet<String> {
        let parameters = &desired.parameters;
        let roles = parameters
            .member_of
            .iter()
            .filter_map(|membership| membership.role.as_deref());
        let memberships = roles.map(|role| format!("{MEMBER_OF}{role}"));
        memberships
            .chain(setting::ledger(&parameters.configuration_parameters))
            .collect()
    }

    async fn create(&self, desired: &Desired<Role>) -> Result<ConnectionDetails, ExternalError> {
        Ident::of_new_role(&desired.external_name)?;
        let wanted = Wanted::of(desired)?;
        let statements = self.plan(desired, &wanted)?.create()?;
        let created = self.lease().await?.change(None, &statements).await;
        match created {
            Err(error) if error.is(&SqlState::DUPLICATE_OBJECT) => self.adopt(desired).await,
            outcome => outcome
                .map(|()| self.details(desired, &wanted))
                .map_err(ExternalError::from),
        }
    }

    async fn update(
        &self,
        desired: &Desired<Role>,
        drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        let wanted = Wanted::of(desired)?;
        let statements = self.plan(desired, &wanted)?.update(drift)?;
        self.lease().await?.change(None, &statements).await?;
        if !self.is_rehearsal() {
            self.proofs().forget(&desired.external_name);
        }
        Ok(self.details(desired, &wanted))
    }

    async fn delete(&self, desired: &Desired<Role>) -> Result<(), ExternalError> {
        let statement = format!("DROP ROLE {}", Ident::new(&desired.external_name)?);
        let mut lease = self.lease().await?;
        match lease.change(None, &[statement]).await {
            Err(error) if error.is(&SqlState::UNDEFINED_OBJECT) => Ok(()),
            Err(error) if error.is(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => {
                Err(dependents(&mut lease, &desired.external_name, &error).await?)
            }
            outcome => outcome.map_err(ExternalError::from),
        }
    }
}

impl Session {
    /// Another pass, or somebody else, was faster: what is there is brought in line.
    async fn adopt(&self, desired: &Desired<Role>) -> Result<ConnectionDetails, ExternalError> {
        match self.observe(desired).await? {
            Observation::Present { drift, .. } => self.update(desired, &drift).await,
            Observation::Absent => Err(ExternalError::blocked(
                format!("role {:?}", desired.external_name),
                "the role came and went while it was created",
                "wait; it is tried again",
            )),
        }
    }

    fn plan<'a>(
        &self,
        desired: &'a Desired<Role>,
        wanted: &Wanted<'_>,
    ) -> Result<Plan<'a>, ExternalError> {
        let verifier = if self.is_rehearsal() {
            wanted.masked()
        } else {
            wanted.literal()
        };
        Ok(Plan {
            role: Ident::new(&desired.external_name)?,
            wanted: &desired.parameters,
            verifier: verifier?,
            identity: self.identity(),
        })
    }

    fn details(&self, desired: &Desired<Role>, wanted: &Wanted<'_>) -> ConnectionDetails {
        let address = self.address();
        wanted
            .details()
            .with("username", desired.external_name.as_str())
            .with("endpoint", address.host.as_str())
            .with("port", address.port.to_string())
    }
}

#[derive(Deserialize)]
struct Dependents(Vec<(String, i64)>);

/// Names what keeps a role from being dropped. The server lists only what is in the database we are
/// in; the shared catalog counts the rest.
async fn dependents(lease: &mut Lease, role: &str, error: &Error) -> Result<ExternalError> {
    const QUERY: &str = "SELECT json_agg(json_build_array(place, count) ORDER BY place)::text FROM (
        SELECT coalesce('database ' || quote_ident(d.datname), 'the server') AS place, count(*) AS count
        FROM pg_shdepend s
        JOIN pg_roles r ON r.oid = s.refobjid AND s.refclassid = 'pg_authid'::regclass
        LEFT JOIN pg_database d ON d.oid = s.dbid
        WHERE r.rolname = $1 AND s.deptype <> 'p' GROUP BY 1) AS counted";
    let found: Option<Dependents> = lease.json(QUERY, &[role]).await?;
    let places = found.map(|Dependents(places)| places).unwrap_or_default();
    let places = places
        .iter()
        .map(|(place, count)| format!("{count} in {place}"))
        .collect::<Vec<_>>()
        .join(", ");
    let by = if places.is_empty() {
        error.to_string()
    } else {
        format!("what depends on role {role:?}: {places}")
    };
    Ok(ExternalError::blocked(
        by,
        error.to_string(),
        "delete its grants and what it owns",
    ))
}
