//! Nobody gets into an environment that is not theirs: each login and each read that must fail does.

use anyhow::ensure;
use futures::future::try_join_all;
use testbed::product::Flavour;
use testbed::story::Stage;

use crate::team::Team;

const ENVIRONMENTS: [&str; 2] = ["dev", "staging"];
/// Namespace and name of the account that each environment lets in.
const WORKLOAD: (&str, &str) = ("external-secrets-system", "external-secrets");

/// A token for Vault's audience, and where it comes from.
struct Bearer {
    from: String,
    /// The only environment it may enter.
    home: Option<&'static str>,
    token: String,
}

#[tokio::test]
async fn each_environment_lets_its_own_workload_in_and_nobody_else() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "iso").await?;
    let teams = ENVIRONMENTS.map(|environment| Team::of(&stage, environment));
    try_join_all(teams.iter().map(Team::claim)).await?;
    let mut bearers = Vec::from(host_bearers(&stage).await?);
    for team in &teams {
        bearers.extend(inside_bearers(team).await?);
    }
    let mut wrong = Vec::new();
    for bearer in &bearers {
        for team in &teams {
            wrong.extend(judge(bearer, team, &teams).await?);
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    eprintln!(
        "isolation: {} tokens at {} doors, one opens to each of {}",
        bearers.len(),
        teams.len(),
        teams.len()
    );
    for team in &teams {
        team.delete().await?;
    }
    for team in &teams {
        team.until_nothing_is_left().await?;
    }
    leave_host(&stage).await?;
    stage.finish().await
}

/// The workload of a cluster, and an account that nobody has let in.
async fn inside_bearers(team: &Team<'_>) -> anyhow::Result<[Bearer; 2]> {
    let status = team.ready().await?;
    let cluster = team.cluster_from_vault(&status).await?;
    let environment = team.environment;
    let (namespace, account) = WORKLOAD;
    Ok([
        Bearer {
            from: format!("the workload of {environment}"),
            home: Some(environment),
            token: cluster.token(namespace, account).await?,
        },
        Bearer {
            from: format!("another account of {environment}"),
            home: None,
            token: cluster.token("default", "default").await?,
        },
    ])
}

/// Accounts of the host cluster, one of them with the name of the workload that is let in.
async fn host_bearers(stage: &Stage) -> anyhow::Result<[Bearer; 2]> {
    let (namespace, account) = WORKLOAD;
    let manifests = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n---\n\
         apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {account}, namespace: {namespace}}}\n"
    );
    stage.testbed.apply(&manifests).await?;
    let token = async |namespace: &str, account: &str| {
        let create = ["create", "token", account, "-n", namespace];
        let create = [&create[..], &["--audience", "vault"]].concat();
        let token = stage.testbed.kubectl(&create).await?;
        anyhow::Ok(token.trim().to_owned())
    };
    Ok([
        Bearer {
            from: "the host's account of the same name".to_owned(),
            home: None,
            token: token(namespace, account).await?,
        },
        Bearer {
            from: "another account of the host".to_owned(),
            home: None,
            token: token(stage.name(), "default").await?,
        },
    ])
}

async fn leave_host(stage: &Stage) -> anyhow::Result<()> {
    let delete = ["delete", "namespace", WORKLOAD.0, "--wait=false"];
    stage.testbed.kubectl(&delete).await.map(drop)
}

/// What a token can do at an environment's door, and behind it, that it should not, or cannot that it should.
async fn judge(bearer: &Bearer, team: &Team<'_>, all: &[Team<'_>]) -> anyhow::Result<Vec<String>> {
    let (from, to) = (&bearer.from, team.environment);
    let login = team.log_in(&bearer.token).await;
    let mut wrong = Vec::new();
    match (login, bearer.home == Some(to)) {
        (Ok(_), false) => wrong.push(format!("{from} gets into {to}")),
        (Err(error), true) => wrong.push(format!("{from} does not get into {to}: {error:#}")),
        (Err(_), false) => {}
        (Ok(token), true) => {
            for other in all {
                let environment = other.environment;
                let apps = format!("apps/{environment}/anything");
                if team.may_read(&token, &apps).await? != (environment == to) {
                    wrong.push(format!("{from} at {apps}"));
                }
                let databases = format!("infrastructure/databases/{environment}/anything");
                if team.may_read(&token, &databases).await? != (environment == to) {
                    wrong.push(format!("{from} at {databases}"));
                }
                if team.may_read(&token, &other.vault_path()).await? {
                    wrong.push(format!("{from} reads the kubeconfig of {environment}"));
                }
            }
        }
    }
    Ok(wrong)
}
