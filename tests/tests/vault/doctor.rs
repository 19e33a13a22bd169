//! The doctor: the lines of policy it names for a secret are the ones that are missing, and they are
//! enough.

use managed::config::InUse;
use managed::external::Connector as _;
use managed::kind::Kind;
use provider_tenancy::vault::{Connector, KvSecret};

use crate::fixture::{Did, Fixture};

#[tokio::test]
async fn the_lines_the_doctor_names_for_a_secret_are_enough_to_keep_it() {
    let fixture = Fixture::new().await;
    let mount = &fixture.mount;
    let mut in_use = InUse::default();
    in_use.insert(KvSecret::KIND, format!("{mount}/dev/orders"));
    let nobody = fixture.session_with("# nothing").await;
    let diagnosis = Connector.probe(&nobody, &in_use).await.unwrap();
    let missing = diagnosis.missing_rights.iter();
    let lines: Vec<_> = missing.map(|missing| missing.remedy.as_str()).collect();
    assert_eq!(
        lines,
        [
            format!(
                r#"path "{mount}/data/dev/orders" {{ capabilities = ["create", "read", "update"] }}"#
            ),
            format!(r#"path "{mount}/metadata/dev/orders" {{ capabilities = ["patch"] }}"#),
        ]
    );
    let somebody = fixture.session_with(&lines.join("\n")).await;
    let mut resource = fixture.resource("dev/orders", &[]);
    assert_eq!(resource.pass(&somebody).await.unwrap(), Did::Created);
    let diagnosis = Connector.probe(&somebody, &in_use).await.unwrap();
    assert!(diagnosis.missing_rights.is_empty(), "{diagnosis:?}");
}
