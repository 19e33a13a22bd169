//! How the provider becomes somebody in Vault, and stays it.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use managed::config::InUse;
use managed::external::{Connector as _, ExternalError};
use provider_tenancy::vault::settings::ServiceAccountRef;
use provider_tenancy::vault::{Connector, Session, Settings};
use serde_json::{Value, json};
use testbed::{Namespace, Testbed};

use crate::fixture::{Did, Fixture, connect, resolved, settings, token_settings};

/// A ServiceAccount with a role that lets it use the fixture's mount.
struct Tenant {
    fixture: Fixture,
    namespace: Namespace,
    settings: Settings,
}

impl Tenant {
    async fn new(role: Value) -> Self {
        let fixture = Fixture::new().await;
        let namespace = fixture.testbed.namespace("vault").await.unwrap();
        service_account(&fixture.testbed, namespace.name(), "writer").await;
        let name = namespace.name();
        let rights = format!(
            r#"path "{}/*" {{ capabilities = ["create", "read", "update", "patch"] }}"#,
            fixture.mount
        );
        fixture
            .root
            .write(
                &format!("sys/policies/acl/{name}"),
                &json!({"policy": rights}),
            )
            .await
            .unwrap();
        let mut whole = json!({
            "bound_service_account_names": ["writer"],
            "bound_service_account_namespaces": [name],
            "audience": "vault",
            "token_policies": [name],
            "token_ttl": "20m",
        });
        whole
            .as_object_mut()
            .unwrap()
            .extend(role.as_object().unwrap().clone());
        fixture
            .root
            .write(&format!("auth/kubernetes/role/{name}"), &whole)
            .await
            .unwrap();
        let mut settings = settings(&fixture.testbed);
        let auth = settings.auth.kubernetes.as_mut().unwrap();
        name.clone_into(&mut auth.role);
        auth.service_account_ref = Some(ServiceAccountRef {
            namespace: Some(name.to_owned()),
            name: "writer".into(),
        });
        Self {
            fixture,
            namespace,
            settings,
        }
    }

    async fn connect(&self) -> Result<Session, ExternalError> {
        connect(&self.fixture.testbed, &self.settings, "").await
    }

    /// Logins that Vault granted for this role.
    fn logins(&self) -> usize {
        let log = std::fs::read_to_string(&self.fixture.testbed.openbao().audit_log).unwrap();
        let entries = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries
            .filter(|entry| {
                entry["type"] == "response" && entry["request"]["path"] == "auth/kubernetes/login"
            })
            .filter(|entry| {
                entry["auth"]["metadata"]["service_account_namespace"] == self.namespace.name()
            })
            .count()
    }
}

