//! A namespace that is made for a virtual cluster goes with it, unless somebody else uses it.

use managed::external::Desired;
use managed::external::{ExternalClient, ExternalError};
use provider_tenancy::kubeconfig::Remotes;
use provider_tenancy::kubernetes::allowance::Allowance;
use provider_tenancy::kubernetes::{Session, VCluster};

use crate::fixture::Fixture;

#[tokio::test]
async fn a_namespace_made_for_it_goes_unless_somebody_else_uses_it() {
    let mut fixture = Fixture::new().await;
    let namespace = format!("{}-inner", fixture.namespace());
    let client = fixture.testbed.client();
    let allowance = Allowance::new(vec!["*-inner".to_owned()]);
    fixture.session = Session::new(client.clone(), client, allowance, Remotes::default());
    let mut parameters = Fixture::parameters();
    parameters.namespace = Some(namespace.clone());
    let label = ("nowhere".to_owned(), "true".to_owned());
    parameters.scheduling.node_selector.extend([label]);

    let mut resource = fixture.resource(parameters.clone());
    let missing = fixture.pass(&mut resource).await.unwrap_err();
    assert!(matches!(missing, ExternalError::Other(_)), "{missing:?}");
    resource.parameters.create_namespace = true;
    fixture.pass(&mut resource).await.unwrap();
    assert_eq!(
        fixture.pass(&mut resource).await.unwrap(),
        Vec::<String>::new()
    );
    fixture.delete(&mut resource).await;
    assert_eq!(found(&fixture, &namespace).await, "");

    let mut resource = fixture.resource(resource.parameters.clone());
    fixture.pass(&mut resource).await.unwrap();
    let map = ["--namespace", &namespace, "create", "configmap", "foreign"];
    fixture.testbed.kubectl(&map).await.unwrap();
    delete(&fixture, &mut resource).await;
    assert_eq!(
        found(&fixture, &namespace).await,
        format!("namespace/{namespace}")
    );
    let map = ["--namespace", &namespace, "get", "configmap", "foreign"];
    fixture.testbed.kubectl(&map).await.unwrap();
    let namespace = ["delete", "namespace", &namespace];
    fixture.testbed.kubectl(&namespace).await.unwrap();
}

async fn found(fixture: &Fixture, namespace: &str) -> String {
    let get = [
        "get",
        "namespace",
        namespace,
        "--ignore-not-found",
        "--output=name",
    ];
    fixture
        .testbed
        .kubectl(&get)
        .await
        .unwrap()
        .trim()
        .to_owned()
}

async fn delete(fixture: &Fixture, resource: &mut Desired<VCluster>) {
    resource.deleting = true;
    fixture.session.delete(resource).await.unwrap();
}
