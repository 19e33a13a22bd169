//! The testbed keeps its promises: everything is up, reachable by the names the cluster uses, and usable by a person.

use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use serde_json::json;
use testbed::{CROSSPLANE_NAMESPACE, Testbed, wait_condition};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_node_is_ready_and_crossplane_is_available() {
    let testbed = Testbed::shared().await.unwrap();
    let nodes: Api<Node> = Api::all(testbed.client());
    wait_condition(&nodes, "testbed", "Ready", "True", SOON)
        .await
        .unwrap();
    let deployments: Api<Deployment> = Api::namespaced(testbed.client(), CROSSPLANE_NAMESPACE);
    for name in ["crossplane", "crossplane-rbac-manager"] {
        wait_condition(&deployments, name, "Available", "True", SOON)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn postgres_is_reached_by_its_service_name_with_its_certificate_verified() {
    let testbed = Testbed::shared().await.unwrap();
    let postgres = testbed.default_postgres().await.unwrap();
    let session = postgres.superuser("postgres").await.unwrap();
    let query = "select ssl, current_setting('server_version_num')::int / 10000 from pg_stat_ssl where pid = pg_backend_pid()";
    let row = session.query_one(query, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!(row.get::<_, i32>(1), 17);
    assert!(
        std::fs::read_to_string(&postgres.log)
            .unwrap()
            .contains("pg_stat_ssl"),
        "every statement is logged"
    );
}

#[tokio::test]
async fn a_service_account_logs_in_to_openbao_with_its_token() {
    let testbed = Testbed::shared().await.unwrap();
    let namespace = testbed.namespace("login").await.unwrap();
    service_account(testbed.client(), namespace.name(), "reader").await;
    let root = testbed.openbao().client().unwrap();
    let role = json!({
        "bound_service_account_names": ["reader"],
        "bound_service_account_namespaces": [namespace.name()],
        "audience": "vault",
        "token_policies": ["default"],
    });
    let path = format!("auth/kubernetes/role/{}", namespace.name());
    root.write(&path, &role).await.unwrap();
    let token = testbed
        .service_account_token(namespace.name(), "reader", Some("vault"), SOON * 20)
        .await
        .unwrap();
    let login = json!({"role": namespace.name(), "jwt": token});
    let answer = root
        .with_token("")
        .write("auth/kubernetes/login", &login)
        .await
        .unwrap();
    assert!(answer["auth"]["client_token"].is_string(), "{answer}");
    let audited = std::fs::read_to_string(&testbed.openbao().audit_log).unwrap();
    assert!(
        audited.contains("auth/kubernetes/login"),
        "every request is audited"
    );
    root.delete(&path).await.unwrap();
}

#[tokio::test]
async fn a_host_process_has_the_rights_of_its_service_account() {
    let testbed = Testbed::shared().await.unwrap();
    let namespace = testbed.namespace("rights").await.unwrap();
    service_account(testbed.client(), namespace.name(), "nobody").await;
    let kubeconfig = testbed
        .service_account_kubeconfig(namespace.name(), "nobody", SOON * 20)
        .await
        .unwrap();
    let kubectl = testbed.clients().join("kubectl").display().to_string();
    let argv = [
        kubectl,
        "get".to_owned(),
        "secrets".to_owned(),
        "--all-namespaces".to_owned(),
    ];
    let env = [("KUBECONFIG".to_owned(), kubeconfig.display().to_string())].into();
    let mut process = testbed.run_host_process("kubectl", &argv, env).unwrap();
    testbed::wait_for("kubectl to end", SOON, async || Ok(!process.is_running()))
        .await
        .unwrap();
    let expected = format!("system:serviceaccount:{}:nobody", namespace.name());
    assert!(
        process.log().contains("forbidden") && process.log().contains(&expected),
        "{}",
        process.log()
    );
}

#[tokio::test]
async fn every_exported_client_works() {
    Testbed::shared().await.unwrap();
    for (client, expected) in [
        ("psql -qtAc 'select 1'", "1"),
        ("kubectl get nodes", "Ready"),
        ("vault status", "Sealed          false"),
        ("bao kv put -mount=secret testbed a=b", "version"),
        ("helm list --all-namespaces", "crossplane-2.4.0"),
        ("crossplane version", "v2.4.0"),
    ] {
        let script = format!(
            "set -e; exports=$({} env); eval \"$exports\"; {client}",
            env!("CARGO_BIN_EXE_testbed")
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{client}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(text.contains(expected), "{client} said {text}");
    }
}

async fn service_account(client: Client, namespace: &str, name: &str) {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    };
    let account = ServiceAccount {
        metadata,
        ..ServiceAccount::default()
    };
    Api::namespaced(client, namespace)
        .create(&PostParams::default(), &account)
        .await
        .expect("an administrator may make a ServiceAccount");
}
