//! `ClusterConnection`: what is proven is published, and what is not is explained.

use std::time::{Duration, Instant};

use managed::external::{ExternalClient, Observation};
use managed::input::Value as Secret;
use provider_tenancy::kubeconfig::{Access, Credential};
use provider_tenancy::kubernetes::ClusterConnection;
use provider_tenancy::kubernetes::cluster_connection::ClusterConnectionParameters;
use provider_tenancy::kubernetes::status::Endpoint;
use tokio::net::TcpListener;

use crate::fixture::{Did, Fixture, Managed, kubeconfig_ref, shown};

fn connection(fixture: &Fixture) -> Managed<ClusterConnection> {
    let parameters = ClusterConnectionParameters {
        kubeconfig_secret_ref: kubeconfig_ref(),
        endpoint: None,
    };
    fixture.managed("dev", parameters)
}

fn published(observation: &Observation<ClusterConnection>) -> Vec<String> {
    let Observation::Present {
        connection_details, ..
    } = observation
    else {
        panic!("it is absent")
    };
    connection_details
        .iter()
        .map(|(key, _)| key.to_owned())
        .collect()
}

#[tokio::test]
async fn a_proven_certificate_is_published_with_issuer_and_keys() {
    let fixture = Fixture::new().await;
    let mut connection = connection(&fixture);
    assert_eq!(
        connection.pass(&fixture.session).await.unwrap(),
        Did::Nothing
    );
    let observed = connection.observe(&fixture.session).await.unwrap();
    let (ready, conditions, drift) = shown(&observed);
    assert!(ready && drift.is_empty());
    assert_eq!(
        conditions[..2],
        [
            "KubeconfigAvailable=True/Available",
            "APIReachable=True/CredentialProven"
        ]
    );
    for key in [
        "kubeconfig",
        "client-key",
        "ca-cert",
        "service-account-public-keys",
    ] {
        assert!(published(&observed).contains(&key.to_owned()), "{key}");
    }
    let status = &connection.0.last;
    assert!(
        status
            .kubernetes_version
            .as_deref()
            .unwrap()
            .starts_with("v1.")
    );
    assert!(status.issuer.as_deref().unwrap().starts_with("https://"));
    assert!(status.certificate.fingerprint.is_some() && status.certificate.not_after.is_some());
    let Observation::Present {
        connection_details, ..
    } = observed
    else {
        panic!()
    };
    let kubeconfig = connection_details.get("kubeconfig").unwrap();
    assert_eq!(Access::parse(kubeconfig).unwrap(), fixture.access());
    let keys = connection_details
        .get("service-account-public-keys")
        .unwrap();
    assert!(
        keys.expose_str()
            .unwrap()
            .starts_with("-----BEGIN PUBLIC KEY-----\n")
    );
}

#[tokio::test]
async fn a_token_is_proven_as_its_account_and_published_as_such() {
    let fixture = Fixture::new().await;
    fixture.account("reader").await;
    let mut connection = connection(&fixture);
    connection.set_kubeconfig(fixture.token_kubeconfig("reader").await);
    connection.pass(&fixture.session).await.unwrap();
    let status = &connection.0.last;
    let account = format!("system:serviceaccount:{}:reader", fixture.name());
    assert_eq!(
        status.credential.username.as_deref(),
        Some(account.as_str())
    );
    assert!(status.credential.expires_at.is_some());
    let observed = connection.observe(&fixture.session).await.unwrap();
    let keys = published(&observed);
    assert!(keys.contains(&"admin-token".to_owned()) && !keys.contains(&"client-key".to_owned()));
}

#[tokio::test]
async fn a_name_that_is_not_in_the_certificate_is_told_and_can_be_given() {
    let fixture = Fixture::new().await;
    let mut connection = connection(&fixture);
    let port = fixture.access().port();
    let wrong = Endpoint {
        server: None,
        tls_server_name: Some("elsewhere.example.org".into()),
    };
    connection.0.parameters.endpoint = Some(wrong);
    let observed = connection.observe(&fixture.session).await.unwrap();
    let (ready, conditions, _) = shown(&observed);
    assert!(!ready);
    assert_eq!(conditions[1], "APIReachable=False/TLSNameMismatch");
    assert!(published(&observed).is_empty());
    let right = Endpoint {
        server: Some(format!("https://{}:{port}", fixture.access().host())),
        tls_server_name: Some("kubernetes.default.svc".into()),
    };
    connection.0.parameters.endpoint = Some(right);
    let observed = connection.observe(&fixture.session).await.unwrap();
    assert!(shown(&observed).0);
    let Observation::Present {
        connection_details, ..
    } = observed
    else {
        panic!()
    };
    let argocd = connection_details
        .get("argocd-config")
        .unwrap()
        .expose_str()
        .unwrap();
    assert!(argocd.contains(r#""serverName":"kubernetes.default.svc""#));
}

#[tokio::test]
async fn another_ca_a_dead_token_and_a_closed_port_each_have_a_reason_of_their_own() {
    let fixture = Fixture::new().await;
    let other_ca = include_str!("../postgresql_kinds/other_ca.pem");
    let mut of_another = fixture.access();
    of_another.ca = Some(other_ca.into());
    let dead = fixture
        .access()
        .with(Credential::Token(Secret::from("not-a-token")));
    let closed = fixture
        .access()
        .at(Some("https://127.0.0.1:1"), None)
        .unwrap();
    for (access, reason) in [
        (of_another, "CAMismatch"),
        (dead, "Unauthorized"),
        (closed, "Refused"),
    ] {
        let mut connection = connection(&fixture);
        connection.set_kubeconfig(access.kubeconfig("x"));
        let observed = connection.observe(&fixture.session).await.unwrap();
        assert_eq!(
            shown(&observed).1[1],
            format!("APIReachable=False/{reason}")
        );
        assert!(published(&observed).is_empty());
    }
}

#[tokio::test]
async fn a_server_that_never_answers_costs_a_bounded_time() {
    let fixture = Fixture::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let hanging = fixture.access().at(Some(&address), None).unwrap();
    let mut connection = connection(&fixture);
    connection.set_kubeconfig(hanging.kubeconfig("x"));
    let started = Instant::now();
    let observed = connection.observe(&fixture.session).await.unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(shown(&observed).1[1], "APIReachable=False/Timeout");
}

#[tokio::test]
async fn one_client_serves_all_passes_until_the_kubeconfig_changes() {
    let fixture = Fixture::new().await;
    fixture.account("reader").await;
    let mut connection = connection(&fixture);
    for _ in 0..3 {
        connection.pass(&fixture.session).await.unwrap();
    }
    assert_eq!(fixture.session.remotes().len(), 1);
    connection.set_kubeconfig(fixture.token_kubeconfig("reader").await);
    connection.pass(&fixture.session).await.unwrap();
    assert_eq!(fixture.session.remotes().len(), 2);
}

#[tokio::test]
async fn deletion_touches_nothing_and_needs_no_kubeconfig() {
    let fixture = Fixture::new().await;
    let mut deleting = connection(&fixture).deleting();
    assert_eq!(
        deleting.pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
    assert!(
        fixture.session.remotes().is_empty(),
        "no cluster was called"
    );
    fixture.session.delete(&deleting.0).await.unwrap();
}
