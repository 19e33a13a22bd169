//! A server that is sealed, stopped or started anew.

use managed::config::InUse;
use managed::external::Connector as _;
use provider_tenancy::vault::Connector;

use crate::fixture::{Did, Fixture};

#[tokio::test]
async fn a_sealed_a_stopped_and_a_restarted_server_are_told_apart_and_all_heals() {
    let fixture = Fixture::alone().await;
    let openbao = fixture.testbed.openbao();
    let mut resource = fixture.resource("a", &[]);
    resource.settle(&fixture.session).await;

    openbao.seal().await.unwrap();
    let sealed = resource.pass(&fixture.session).await;
    let probed = Connector.probe(&fixture.session, &InUse::default()).await;
    openbao.unseal().await.unwrap();
    for refused in [sealed.map(drop), probed.map(drop)] {
        let refused = refused.unwrap_err();
        assert_eq!(refused.class(), "unreachable");
        assert!(
            refused.to_string().ends_with("is sealed; unseal it"),
            "{refused}"
        );
    }
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Nothing);

    openbao.stop().await.unwrap();
    let stopped = resource.pass(&fixture.session).await;
    openbao.start().await.unwrap();
    let refused = stopped.unwrap_err();
    assert_eq!(refused.class(), "unreachable", "{refused}");
    assert!(
        refused.to_string().starts_with("cannot reach vault at"),
        "{refused}"
    );
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Nothing);
    resource.set_password("after");
    assert_eq!(
        resource.pass(&fixture.session).await.unwrap(),
        Did::Updated(vec!["data.password".into()])
    );
}
