//! Provider configs: who may use which identity, and what the doctor says.

use managed::config::{ConfigSecretKeyRef, InUse, ProviderSettings};
use managed::external::{Connector as _, ExternalError, ResolvedConfig};
use managed::input::Value as Secret;
use provider_tenancy::kubernetes::settings::{Credentials, CredentialsSource};
use provider_tenancy::kubernetes::{Connector, Settings};

use crate::fixture::Fixture;

fn config(
    fixture: &Fixture,
    namespace: Option<&str>,
    settings: Settings,
    kubeconfig: &Secret,
) -> ResolvedConfig<Settings> {
    let inputs = settings
        .inputs()
        .into_iter()
        .map(|input| (input, kubeconfig.clone()));
    ResolvedConfig {
        name: "host".into(),
        namespace: namespace.map(str::to_owned),
        inputs: inputs.collect(),
        settings,
        client: fixture.testbed.client(),
    }
}

fn from_secret() -> Settings {
    Settings {
        credentials: Credentials {
            source: CredentialsSource::Secret,
            secret_ref: Some(ConfigSecretKeyRef {
                namespace: None,
                name: "host".into(),
                key: "kubeconfig".into(),
            }),
        },
        ..Settings::default()
    }
}

#[tokio::test]
async fn a_namespaced_config_uses_neither_the_providers_identity_nor_other_namespaces() {
    let fixture = Fixture::new().await;
    let admin = fixture.admin();
    for settings in [
        Settings::default(),
        Settings {
            allowed_host_namespaces: vec!["other".into()],
            ..from_secret()
        },
    ] {
        let config = config(&fixture, Some(fixture.name()), settings, &admin);
        let refused = Connector::default().connect(&config).await;
        assert!(
            matches!(refused, Err(ExternalError::Invalid(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn the_probe_says_who_the_server_takes_us_for_and_what_is_missing_where() {
    let fixture = Fixture::new().await;
    fixture.account("nobody").await;
    let kubeconfig = fixture.token_kubeconfig("nobody").await;
    let mut settings = from_secret();
    settings.allowed_host_namespaces = vec![fixture.name().into(), "vc-*".into()];
    let connector = Connector::default();
    let session = connector
        .connect(&config(&fixture, None, settings, &kubeconfig))
        .await
        .unwrap();
    let diagnosis = connector.probe(&session, &InUse::default()).await.unwrap();
    let account = format!("system:serviceaccount:{}:nobody", fixture.name());
    let server = &diagnosis.server;
    assert!(server.starts_with("Kubernetes v1."), "{server}");
    assert!(server.contains(&account), "{server}");
    let rule = r#"{apiGroups: [""], resources: [secrets], verbs: [get, create, patch, delete]}"#;
    let [missing] = diagnosis.missing_rights.as_slice() else {
        panic!("{diagnosis:?}")
    };
    assert_eq!(
        missing.remedy,
        format!("add to a Role in {}: {rule}", fixture.name())
    );
}

#[tokio::test]
async fn an_administrator_lacks_nothing() {
    let fixture = Fixture::new().await;
    let settings = Settings::injected([fixture.name()]);
    let connector = Connector::default();
    let config = config(&fixture, None, settings, &fixture.admin());
    let session = connector.connect(&config).await.unwrap();
    let diagnosis = connector.probe(&session, &InUse::default()).await.unwrap();
    assert!(diagnosis.missing_rights.is_empty(), "{diagnosis:?}");
}
