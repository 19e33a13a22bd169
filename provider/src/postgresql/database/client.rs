//! Observe, create, update and delete a database.

use std::collections::BTreeSet;

use managed::{
    connection::ConnectionDetails,
    drift::Drift,
    external::{Desired, ExternalClient, ExternalError, Observation, Readiness},
};
use tokio_postgres::error::SqlState;

use super::{
    Database,
    catalog::{Catalog, PublicSchema},
    difference::{self, FIXED},
    removal,
    statement::{self, differs},
};
use crate::postgresql::{
    parameter::setting,
    session::{Lease, Session},
    sql::Ident,
    sqlstate::{Error, Result},
};

impl ExternalClient<Database> for Session {
    async fn observe(
        &self,
        desired: &Desired<Database>,
    ) -> Result<Observation<Database>, ExternalError> {
        let (name, wanted) = (&desired.external_name, &desired.parameters);
        let found = {
            let mut lease = self.lease().await?;
            Catalog::read(&mut lease, &self.identity(), name, wanted).await?
        };
        let Some(mut found) = found else {
            return Ok(Observation::Absent);
        };
        if desired.deleting || found.is_invalid() {
            return Ok(self.present(desired, &found, Vec::new()));
        }
        found.enter(self, name, wanted).await?;
        let drift = difference::drift(wanted, &found, &desired.ledger);
        Ok(self.present(desired, &found, drift))
    }

    fn ledger(&self, desired: &Desired<Database>) -> BTreeSet<String> {
        setting::ledger(&desired.parameters.configuration_parameters).collect()
    }

    async fn create(
        &self,
        desired: &Desired<Database>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let (name, wanted) = (&desired.external_name, &desired.parameters);
        let statement = statement::create(&Ident::new(name)?, wanted, &self.identity())?;
        let created = {
            let mut lease = self.lease().await?;
            if let Some(owner) = &wanted.owner {
                // Since 16 a database can only be made for a role that we may become.
                self.acting_for(&mut lease, owner).await?;
            }
            lease.alone(None, &statement).await
        };
        match created {
            Err(error) if !error.is(&SqlState::DUPLICATE_DATABASE) && !error.is_collision() => {
                Err(error.into())
            }
            _ => self.finish(desired).await,
        }
    }

    async fn update(
        &self,
        desired: &Desired<Database>,
        drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.change_owner(desired, drift).await?;
        self.change_outside(desired, drift).await?;
        self.change_inside(desired, drift).await?;
        match drift
            .iter()
            .find(|drift| FIXED.contains(&drift.field.as_str()))
        {
            Some(fixed) => Err(ExternalError::invalid(
                format!("{fixed}, and it is fixed when a database is made"),
                "set it back, or make another database",
            )),
            None => Ok(self.database_details(&desired.external_name)),
        }
    }

    async fn delete(&self, desired: &Desired<Database>) -> Result<(), ExternalError> {
        removal::remove(self, desired).await
    }
}

impl Session {
    fn present(
        &self,
        desired: &Desired<Database>,
        found: &Catalog,
        drift: Vec<Drift>,
    ) -> Observation<Database> {
        let ready = if found.is_invalid() {
            Readiness::NotReady(
                "its DROP DATABASE was interrupted and nothing else works now; drop it".into(),
            )
        } else {
            Readiness::Ready
        };
        Observation::present(found.observation(self.address()), drift)
            .publishing(self.database_details(&desired.external_name))
            .being(ready)
    }

    /// Brings a new database in line. An interrupted create comes back here through update.
    async fn finish(
        &self,
        desired: &Desired<Database>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let drift = match self.observe(desired).await? {
            Observation::Present { drift, .. } => drift,
            Observation::Absent if self.is_rehearsal() => {
                let planned = Catalog::planned(&desired.parameters, &self.identity());
                difference::drift(&desired.parameters, &planned, &desired.ledger)
            }
            Observation::Absent => {
                return Err(ExternalError::blocked(
                    format!("database {:?}", desired.external_name),
                    "the database came and went while it was created",
                    "wait; it is tried again",
                ));
            }
        };
        self.update(desired, &drift).await
    }

