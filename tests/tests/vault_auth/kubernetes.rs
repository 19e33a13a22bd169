//! Kubernetes auth against the testbed's own API server: who gets in, and what Vault holds of the
//! cluster.

use provider_tenancy::vault::KubernetesAuthRole;
use serde_json::json;

use crate::cluster::{Cluster, minting};
use crate::fixture::{owned, refusal};
use crate::pass::{apply, drift, remove, repairs, status};

#[tokio::test]
async fn the_bound_service_account_gets_in_with_the_right_audience_and_nobody_else() {
    let cluster = Cluster::new().await;
    let fixture = &cluster.fixture;
    apply(&fixture.session, &mut minting(&cluster)).await;
    apply(&fixture.session, &mut cluster.role()).await;
    for (account, audience, expected) in [
        ("api", "vault", 200),
        ("other", "vault", 403),
        ("api", "https://kubernetes.default.svc", 403),
    ] {
        let jwt = cluster.token(account, audience).await;
        let (status, _) = fixture.log_in(&cluster.mount, "reader", &jwt).await;
        assert_eq!(status, expected, "{account} for {audience}");
    }
}

#[tokio::test]
async fn the_reviewers_token_is_minted_renewed_in_time_and_never_shown() {
    let cluster = Cluster::new().await;
    let fixture = &cluster.fixture;
    let mut config = minting(&cluster);
    apply(&fixture.session, &mut config).await;
    config.last = status(&fixture.session, &config).await;
    let reviewer = config.last.reviewer.clone().unwrap();
    assert!(reviewer.renew_at < reviewer.expires_at && reviewer.renew_at.is_some());
    let shown = format!("{config:?} {}", json!(config.last));
    assert!(!shown.contains("eyJ"), "a token is shown: {shown}");

    let path = format!("auth/{}/config", cluster.mount);
    let written = fixture.audited(&path, "update") + fixture.audited(&path, "create");
    let later = fixture
        .session_with(&format!(
            r#"path "{path}" {{ capabilities = ["read", "create", "update"] }}"#
        ))
        .await;
    assert_eq!(
        drift(&later, &config).await,
        Vec::<String>::new(),
        "a new process knows it by the status"
    );
    config.last.reviewer.as_mut().unwrap().renew_at = Some("2020-01-01T00:00:00Z".into());
    repairs(
        &later,
        &mut config,
        "four fifths of its life",
        &["reviewer"],
    )
    .await;
    let writes = fixture.audited(&path, "update") + fixture.audited(&path, "create");
    assert_eq!(writes, written + 1);
    let renewed = status(&later, &config).await.reviewer.unwrap();
    assert!(renewed.renew_at >= reviewer.renew_at);
    assert_ne!(renewed.renew_at.as_deref(), Some("2020-01-01T00:00:00Z"));
}

#[tokio::test]
async fn a_changed_host_keeps_the_reviewer_and_hand_edits_are_repaired() {
    let cluster = Cluster::new().await;
    let fixture = &cluster.fixture;
    let mut config = minting(&cluster);
    apply(&fixture.session, &mut config).await;
    let path = format!("auth/{}/config", cluster.mount);
    let edit = json!({"kubernetes_host": "https://10.0.0.1:6443", "kubernetes_ca_cert": "x", "disable_local_ca_jwt": true});
    fixture.root.write(&path, &edit).await.unwrap();
    let fields = ["kubernetesHost", "kubernetesCaCert", "reviewer"];
    repairs(&fixture.session, &mut config, "another host", &fields).await;
    let found = fixture.root.read(&path).await.unwrap().unwrap();
    assert_eq!(found["token_reviewer_jwt_set"], true);
    apply(&fixture.session, &mut cluster.role()).await;
    let jwt = cluster.token("api", "vault").await;
    assert_eq!(fixture.log_in(&cluster.mount, "reader", &jwt).await.0, 200);

    config.parameters.reviewer = None;
    repairs(&fixture.session, &mut config, "no reviewer", &["reviewer"]).await;
    let found = fixture.root.read(&path).await.unwrap().unwrap();
    assert_eq!(found["token_reviewer_jwt_set"], false);
}

#[tokio::test]
async fn a_configuration_that_somebody_else_wrote_is_overwritten_only_on_request() {
    let cluster = Cluster::new().await;
    let fixture = &cluster.fixture;
    let path = format!("auth/{}/config", cluster.mount);
    let theirs = json!({"kubernetes_host": "https://10.0.0.1:6443", "kubernetes_ca_cert": "x", "disable_local_ca_jwt": true});
    fixture.root.write(&path, &theirs).await.unwrap();
    let (class, words) = refusal(&fixture.session, &mut cluster.config()).await;
    assert_eq!(class, "blocked");
    assert!(
        words.ends_with("set adopt: IfUnowned, or choose another name"),
        "{words}"
    );
    let mut equal = cluster.config();
    let ours = json!({
        "kubernetes_host": fixture.testbed.api_server(), "disable_local_ca_jwt": true,
        "kubernetes_ca_cert": fixture.testbed.openbao().ca_pem().unwrap(),
    });
    fixture.root.write(&path, &ours).await.unwrap();
    apply(&fixture.session, &mut equal).await;
    remove(&fixture.session, &mut equal).await;
    assert!(
        fixture.root.read(&path).await.unwrap().is_some(),
        "vault cannot forget it"
    );
}

#[tokio::test]
async fn hand_edits_of_a_role_are_repaired_and_an_overlap_is_told() {
    let cluster = Cluster::new().await;
    let fixture = &cluster.fixture;
    let mut role = cluster.role();
    apply(&fixture.session, &mut role).await;
    assert_eq!(
        status(&fixture.session, &role).await.overlaps_with,
        Vec::<String>::new()
    );
    let path = format!("auth/{}/role/reader", cluster.mount);
    let edit = json!({"bound_service_account_namespaces": ["*"], "token_policies": ["root"], "token_ttl": "99h", "audience": "x"});
    fixture.root.write(&path, &edit).await.unwrap();
    let fields = [
        "boundServiceAccountNamespaces",
        "audience",
        "token.policies",
        "token.ttl",
    ];
    repairs(&fixture.session, &mut role, "a wide role", &fields).await;

    let mut wide = owned::<KubernetesAuthRole>("u2", role.parameters.clone());
    wide.parameters.name = "wide".into();
    wide.parameters.bound_service_account_namespaces = vec!["*".into()];
    apply(&fixture.session, &mut wide).await;
    assert_eq!(
        status(&fixture.session, &wide).await.overlaps_with,
        ["reader"]
    );
    remove(&fixture.session, &mut wide).await;
    remove(&fixture.session, &mut role).await;
    assert_eq!(fixture.root.read(&path).await.unwrap(), None);
}
