//! On whose behalf something is changed.
//!
//! A superuser changes everything itself. Any other administrator becomes the owner first (`SET
//! ROLE`), and makes itself a member that may do so when it has the right to: since `PostgreSQL` 16 the
//! creator of a role may administer it, but may not act for it until it has said so.

use managed::{
    external::{ExternalError, Failure},
    rehearsal::Rehearsal,
};
use serde::Deserialize;
use tokio_postgres::error::SqlState;

use super::{
    session::{Lease, Session},
    sql::Ident,
    sqlstate::Result,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    may_become: bool,
}

impl Session {
    /// The role to become before something of `owner`'s is changed; `None` when the administrator
    /// changes it itself. May make the administrator a member of the owner, without its privileges.
    pub(crate) async fn acting_for(&self, lease: &mut Lease, owner: &str) -> Result<Option<Ident>> {
        let identity = self.identity();
        if identity.is_superuser || identity.admin == owner {
            return Ok(None);
        }
        let role = Ident::new(owner)?;
        if !may_become(lease, owner, identity.has_membership_options()).await? {
            self.join(lease, owner, "").await?;
        }
        Ok(Some(role))
    }

    /// Makes the administrator a member of `owner` that has its privileges without becoming it, for as
    /// long as the statement that [`Session::stop_inheriting`] gives has not run.
    pub(crate) async fn inherit_from(&self, lease: &mut Lease, owner: &str) -> Result<()> {
        let identity = self.identity();
        if identity.is_superuser || identity.admin == owner {
            return Ok(());
        }
        self.join(lease, owner, "INHERIT").await
    }

    /// Takes back [`Session::inherit_from`].
    pub(crate) async fn stop_inheriting(&self, lease: &mut Lease, owner: &str) -> Result<()> {
        let identity = self.identity();
        if identity.is_superuser || identity.admin == owner || !identity.has_membership_options() {
            return Ok(());
        }
        self.join(lease, owner, "").await
    }

    /// True in a rehearsal whose last statement with this begin is this one, so that it need not be told
    /// again.
    fn has_planned(&self, begin: &str, statement: &str) -> bool {
        let steps = self.rehearsal().map(Rehearsal::steps).unwrap_or_default();
        let last = steps.iter().rfind(|step| step.action.starts_with(begin));
        last.is_some_and(|step| step.action == statement)
    }

    async fn join(&self, lease: &mut Lease, owner: &str, how: &str) -> Result<()> {
        let identity = self.identity();
        let (role, admin) = (Ident::new(owner)?, Ident::new(&identity.admin)?);
        let options = match (identity.has_membership_options(), how) {
            (false, _) => "",
            (true, "INHERIT") => " WITH INHERIT TRUE, SET TRUE",
            (true, _) => " WITH INHERIT FALSE, SET TRUE",
        };
        let grant = format!("GRANT {role} TO {admin}{options}");
        if self.has_planned(&format!("GRANT {role} TO {admin}"), &grant) {
            return Ok(());
        }
        lease
            .change(None, std::slice::from_ref(&grant))
            .await
            .map_err(|error| {
                if error.is(&SqlState::UNDEFINED_OBJECT) {
                    return error;
                }
                let cause = format!("cannot act for role {owner:?}: {error}");
                ExternalError::Denied(Failure::new(cause, format!("run {grant}"))).into()
            })
    }
}

async fn may_become(lease: &mut Lease, owner: &str, has_options: bool) -> Result<bool> {
    let right = if has_options { "SET" } else { "MEMBER" };
    let sql = format!(
        "SELECT json_build_object('mayBecome', pg_has_role(oid, '{right}'))::text FROM pg_roles WHERE rolname = $1"
    );
    let standing: Option<Standing> = lease.json(&sql, &[owner]).await?;
    Ok(standing.is_some_and(|standing| standing.may_become))
}
