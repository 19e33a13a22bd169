//! The table of the module, and the dates.

use managed::input::Value;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;
use crate::kubeconfig::Reason;

fn access(until: Option<i32>) -> Access {
    let credential = match until {
        None => Credential::Token(Value::from("hunter2")),
        Some(year) => {
            let key = KeyPair::generate().unwrap();
            let mut parameters = CertificateParams::new(vec!["client".to_owned()]).unwrap();
            parameters.not_before = date_time_ymd(2025, 1, 1);
            parameters.not_after = date_time_ymd(year, 1, 1);
            Credential::ClientCertificate {
                certificate: parameters.self_signed(&key).unwrap().pem(),
                key: Value::from(key.serialize_pem()),
            }
        }
    };
    Access {
        server: "https://dev:6443".into(),
        tls_server_name: None,
        ca: None,
        credential,
        disable_compression: false,
    }
}

fn proven(now: Option<&str>) -> Answers {
    Answers {
        proof: Ok(Proof {
            version: "v1.36.4".into(),
            username: Some("admin".into()),
            now: now.map(at),
        }),
        issuer: Ok(Issuer {
            issuer: "https://dev".into(),
            public_keys: vec!["KEY\n".into()],
        }),
    }
}

fn failed(reason: Reason) -> Answers {
    let error = Error::Call {
        operation: "read /readyz".into(),
        reason,
        cause: "no".into(),
        may_have_happened: false,
    };
    Answers {
        proof: Err(error.clone()),
        issuer: Err(error),
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn shown(health: &Health) -> Vec<(&str, &str)> {
    health
        .conditions
        .iter()
        .map(|claim| (claim.status.as_str(), claim.reason))
        .collect()
}

#[test]
fn a_proven_credential_is_published_whole() {
    let health = judge(
        &access(Some(2030)),
        proven(None),
        "dev",
        at("2026-11-25T00:00:00Z"),
    );
    assert_eq!(health.ready, Readiness::Ready);
    assert_eq!(
        shown(&health),
        [
            ("True", "Available"),
            ("True", "CredentialProven"),
            ("True", "Valid")
        ]
    );
    let keys: Vec<_> = health.details.iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "api-url",
            "argocd-config",
            "argocd-server",
            "client-certificate",
            "client-key",
            "endpoint",
            "host",
            "kubeconfig",
            "port",
            "service-account-issuer",
            "service-account-public-keys",
        ]
    );
    assert_eq!(health.status.kubernetes_version.as_deref(), Some("v1.36.4"));
    assert_eq!(health.status.issuer.as_deref(), Some("https://dev"));
}

#[test]
fn an_unproven_credential_publishes_nothing_and_is_looked_at_again_soon() {
    for reason in [
        Reason::CaMismatch,
        Reason::TlsNameMismatch,
        Reason::Timeout,
        Reason::Unauthorized,
    ] {
        let health = judge(
            &access(None),
            failed(reason),
            "dev",
            at("2026-11-25T00:00:00Z"),
        );
        assert!(health.details.is_empty());
        assert!(matches!(health.ready, Readiness::NotReady(_)));
        assert_eq!(shown(&health)[1], ("False", reason.as_str()));
        assert_eq!(health.look_again, Some(RETRY));
    }
}

#[test]
fn a_refused_kubeconfig_says_why_and_waits_for_another() {
    let error = Access::parse(&Value::from("")).unwrap_err();
    let health = unusable(&error);
    assert_eq!(
        shown(&health),
        [
            ("False", "KubeconfigEmpty"),
            ("Unknown", "NoKubeconfig"),
            ("Unknown", "NoKubeconfig")
        ]
    );
    assert!(health.details.is_empty() && health.look_again.is_none());
}

#[test]
fn dates_are_judged_by_the_clusters_clock() {
    let table = [
        ("2024-12-31T00:00:00Z", ("False", "NotYetValid")),
        ("2026-11-25T00:00:00Z", ("True", "Valid")),
        ("2026-12-10T00:00:00Z", ("False", "ExpiringSoon")),
        ("2027-01-01T00:00:00Z", ("False", "Expired")),
    ];
    for (now, expected) in table {
        let ours = at("2020-01-01T00:00:00Z");
        let health = judge(&access(Some(2027)), proven(Some(now)), "dev", ours);
        assert_eq!(shown(&health)[2], expected, "{now}");
        assert_eq!(
            health.ready,
            Readiness::Ready,
            "the server decides, not the dates"
        );
    }
}

#[test]
fn no_secret_is_shown() {
    for answers in [proven(None), failed(Reason::Unauthorized)] {
        let health = judge(&access(None), answers, "dev", at("2026-11-25T00:00:00Z"));
        assert!(!format!("{health:?}").contains("hunter2"));
    }
}
