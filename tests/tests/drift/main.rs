//! Edits behind the provider's back: each field of each kind that can be edited by hand, one at a
//! time. With `driftPolicy: Correct` it is repaired and reported, with `Report` only reported.
//!
//! [`Edit`] is one such edit, [`postgresql`] and [`vault`] list them all.

mod postgresql;
mod team;
mod vault;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::resource::condition;
use testbed::{Resource, Scene};

use self::team::Team;

/// One edit by hand.
struct Edit {
    /// Name of the managed resource whose external resource is edited.
    subject: Subject,
    /// The field that then differs.
    field: String,
    /// Fields that cannot be looked at then.
    hidden: &'static [&'static str],
    /// What is shown of the wanted value.
    desired: String,
    /// What the shown found value contains.
    observed: String,
    /// How it is edited.
    hand: Hand,
    /// How it is looked at afterwards.
    probe: Probe,
}

/// Kind and name of a managed resource.
type Subject = (&'static str, &'static str);

/// How somebody edits.
enum Hand {
    /// Statements of the superuser in a database.
    Sql {
        database: String,
        statements: String,
    },
    /// A version of the secret in Vault with these keys changed; null removes one.
    Put(Value),
    /// Deletes the current version in Vault.
    DeleteVersion,
    /// Removes the mark of ownership in Vault.
    Unmark,
}

/// What tells whether the edit is still there: the answer differs before and after it.
enum Probe {
    /// The answer to a query of the superuser in a database.
    Sql { database: String, query: String },
    /// Whether the password in the connection Secret is taken.
    Login,
    /// What Vault holds at the path, and whose it is.
    Vault,
}

impl Edit {
    /// Every field that is told to differ.
    fn fields(&self) -> Vec<&str> {
        [self.field.as_str()]
            .into_iter()
            .chain(self.hidden.iter().copied())
            .collect()
    }
}

#[tokio::test]
async fn each_field_changed_by_hand_is_repaired_and_reported() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let team = Team::set_up(&scene, "correct", "Correct").await?;
    for edit in team.edits()? {
        let what = format!("{} of {:?}", edit.field, edit.subject);
        corrected(&team, &edit).await.context(what)?;
    }
    team.tells_no_secret().await?;
    team.finish().await
}

#[tokio::test]
async fn with_report_each_field_is_reported_and_left_alone() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let team = Team::set_up(&scene, "report", "Report").await?;
    let mut columns = Vec::new();
    for edit in team.edits()? {
        let what = format!("{} of {:?}", edit.field, edit.subject);
        let shows_column = !columns.contains(&edit.subject);
        columns.push(edit.subject);
        reported(&team, &edit, shows_column).await.context(what)?;
    }
    team.tells_no_secret().await?;
    team.finish().await
}

#[tokio::test]
async fn with_report_a_changed_spec_is_still_applied() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let team = Team::set_up(&scene, "edited", "Report").await?;
    let role = team.external_name("app");
    let limit = format!("SELECT rolconnlimit::text FROM pg_roles WHERE rolname = '{role}'");

    team.sql(
        "postgres",
        &format!("ALTER ROLE \"{role}\" CONNECTION LIMIT 2"),
    )
    .await?;
    let app = team.managed("Role", "app");
    app.look().await?;
    ensure!(
        team.ask("postgres", &limit).await? == "2",
        "it was not to be repaired"
    );
    app.merge(&json!({"spec": {"forProvider": {"connectionLimit": 7}}}))
        .await?;
    let object = app.until_settled().await?;
    ensure!(
        team.ask("postgres", &limit).await? == "7",
        "the new limit is not on the server"
    );
    ensure!(
        condition(&object, "UpToDate")["status"] == "True",
        "{object}"
    );
    ensure!(object["status"]["drift"].is_null(), "{object}");

    let registration = team.managed("KVSecret", "registration");
    let user = json!({"spec": {"forProvider": {"data": {"user": {"value": "other"}}}}});
    registration.merge(&user).await?;
    registration.until_settled().await?;
    ensure!(team.in_vault("registration").await?["user"] == "other");
    team.finish().await
}

