//! Plans: the requests that would be sent, in order, without a value that is secret.

use managed::rehearsal::PlannedStep;
use provider_tenancy::vault::Connector;
use provider_tenancy::vault::kv_secret::{DeletionPolicy, ValueSource};

use crate::fixture::{CANARY, Fixture, Resource};
use crate::pass;

async fn plan(fixture: &Fixture, resource: &mut Resource) -> Vec<String> {
    let steps = pass::plan(&Connector, &fixture.session, &mut resource.0).await;
    let address = &fixture.testbed.openbao().address;
    let shown = |PlannedStep { target, action }| {
        assert_eq!(target, *address);
        action
    };
    let steps: Vec<_> = steps.into_iter().map(shown).collect();
    assert!(!steps.iter().any(|step| step.contains(CANARY)), "{steps:?}");
    steps
}

#[tokio::test]
async fn a_planned_secret_shows_its_keys_and_leaves_vault_alone() {
    let fixture = Fixture::new().await;
    let mount = &fixture.mount;
    let mut resource = fixture.resource("a", &[("host", ValueSource::literal("db"))]);
    let steps = plan(&fixture, &mut resource).await;
    let written = r#"{"data":{"host":"(sensitive)","password":"(sensitive)"},"options":{"cas":0}}"#;
    assert_eq!(steps[0], format!("POST {mount}/data/a {written}"));
    let mark =
        format!(r#"PATCH {mount}/metadata/a {{"custom_metadata":{{"tenancy.pnats.cloud/owner."#);
    assert!(steps[1].starts_with(&mark), "{}", steps[1]);
    assert_eq!(steps.len(), 2);
    assert_eq!(fixture.read("a").await.0, 404);
}

#[tokio::test]
async fn a_planned_change_is_decided_on_the_version_that_is_there() {
    let fixture = Fixture::new().await;
    let mount = &fixture.mount;
    let mut resource = fixture.resource("a", &[]);
    resource.settle(&fixture.session).await;
    resource.set_password("another");
    let written = r#"{"data":{"password":"(sensitive)"},"options":{"cas":1}}"#;
    assert_eq!(
        plan(&fixture, &mut resource).await,
        [format!("POST {mount}/data/a {written}")]
    );
    assert_eq!(fixture.data("a").await["password"], CANARY);
}

#[tokio::test]
async fn a_planned_deletion_says_how_much_goes() {
    let fixture = Fixture::new().await;
    let mount = &fixture.mount;
    for (policy, first) in [
        (
            DeletionPolicy::SoftDelete,
            r#"POST {mount}/delete/a {"versions":[1]}"#,
        ),
        (
            DeletionPolicy::Destroy,
            r#"POST {mount}/destroy/a {"versions":[1]}"#,
        ),
        (DeletionPolicy::Purge, "DELETE {mount}/metadata/a"),
    ] {
        let mut resource = fixture.resource("a", &[]);
        resource.0.parameters.deletion_policy = policy;
        resource.settle(&fixture.session).await;
        let steps = plan(&fixture, &mut resource.deleting()).await;
        assert_eq!(steps[0], first.replace("{mount}", mount), "{policy:?}");
        assert_eq!(fixture.data("a").await["password"], CANARY);
    }
}
