//! A virtual cluster that Helm has made is taken over as it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use provider_tenancy::kubernetes::vcluster::AdoptionPolicy;
use serde_json::json;
use testbed::{COREDNS, VCLUSTER, VCLUSTER_KUBERNETES};

use crate::fixture::{Fixture, NAME};

#[tokio::test]
async fn a_virtual_cluster_made_by_helm_is_taken_over_only_when_that_is_asked_for() {
    let fixture = Fixture::new().await;
    install(&fixture).await;
    let before = fixture.live("service", NAME).await;
    let mut parameters = Fixture::parameters();
    parameters.service_account_issuer = Some("https://kubernetes.default.svc.cluster.local".into());
    let mut resource = fixture.resource(parameters);
    let error = fixture.pass(&mut resource).await.unwrap_err();
    assert!(
        error.to_string().contains("was made by somebody else"),
        "{error}"
    );

    resource.parameters.adoption_policy = AdoptionPolicy::IfUnowned;
    fixture.until_ready(&mut resource).await;
    let after = fixture.live("service", NAME).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(
        fixture.pass(&mut resource).await.unwrap(),
        Vec::<String>::new()
    );
    let binding = fixture.live("rolebinding", "vc-dev").await;
    assert_eq!(binding["roleRef"]["name"], "vcluster-syncer-0-36");

    fixture.delete(&mut resource).await;
    let remains = fixture.remains().await;
    let of_helm = [
        "secret/sh.helm.release.v1.dev.v1",
        "role.rbac.authorization.k8s.io/vc-dev",
    ];
    assert_eq!(remains, of_helm);
    fixture.finish().await;
}

async fn install(fixture: &Fixture) {
    let directory = std::env::temp_dir().join(fixture.namespace());
    let chart = released(fixture, &directory).await;
    let image = |name: &str| {
        let (path, tag) = name.rsplit_once(':').unwrap();
        let (registry, repository) = path.split_once('/').unwrap();
        json!({"registry": registry, "repository": repository, "tag": tag})
    };
    let values = json!({
        "controlPlane": {
            "coredns": {"deployment": {"image": COREDNS}},
            "distro": {"k8s": {"image": image(VCLUSTER_KUBERNETES)}},
            "statefulSet": {
                "image": image(VCLUSTER),
                "persistence": {"volumeClaim": {"enabled": false}},
            },
        },
        "telemetry": {"enabled": false},
    });
    let file = directory.join("values.json");
    std::fs::write(&file, values.to_string()).unwrap();
    let output = Command::new(fixture.testbed.clients().join("helm"))
        .env("KUBECONFIG", fixture.testbed.kubeconfig())
        .args([
            "install",
            NAME,
            "--namespace",
            fixture.namespace(),
            "--values",
        ])
        .arg(&file)
        .arg(chart)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The chart as a release has it: with its version, by which a running vCluster tells how old it is.
async fn released(fixture: &Fixture, directory: &Path) -> PathBuf {
    let module = fixture.testbed.vcluster_chart().await.unwrap();
    let chart = directory.join("chart");
    std::fs::create_dir(directory).unwrap();
    let copy = Command::new("cp")
        .arg("-r")
        .arg(module)
        .arg(&chart)
        .status();
    assert!(copy.unwrap().success());
    let description = chart.join("Chart.yaml");
    let text = std::fs::read_to_string(&description).unwrap();
    std::fs::write(
        &description,
        text.replace("version: 0.0.1", "version: 0.36.1"),
    )
    .unwrap();
    chart
}
