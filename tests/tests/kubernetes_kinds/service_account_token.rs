//! `ServiceAccountToken`: a token that works is published, kept while it is good, and replaced when not.

use managed::external::{ExternalClient, ExternalError, Observation};
use managed::input::Value as Secret;
use managed::{ConnectionDetails, external::Readiness};
use provider_tenancy::kubeconfig::{Access, Credential, probe};
use provider_tenancy::kubernetes::ServiceAccountToken;
use provider_tenancy::kubernetes::service_account_token::ServiceAccountTokenParameters;
use provider_tenancy::kubernetes::status::Endpoint;

use crate::fixture::{Did, Fixture, Managed, kubeconfig_ref, shown};

fn token(fixture: &Fixture, account: &str) -> Managed<ServiceAccountToken> {
    let parameters = ServiceAccountTokenParameters::new(kubeconfig_ref(), fixture.name(), account);
    let mut managed = fixture.managed(account, parameters);
    managed.0.connection = Some(ConnectionDetails::none());
    managed
}

fn stored(token: &Managed<ServiceAccountToken>, key: &str) -> String {
    let value = token.0.stored(key).unwrap();
    value.expose_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_token_logs_in_as_its_account_and_is_kept() {
    let fixture = Fixture::new().await;
    fixture.account("reader").await;
    let mut token = token(&fixture, "reader");
    let pass = token.pass(&fixture.session).await.unwrap();
    assert_eq!(pass, Did::Created);
    let username = format!("system:serviceaccount:{}:reader", fixture.name());
    let status = token.0.last.clone();
    assert_eq!(status.credential.username.as_ref(), Some(&username));
    assert!(status.credential.expires_at > status.renew_at && status.renew_at.is_some());
    let kubeconfig = Secret::from(stored(&token, "kubeconfig"));
    let access = Access::parse(&kubeconfig).unwrap();
    let given = fixture.access();
    assert_eq!((&access.server, &access.ca), (&given.server, &given.ca));
    let client = access.client().unwrap();
    assert_eq!(probe::identity(&client).await.unwrap(), Some(username));

    let before = stored(&token, "token");
    let pass = token.pass(&fixture.session).await.unwrap();
    assert_eq!((pass, stored(&token, "token")), (Did::Nothing, before));
    let observed = token.observe(&fixture.session).await.unwrap();
    let (ready, conditions, _) = shown(&observed);
    assert!(ready);
    assert_eq!(conditions, ["APIReachable=True/CredentialProven"]);
}

#[tokio::test]
async fn a_token_that_is_not_the_accounts_is_replaced() {
    let fixture = Fixture::new().await;
    fixture.account("reader").await;
    let mut token = token(&fixture, "reader");
    token.pass(&fixture.session).await.unwrap();
    let first = stored(&token, "token");
    let replaced = Did::Updated(vec!["token".into()]);
    let details = token.0.connection.as_mut().unwrap();
    details.insert("token", "edited by hand");
    let pass = token.pass(&fixture.session).await.unwrap();
    assert_eq!(pass, replaced);
    assert!(stored(&token, "token").starts_with("eyJ"));

    fixture.kubectl(&["delete", "sa", "reader"]).await;
    fixture.account("reader").await;
    let pass = token.pass(&fixture.session).await.unwrap();
    assert_eq!(pass, replaced);
    assert_ne!(stored(&token, "token"), first);
}

#[tokio::test]
async fn another_address_of_the_cluster_is_published_with_the_same_token() {
    let fixture = Fixture::new().await;
    fixture.account("reader").await;
    let mut token = token(&fixture, "reader");
    token.pass(&fixture.session).await.unwrap();
    let address = ["-o", "jsonpath={.spec.clusterIP}"];
    let service = ["get", "service", "kubernetes", "-n", "default"];
    let address = [&service[..], &address].concat();
    let address = fixture.testbed.kubectl(&address).await.unwrap();
    let server = format!("https://{address}:443");
    token.0.parameters.endpoint = Some(Endpoint {
        server: Some(server.clone()),
        tls_server_name: Some("kubernetes.default.svc".into()),
    });
    let observed = token.observe(&fixture.session).await.unwrap();
    let Observation::Present {
        connection_details,
        ready: Readiness::Ready,
        ..
    } = observed
    else {
        panic!("{observed:?}")
    };
    let value = |key| connection_details.get(key).unwrap().expose_str().unwrap();
    assert_eq!(value("endpoint"), server);
    assert_eq!(value("token"), stored(&token, "token"));
    let access = Access::parse(&Secret::from(value("kubeconfig"))).unwrap();
    assert_eq!(access.server, server);
    assert!(matches!(access.credential, Credential::Token(_)));
}

#[tokio::test]
async fn an_account_that_is_missing_and_a_secret_that_is_not_named_are_said_with_the_remedy() {
    let fixture = Fixture::new().await;
    let mut nobody = token(&fixture, "nobody");
    let error = nobody.observe(&fixture.session).await.unwrap_err();
    assert!(matches!(error, ExternalError::Blocked { .. }), "{error:?}");
    let expected = format!(
        "ServiceAccount {}/nobody does not exist in the cluster; create it, or correct serviceAccount",
        fixture.name()
    );
    assert_eq!(error.to_string(), expected);
    nobody.0.connection = None;
    let error = nobody.observe(&fixture.session).await.unwrap_err();
    let expected = "there is no Secret to write the token to; set spec.writeConnectionSecretToRef";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn deletion_touches_nothing_and_needs_no_kubeconfig() {
    let fixture = Fixture::new().await;
    let mut deleting = token(&fixture, "reader").deleting();
    let pass = deleting.pass(&fixture.session).await.unwrap();
    assert_eq!(pass, Did::Finalized);
    fixture.session.delete(&deleting.0).await.unwrap();
    assert!(fixture.session.remotes().is_empty(), "a cluster was called");
}