async fn service_account(testbed: &Testbed, namespace: &str, name: &str) {
    let metadata = ObjectMeta {
        name: Some(name.into()),
        ..ObjectMeta::default()
    };
    let account = ServiceAccount {
        metadata,
        ..ServiceAccount::default()
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(testbed.client(), namespace);
    accounts
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_service_account_logs_in_once_for_everybody() {
    let tenant = Tenant::new(json!({})).await;
    let session = tenant.connect().await.unwrap();
    let server = Connector.probe(&session, &InUse::default()).await.unwrap();
    assert!(server.server.starts_with("OpenBao 2."), "{server:?}");
    let passes = (0..20).map(|number| {
        let mut resource = tenant.fixture.resource(&format!("a/{number}"), &[]);
        let session = session.clone();
        async move { resource.settle(&session).await }
    });
    join_all(passes).await;
    assert_eq!(tenant.logins(), 1);
}

#[tokio::test]
async fn a_refused_login_says_what_was_presented() {
    let mut tenant = Tenant::new(json!({})).await;
    let auth = tenant.settings.auth.kubernetes.as_mut().unwrap();
    auth.audience = "elsewhere".into();
    let refused = tenant.connect().await.unwrap_err();
    assert_eq!(refused.class(), "denied");
    assert!(
        refused
            .to_string()
            .contains(r#"/writer with audience "elsewhere""#),
        "{refused}"
    );

    let auth = tenant.settings.auth.kubernetes.as_mut().unwrap();
    auth.audience = "vault".into();
    auth.role = "nobody".into();
    let refused = tenant.connect().await.unwrap_err();
    assert_eq!(refused.class(), "denied", "{refused}");
    assert!(
        refused.to_string().contains(r#"role "nobody""#),
        "{refused}"
    );

    let auth = tenant.settings.auth.kubernetes.as_mut().unwrap();
    auth.mount = "kubernetes-elsewhere".into();
    let refused = tenant.connect().await.unwrap_err();
    assert!(
        refused.to_string().contains("auth/kubernetes-elsewhere"),
        "{refused}"
    );

    let auth = tenant.settings.auth.kubernetes.as_mut().unwrap();
    auth.service_account_ref.as_mut().unwrap().name = "missing".into();
    let refused = tenant.connect().await.unwrap_err();
    assert_eq!(refused.class(), "blocked");
    assert!(
        refused.to_string().contains("/missing does not exist"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_namespaced_config_gets_no_identity_but_its_own_namespaces() {
    let tenant = Tenant::new(json!({})).await;
    let mut config = resolved(&tenant.fixture.testbed, &tenant.settings, "");
    config.namespace = Some("another".into());
    let refused = Connector.connect(&config).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("ServiceAccount of another namespace"),
        "{refused}"
    );

    config
        .settings
        .auth
        .kubernetes
        .as_mut()
        .unwrap()
        .service_account_ref = None;
    let refused = Connector.connect(&config).await.unwrap_err();
    assert!(
        refused.to_string().contains("the provider's own identity"),
        "{refused}"
    );
    config.settings.auth.kubernetes.as_mut().unwrap().token_path = Some("/etc/hostname".into());
    assert!(Connector.connect(&config).await.is_err());

    let mut config = resolved(&tenant.fixture.testbed, &tenant.settings, "");
    config.namespace = Some(tenant.namespace.name().to_owned());
    config
        .settings
        .auth
        .kubernetes
        .as_mut()
        .unwrap()
        .service_account_ref
        .as_mut()
        .unwrap()
        .namespace = None;
    Connector.connect(&config).await.unwrap();
}

#[tokio::test]
async fn a_token_file_is_read_at_login() {
    let mut tenant = Tenant::new(json!({})).await;
    let file = std::env::temp_dir().join(tenant.namespace.name());
    let auth = tenant.settings.auth.kubernetes.as_mut().unwrap();
    auth.service_account_ref = None;
    auth.token_path = Some(file.display().to_string());
    let refused = tenant.connect().await.unwrap_err();
    assert!(refused.to_string().contains("cannot read"), "{refused}");
    let ten_minutes = Duration::from_mins(10);
    let testbed = &tenant.fixture.testbed;
    let token = testbed
        .service_account_token(
            tenant.namespace.name(),
            "writer",
            Some("vault"),
            ten_minutes,
        )
        .await;
    std::fs::write(&file, token.unwrap() + "\n").unwrap();
    tenant.connect().await.unwrap();
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_once_and_nobody_notices() {
    let tenant = Tenant::new(json!({})).await;
    let session = tenant.connect().await.unwrap();
    let mut resource = tenant.fixture.resource("a", &[]);
    resource.settle(&session).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let accessors = tenant
        .fixture
        .root
        .list("auth/token/accessors")
        .await
        .unwrap();
    for accessor in accessors {
        let body = json!({"accessor": accessor});
        let found = tenant
            .fixture
            .root
            .write("auth/token/lookup-accessor", &body)
            .await;
        let is_ours = found.is_ok_and(|found| {
            found["data"]["policies"]
                .to_string()
                .contains(tenant.namespace.name())
        });
        if is_ours {
            tenant
                .fixture
                .root
                .write("auth/token/revoke-accessor", &body)
                .await
                .unwrap();
        }
    }
    let others = (0..10).map(|_| {
        let (mut resource, session) = (resource.clone(), session.clone());
        async move { resource.pass(&session).await.unwrap() }
    });
    for did in join_all(others).await {
        assert_eq!(did, Did::Nothing);
    }
    assert_eq!(tenant.logins(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_in_time_and_replaced_when_its_longest_life_ends() {
    let tenant = Tenant::new(json!({"token_ttl": "3s", "token_max_ttl": "6s"})).await;
    let session = tenant.connect().await.unwrap();
    let mut resource = tenant.fixture.resource("a", &[]);
    resource.settle(&session).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(resource.pass(&session).await.unwrap(), Did::Nothing);
    }
    assert!(
        (2..=4).contains(&tenant.logins()),
        "{} logins in 10 s",
        tenant.logins()
    );
}

#[tokio::test]
async fn a_role_whose_tokens_wear_out_is_refused() {
    let tenant = Tenant::new(json!({"token_num_uses": 5})).await;
    let refused = tenant.connect().await.unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("set token_num_uses of the role to 0"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_token_from_a_secret_that_is_not_valid_makes_the_config_not_ready() {
    let fixture = Fixture::new().await;
    let session = connect(
        &fixture.testbed,
        &token_settings(&fixture.testbed),
        "s.invalid\n",
    )
    .await
    .unwrap();
    let refused = Connector
        .probe(&session, &InUse::default())
        .await
        .unwrap_err();
    assert_eq!(refused.class(), "denied");
    assert!(
        refused
            .to_string()
            .ends_with("store a valid token with policy default in tokenSecretRef"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_session_that_is_not_needed_any_more_revokes_its_token() {
    let tenant = Tenant::new(json!({})).await;
    let session = tenant.connect().await.unwrap();
    drop(session);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let log = std::fs::read_to_string(&tenant.fixture.testbed.openbao().audit_log).unwrap();
    let revoked = log.lines().filter(|line| {
        line.contains("auth/token/revoke-self") && line.contains(tenant.namespace.name())
    });
    assert!(revoked.count() > 0);
}
