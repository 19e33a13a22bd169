//! What is refused before anything is written.

use managed::external::{ExternalClient, ExternalError};
use provider_tenancy::kubernetes::vcluster::{AdoptionPolicy, Fragment, VClusterParameters};
use serde_json::json;

use crate::fixture::{Fixture, NAME};

#[tokio::test]
async fn a_virtual_cluster_that_somebody_else_made_is_left_alone() {
    let fixture = Fixture::new().await;
    fixture
        .kubectl(&["create", "service", "clusterip", NAME, "--tcp=80"])
        .await;
    let before = fixture.live("service", NAME).await;
    let mut resource = fixture.resource(nowhere());
    let error = fixture.pass(&mut resource).await.unwrap_err();
    assert!(
        matches!(&error, ExternalError::Blocked { by, .. } if by.starts_with("Service ")),
        "{error}"
    );
    assert_eq!(fixture.live("service", NAME).await, before);
    fixture.delete(&mut resource).await;
    assert_eq!(fixture.live("service", NAME).await, before);
    assert_eq!(fixture.remains().await, ["service/dev"]);

    resource.deleting = false;
    resource.parameters.adoption_policy = AdoptionPolicy::IfUnowned;
    fixture.pass(&mut resource).await.unwrap();
    let after = fixture.live("service", NAME).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    fixture.delete(&mut resource).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_namespace_that_holds_another_virtual_cluster_is_occupied() {
    let fixture = Fixture::new().await;
    let mut first = fixture.resource(nowhere());
    fixture.pass(&mut first).await.unwrap();
    let before = fixture.remains().await;
    let mut second = fixture.resource(nowhere());
    second.external_name = "other".into();
    second.owner.uid += "-2";
    let error = fixture.pass(&mut second).await.unwrap_err();
    assert!(
        matches!(&error, ExternalError::Blocked { by, .. } if by == "vCluster dev"),
        "{error}"
    );
    fixture.delete(&mut second).await;
    assert_eq!(fixture.remains().await, before);

    let mut same = fixture.resource(nowhere());
    same.owner.uid += "-3";
    let error = fixture.pass(&mut same).await.unwrap_err();
    assert!(
        error.to_string().contains("another managed resource"),
        "{error}"
    );
    fixture.delete(&mut same).await;
    assert_eq!(fixture.remains().await, before);
    fixture.delete(&mut first).await;
}

#[tokio::test]
async fn what_cannot_work_is_refused_and_nothing_is_written() {
    let fixture = Fixture::new().await;
    let overlay = |value: serde_json::Value| serde_json::from_value::<Fragment>(value).unwrap();
    let with = |change: &dyn Fn(&mut VClusterParameters)| {
        let mut parameters = nowhere();
        change(&mut parameters);
        parameters
    };
    let table = [
        (
            with(&|p| p.version = "0.99.0".into()),
            "vCluster 0.99.0 is not supported",
        ),
        (
            with(&|p| p.kubernetes_version = Some("v1.20.0".into())),
            "v1.20.0",
        ),
        (
            with(&|p| p.config = overlay(json!({"sleep": {"auto": {"afterInactivity": "1h"}}}))),
            "licence",
        ),
        (
            with(&|p| p.config = overlay(json!({"telemetri": {}}))),
            "config.telemetri",
        ),
        (
            with(&|p| p.namespace = Some("kube-system".into())),
            "kube-system",
        ),
        (
            with(&|p| p.namespace = Some("elsewhere".into())),
            "elsewhere",
        ),
    ];
    for (parameters, words) in table {
        let resource = fixture.resource(parameters);
        let error = fixture.session.observe(&resource).await.unwrap_err();
        assert!(
            matches!(&error, ExternalError::Invalid(_)),
            "{words}: {error:?}"
        );
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
    assert_eq!(fixture.remains().await, Vec::<String>::new());
}

/// Without a node to run on.
fn nowhere() -> VClusterParameters {
    let mut parameters = Fixture::parameters();
    let label = ("nowhere".to_owned(), "true".to_owned());
    parameters.scheduling.node_selector.extend([label]);
    parameters
}
