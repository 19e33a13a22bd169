//! The proof of a role: a login that is really made, and what it tells when something is wrong.

use managed::condition::Truth;
use managed::external::{Desired, ExternalClient, Observation, Readiness};
use managed::input::Value as Secret;
use provider_tenancy::vault::auth_role::AuthRoleObservation;
use provider_tenancy::vault::proof::VAULT_LOGIN_PROVEN;
use provider_tenancy::vault::{KubernetesAuthRole, Session};
use serde_json::json;

use crate::cluster::{Cluster, minting};
use crate::pass::apply;

/// What a look shows: the condition's status and reason, whether it is ready, and the message.
async fn shown(
    session: &Session,
    role: &mut Desired<KubernetesAuthRole>,
) -> (Truth, &'static str, bool, String) {
    let observed = session.observe(role).await.unwrap();
    let Observation::Present {
        at_provider,
        ready,
        conditions,
        look_again,
        ..
    } = observed
    else {
        panic!("it is absent")
    };
    assert!(look_again.is_some(), "nobody looks again");
    role.last = at_provider;
    let claim = conditions
        .into_iter()
        .find(|claim| claim.kind == VAULT_LOGIN_PROVEN)
        .unwrap();
    (
        claim.status,
        claim.reason,
        ready == Readiness::Ready,
        claim.message,
    )
}

/// A cluster that Vault knows, and a role with a proof that was written.
async fn ready() -> (Cluster, Desired<KubernetesAuthRole>) {
    let cluster = Cluster::new().await;
    apply(&cluster.fixture.session, &mut minting(&cluster)).await;
    cluster.allow("clusters/dev").await;
    let mut role = cluster.proving_role();
    apply(&cluster.fixture.session, &mut role).await;
    (cluster, role)
}

/// A process that has just been started.
async fn restarted(cluster: &Cluster) -> Session {
    let rights = format!(
        r#"path "auth/{}/*" {{ capabilities = ["read", "update"] }}"#,
        cluster.mount
    );
    cluster.fixture.session_with(&rights).await
}

#[tokio::test]
async fn a_role_is_ready_when_a_login_was_proven_and_a_steady_look_logs_in_no_more() {
    let (cluster, mut role) = ready().await;
    let fixture = &cluster.fixture;
    let proven = shown(&fixture.session, &mut role).await;
    let message = format!(
        "ServiceAccount {}/api logs in, reads {kv}/data/clusters/dev and is refused {kv}/data/clusters/prod",
        cluster.namespace.name(),
        kv = cluster.kv
    );
    assert_eq!(proven, (Truth::True, "Proven", true, message));
    let (login, role_path) = (
        format!("auth/{}/login", cluster.mount),
        format!("auth/{}/role/reader", cluster.mount),
    );
    let (logins, reads) = (
        fixture.audited(&login, "update"),
        fixture.audited(&role_path, "read"),
    );
    let session = restarted(&cluster).await;
    for _ in 0..3 {
        assert_eq!(shown(&session, &mut role).await.1, "Proven");
    }
    assert_eq!(
        fixture.audited(&login, "update"),
        logins,
        "it logged in again"
    );
    assert_eq!(fixture.audited(&role_path, "read"), reads + 3);
    let told = format!("{role:?} {}", json!(role.last));
    assert!(!told.contains("eyJ"), "a token is shown: {told}");
}

#[tokio::test]
async fn a_policy_that_allows_too_little_or_too_much_is_told_with_what_to_change() {
    let (cluster, mut role) = ready().await;
    cluster.allow("elsewhere").await;
    role.last = AuthRoleObservation::default();
    let (truth, reason, ready, message) = shown(&restarted(&cluster).await, &mut role).await;
    assert_eq!(
        (truth, reason, ready),
        (Truth::False, "AllowedPathDenied", false)
    );
    let line = format!(
        r#"path "{}/data/clusters/dev" {{ capabilities = ["read"] }}"#,
        cluster.kv
    );
    assert!(message.ends_with(&line), "{message}");

    cluster.allow("clusters/*").await;
    role.last = AuthRoleObservation::default();
    let (truth, reason, ready, message) = shown(&restarted(&cluster).await, &mut role).await;
    assert_eq!(
        (truth, reason, ready),
        (Truth::False, "DeniedPathReadable", false)
    );
    assert!(message.ends_with("narrow the role's policies"), "{message}");
}

#[tokio::test]
async fn a_login_that_is_refused_and_a_cluster_that_mints_no_token_are_told_apart() {
    let (cluster, mut role) = ready().await;
    let session = restarted(&cluster).await;
    role.parameters.proof.as_mut().unwrap().service_account.name = "other".into();
    let (truth, reason, ready, message) = shown(&session, &mut role).await;
    assert_eq!(
        (truth, reason, ready),
        (Truth::False, "LoginRefused", false)
    );
    assert!(message.contains("check bindings, audience"), "{message}");
    role.parameters.proof.as_mut().unwrap().service_account.name = "nobody".into();
    let (truth, reason, ready, message) = shown(&session, &mut role).await;
    assert_eq!(
        (truth, reason, ready),
        (Truth::Unknown, "TokenRefused", false)
    );
    assert!(message.contains("nobody"), "{message}");
    let proof = role.parameters.proof.clone().unwrap();
    role.inputs
        .insert(proof.input(), Secret::from("not a kubeconfig"));
    assert_eq!(shown(&session, &mut role).await.1, "TokenRefused");
}

#[tokio::test]
async fn a_proof_is_made_anew_when_the_same_session_changes_what_it_depends_on() {
    let (cluster, mut role) = ready().await;
    let fixture = &cluster.fixture;
    assert_eq!(shown(&fixture.session, &mut role).await.1, "Proven");
    let path = format!("auth/{}/role/reader", cluster.mount);
    fixture
        .root
        .write(&path, &json!({"audience": "other"}))
        .await
        .unwrap();
    assert_eq!(
        shown(&fixture.session, &mut role).await.1,
        "LoginRefused",
        "drift is tried, too"
    );
    apply(&fixture.session, &mut role).await;
    assert_eq!(shown(&fixture.session, &mut role).await.1, "Proven");
}
