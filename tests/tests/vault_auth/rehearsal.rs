//! Plans: what is told and not done is exactly what would be done.

use managed::external::{Desired, ExternalClient};
use managed::kind::Kind;
use managed::rehearsal::PlannedStep;
use provider_tenancy::vault::auth_mount::AuthMountParameters;
use provider_tenancy::vault::mount::MountParameters;
use provider_tenancy::vault::policy::{Capability, PolicyParameters, PolicyRule};
use provider_tenancy::vault::{AuthMount, Connector, Mount, Policy, Session};
use serde_json::Value;
use testbed::openbao::client::Method;

use crate::cluster::{Cluster, minting};
use crate::fixture::{Fixture, owned};
use crate::pass::{self, drift, remove};

/// Sends by hand what a plan says.
async fn carry_out(fixture: &Fixture, steps: &[PlannedStep]) {
    for PlannedStep { action, .. } in steps {
        let mut words = action.splitn(3, ' ');
        let method = match words.next() {
            Some("POST") => Method::POST,
            Some("DELETE") => Method::DELETE,
            other => panic!("{other:?}"),
        };
        let path = words.next().unwrap();
        let body: Option<Value> = words.next().map(|body| serde_json::from_str(body).unwrap());
        let answer = fixture.root.request(method, path, body.as_ref()).await;
        let answer = answer.unwrap();
        assert!(answer.status < 300, "{action}: {}", answer.body);
    }
}

/// Nothing is there after the plan; everything is after it was carried out by hand.
async fn plan_and_do<K: Kind>(fixture: &Fixture, desired: &mut Desired<K>)
where
    Session: ExternalClient<K>,
{
    let before = drift(&fixture.session, desired).await;
    let steps = pass::plan(&Connector, &fixture.session, desired).await;
    assert_eq!(drift(&fixture.session, desired).await, before, "{steps:?}");
    carry_out(fixture, &steps).await;
    let after = drift(&fixture.session, desired).await;
    assert_eq!(after, [""; 0], "{} after {steps:?}", K::KIND);
}

#[tokio::test]
async fn a_plan_that_is_carried_out_by_hand_leaves_nothing_to_do() {
    let fixture = Fixture::new().await;
    let rule = |path: &str| vec![PolicyRule::path(path, [Capability::Read])];
    let parameters = PolicyParameters::new(fixture.name("dev"), rule("secret/data/dev/*"));
    let mut policy = owned::<Policy>("u1", parameters);
    plan_and_do(&fixture, &mut policy).await;
    policy.parameters.rules = Some(rule("secret/data/prod/*"));
    plan_and_do(&fixture, &mut policy).await;
    let mut engine = owned::<Mount>("u2", MountParameters::kv_v2(fixture.name("kv")));
    plan_and_do(&fixture, &mut engine).await;
    engine.parameters.description = Some("for teams".into());
    plan_and_do(&fixture, &mut engine).await;
    let parameters = AuthMountParameters::new(fixture.name("jwt"), "jwt");
    let mut way_in = owned::<AuthMount>("u3", parameters);
    plan_and_do(&fixture, &mut way_in).await;
    remove(&fixture.session, &mut policy).await;
    remove(&fixture.session, &mut way_in).await;
}

#[tokio::test]
async fn a_planned_reviewer_is_neither_minted_nor_written() {
    let cluster = Cluster::new().await;
    let fixture = &cluster.fixture;
    let mut config = minting(&cluster);
    let steps = pass::plan(&Connector, &fixture.session, &mut config).await;
    let actions: Vec<_> = steps.iter().map(|step| step.action.as_str()).collect();
    assert!(
        actions[0].starts_with("request a token for "),
        "{actions:?}"
    );
    let path = format!("POST auth/{}/config ", cluster.mount);
    assert!(actions[1].starts_with(&path), "{actions:?}");
    let masked = r#""token_reviewer_jwt":"(sensitive)""#;
    assert!(actions[1].contains(masked), "{actions:?}");
    assert_eq!(drift(&fixture.session, &config).await, ["absent"]);
}
