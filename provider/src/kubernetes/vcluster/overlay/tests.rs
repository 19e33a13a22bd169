use rstest::rstest;
use serde_json::json;

use super::*;
use crate::kubernetes::vcluster::profile::Version;

fn refused(overlay: &Value) -> String {
    let profile = Profile::of(Version::parse("0.36.1").unwrap()).unwrap();
    match check(overlay, profile) {
        Ok(()) => String::new(),
        Err(error) => {
            assert!(matches!(error, ExternalError::Invalid(_)));
            error.to_string()
        }
    }
}

#[rstest]
#[case(json!({}))]
#[case(json!({"logging": {"encoding": "json"}}))]
#[case(json!({"controlPlane": {"coredns": {"deployment": {"nodeSelector": {"a": "b"}}}}}))]
#[case(json!({"sync": {"toHost": {"pods": {"enforceTolerations": ["a=b:NoSchedule"]}}}}))]
#[case(json!({"experimental": {"deploy": {"vcluster": {"manifests": "---"}}}}))]
fn what_changes_nothing_else_may_be_set(#[case] overlay: Value) {
    assert_eq!(refused(&overlay), "");
}

#[rstest]
#[case(json!({"sleep": {"auto": {"afterInactivity": "1h"}}}), "config.sleep.auto.afterInactivity")]
#[case(
    json!({"controlPlane": {"backingStore": {"etcd": {"embedded": {"enabled": true}}}}}),
    "config.controlPlane.backingStore.etcd.embedded.enabled"
)]
#[case(json!({"privateNodes": {"enabled": true}}), "config.privateNodes.enabled")]
#[case(json!({"platform": "x"}), "config.platform")]
#[case(
    json!({"sync": {"toHost": {"namespaces": {"enabled": true}}}}),
    "config.sync.toHost.namespaces.enabled"
)]
fn what_needs_a_licence_is_refused_by_its_path(#[case] overlay: Value, #[case] path: &str) {
    assert_eq!(
        refused(&overlay),
        format!(
            "{path} needs a licence of vCluster; remove it; the open source vCluster is run here"
        )
    );
}

#[rstest]
#[case(json!({"rbac": {"role": {"extraRules": [{}]}}}), "config.rbac.role.extraRules", "use rbac")]
#[case(
    json!({"controlPlane": {"statefulSet": {"image": {"tag": "x"}}}}),
    "config.controlPlane.statefulSet.image.tag",
    "use images.controlPlane"
)]
#[case(
    json!({"controlPlane": {"statefulSet": {"env": [{"name": "A"}]}}}),
    "config.controlPlane.statefulSet.env",
    NO_FIELD
)]
#[case(
    json!({"experimental": {"deploy": {"host": {"manifests": "---"}}}}),
    "config.experimental.deploy.host.manifests",
    NO_FIELD
)]
#[case(
    json!({"policies": {"resourceQuota": {"enabled": true}}}),
    "config.policies.resourceQuota.enabled",
    "use isolation"
)]
#[case(json!({"exportKubeConfig": {"server": "x"}}), "config.exportKubeConfig.server", "use writeConn")]
fn what_has_a_field_of_its_own_is_refused_with_its_name(
    #[case] overlay: Value,
    #[case] path: &str,
    #[case] remedy: &str,
) {
    let words = refused(&overlay);
    assert!(
        words.starts_with(&format!("{path} cannot be set; {remedy}")),
        "{words}"
    );
}

#[rstest]
#[case(json!({"telemetri": {"enabled": true}}), "config.telemetri.enabled")]
#[case(json!({"logging": {"encodin": "json"}}), "config.logging.encodin")]
#[case(json!({"logging": "json"}), "config.logging")]
fn an_unknown_key_is_refused_by_its_path(#[case] overlay: Value, #[case] path: &str) {
    let words = refused(&overlay);
    assert!(words.contains(&format!("no option {path} that")), "{words}");
}

#[rstest]
#[case("--service-account-issuer=https://x", "serviceAccountIssuer")]
#[case("--oidc-client-id=x", "oidc")]
fn arguments_with_fields_of_their_own_are_refused(#[case] argument: &str, #[case] field: &str) {
    let overlay =
        json!({"controlPlane": {"distro": {"k8s": {"apiServer": {"extraArgs": [argument]}}}}});
    assert!(refused(&overlay).ends_with(&format!("use {field}")));
}

#[test]
fn a_huge_overlay_is_refused() {
    let text = "x".repeat(LARGEST);
    let overlay = json!({"experimental": {"deploy": {"vcluster": {"manifests": text}}}});
    assert!(refused(&overlay).contains("64 KiB"));
}