    /// An administrator that is no superuser has to have the old owner's privileges, to be able to
    /// become the new one, and to have CREATEDB itself, all at once.
    async fn change_owner(&self, desired: &Desired<Database>, drift: &[Drift]) -> Result<()> {
        let database = Ident::new(&desired.external_name)?;
        let Some(statement) = statement::owner(&database, &desired.parameters, drift)? else {
            return Ok(());
        };
        let mut lease = self.lease().await?;
        let Some(found) = self.found(&mut lease, desired).await? else {
            return Ok(());
        };
        self.acting_for(
            &mut lease,
            desired.parameters.owner.as_deref().unwrap_or_default(),
        )
        .await?;
        self.inherit_from(&mut lease, &found.owner).await?;
        let changed = lease.change(None, &[statement]).await;
        self.stop_inheriting(&mut lease, &found.owner).await?;
        changed
    }

    async fn change_outside(&self, desired: &Desired<Database>, drift: &[Drift]) -> Result<()> {
        let database = Ident::new(&desired.external_name)?;
        let identity = self.identity();
        let admin = Ident::new(&identity.admin)?;
        let mut lease = self.lease().await?;
        let Some(found) = self.found(&mut lease, desired).await? else {
            return Ok(());
        };
        let is_closing = differs(drift, "publicPrivileges.connect") || !found.admits_us;
        let admin = Some(&admin)
            .filter(|_| is_closing && !identity.is_superuser && found.owner != identity.admin);
        let statements = statement::outside(&database, &desired.parameters, drift, admin)?;
        if statements.is_empty() {
            return Ok(());
        }
        let acting = self.acting_for(&mut lease, &found.owner).await?;
        lease.change(acting.as_ref(), &statements).await
    }

    async fn change_inside(&self, desired: &Desired<Database>, drift: &[Drift]) -> Result<()> {
        let statements = statement::inside(&desired.parameters, drift);
        if statements.is_empty() {
            return Ok(());
        }
        let Some(schema) = self.schema(desired).await? else {
            return Ok(());
        };
        let acting = {
            let mut lease = self.lease().await?;
            self.acting_for(&mut lease, &schema.owner).await?
        };
        let mut lease = self.lease_in(&desired.external_name).await?;
        lease.change(acting.as_ref(), &statements).await
    }

    /// The schema `public`. A rehearsal may not be able to enter the database yet.
    async fn schema(&self, desired: &Desired<Database>) -> Result<Option<PublicSchema>> {
        let read = PublicSchema::read(self, &desired.external_name).await;
        let is_closed = |error: &Error| {
            error.is(&SqlState::UNDEFINED_DATABASE)
                || error.is(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE)
        };
        match read {
            Err(error) if self.is_rehearsal() && is_closed(&error) => {
                let identity = self.identity();
                let owner = desired.parameters.owner.as_ref();
                let owner = owner.unwrap_or(&identity.admin);
                Ok(Some(PublicSchema::planned(owner, &identity)))
            }
            outcome => outcome,
        }
    }

    pub(super) async fn found(
        &self,
        lease: &mut Lease,
        desired: &Desired<Database>,
    ) -> Result<Option<Catalog>> {
        let identity = self.identity();
        let (name, wanted) = (&desired.external_name, &desired.parameters);
        let found = Catalog::read(lease, &identity, name, wanted).await?;
        let is_planned = self.is_rehearsal() && !desired.deleting;
        Ok(found.or_else(|| is_planned.then(|| Catalog::planned(wanted, &identity))))
    }

    fn database_details(&self, database: &str) -> ConnectionDetails {
        let address = self.address();
        ConnectionDetails::none()
            .with("database", database)
            .with("endpoint", address.host.as_str())
            .with("port", address.port.to_string())
    }
}