/// The edit is found, repaired, and told in status and events.
async fn corrected(team: &Team, edit: &Edit) -> anyhow::Result<()> {
    let resource = team.managed(edit.subject.0, edit.subject.1);
    let before = team.probe(&edit.probe).await?;
    team.edit(&edit.hand).await?;
    let edited = team.probe(&edit.probe).await?;
    ensure!(edited != before, "the edit changed nothing: {before}");

    let status = resource.look().await?["status"].clone();
    let after = team.probe(&edit.probe).await?;
    ensure!(
        after == before,
        "it is not repaired: {before} became {after}"
    );
    let last = &status["lastDrift"];
    ensure!(
        last["fields"] == json!(edit.fields()) && last["corrected"] == true,
        "{last}"
    );
    ensure!(status["drift"].is_null(), "{status}");
    resource.until_settled().await?;
    resource.until_told("UpToDate", "True", &[]).await?;
    found(&resource, edit).await?;
    let exactly = format!("corrected {}", edit.fields().join(", "));
    resource.until_event("DriftCorrected", &[&exactly]).await?;
    Ok(())
}

/// The edit is told in status, condition, event and column, and stays.
async fn reported(team: &Team, edit: &Edit, shows_column: bool) -> anyhow::Result<()> {
    let resource = team.managed(edit.subject.0, edit.subject.1);
    let before = team.probe(&edit.probe).await?;
    team.edit(&edit.hand).await?;
    let edited = team.probe(&edit.probe).await?;
    ensure!(edited != before, "the edit changed nothing: {before}");

    let object = resource.look().await?;
    ensure!(
        team.probe(&edit.probe).await? == edited,
        "it was not to be repaired"
    );
    told_as_drift(&object, edit)?;
    found(&resource, edit).await?;
    if shows_column {
        let kind = resource.kubectl_kind();
        let shown = team
            .kubectl(&["get", &kind, resource.name(), "-n", team.name()])
            .await?;
        ensure!(
            shown.contains("DRIFT") && shown.contains(&edit.field),
            "{shown}"
        );
    }
    // Any change of the spec has it carried out in full, which undoes the edit.
    team.touch(&resource).await?;
    resource.until_settled().await?;
    ensure!(
        team.probe(&edit.probe).await? == before,
        "the spec is not carried out again"
    );
    Ok(())
}

fn told_as_drift(object: &Value, edit: &Edit) -> anyhow::Result<()> {
    let drift = &object["status"]["drift"];
    ensure!(
        drift
            .as_array()
            .is_some_and(|all| all.len() == edit.fields().len()),
        "{drift}"
    );
    let one = &drift[0];
    ensure!(
        one["field"] == edit.field.as_str() && one["cause"] == "External",
        "{one}"
    );
    ensure!(one["desired"] == edit.desired.as_str(), "desired in {one}");
    let observed = one["observed"].as_str().unwrap_or_default();
    ensure!(observed.contains(&edit.observed), "observed in {one}");
    ensure!(
        one["since"]
            .as_str()
            .is_some_and(|since| since.ends_with('Z')),
        "{one}"
    );
    ensure!(
        object["status"]["lastDrift"]["corrected"] == false,
        "{object}"
    );

    let matched = condition(object, "UpToDate");
    ensure!(
        matched["status"] == "False" && matched["reason"] == "UpdateRestricted",
        "{matched}"
    );
    let message = matched["message"].as_str().unwrap_or_default();
    ensure!(message.contains(&edit.field), "{message}");
    ensure!(condition(object, "Synced")["status"] == "True", "{object}");
    Ok(())
}

/// The event that somebody else changed it names the field and both values.
async fn found(resource: &Resource, edit: &Edit) -> anyhow::Result<()> {
    let wanted = format!("{}: want {}, found ", edit.field, edit.desired);
    resource
        .until_event("DriftDetected", &[&wanted, &edit.observed])
        .await?;
    Ok(())
}
