//! What the lab needs: its program, its CRDs, its rights, a provider config; and how all of it goes again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, GroupVersionKind};
use kube::core::ClusterResourceScope;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Command;

use super::super::population;
use crate::paths::Paths;
use crate::progress::step;
use crate::{Testbed, command, product, wait_condition};

/// Where the items are, and whoever manages them.
pub(super) const NAMESPACE: &str = "bench-runtime";
const GROUP: &str = "lab.pnats.cloud";
/// Name of the ServiceAccount and of its rights.
const ACCOUNT: &str = "bench-lab";
const CRDS: [&str; 4] = [
    "items.lab.pnats.cloud",
    "providerconfigs.lab.pnats.cloud",
    "clusterproviderconfigs.lab.pnats.cloud",
    "providerconfigusages.lab.pnats.cloud",
];
/// Longer than the longest measurement.
const LIFETIME: Duration = Duration::from_secs(4 * 3600);

/// The lab, ready to be started.
pub(super) struct Installation {
    pub(super) program: PathBuf,
    /// Logs in as a ServiceAccount with the rights of a provider.
    pub(super) kubeconfig: PathBuf,
    /// For items and looks.
    pub(super) directory: PathBuf,
}

impl Installation {
    /// Installs what is missing; the namespace is there.
    pub(super) async fn new(
        testbed: &Testbed,
        paths: &Paths,
        program: PathBuf,
    ) -> anyhow::Result<Self> {
        install_crds(testbed, &program).await?;
        testbed.apply(&rights().to_string()).await?;
        let kubeconfig = testbed
            .service_account_kubeconfig(NAMESPACE, ACCOUNT, LIFETIME)
            .await?;
        let directory = directory(paths);
        configure(testbed, &directory).await?;
        Ok(Self {
            program,
            kubeconfig,
            directory,
        })
    }
}

/// Builds the program.
pub(super) async fn build() -> anyhow::Result<PathBuf> {
    let build = async {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(product::root());
        cargo.args([
            "build",
            "--release",
            "--locked",
            "-p",
            "managed",
            "--example",
            "lab",
        ]);
        command::run(&mut cargo).await
    };
    step("build the lab", build).await?;
    Ok(product::root().join("target/release/examples/lab"))
}

async fn install_crds(testbed: &Testbed, program: &Path) -> anyhow::Result<()> {
    let crds = command::run(Command::new(program).arg("crds")).await?;
    for crd in crds.lines() {
        testbed.apply(crd).await?;
    }
    let api: Api<CustomResourceDefinition> = Api::all(testbed.client());
    for name in CRDS {
        let wait = Duration::from_secs(30);
        wait_condition(&api, name, "Established", "True", wait).await?;
    }
    Ok(())
}

async fn configure(testbed: &Testbed, directory: &Path) -> anyhow::Result<()> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "admin", "namespace": NAMESPACE},
        "stringData": {"password": "unused"},
    });
    let config = json!({
        "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "ProviderConfig",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "directory": directory.join("shelf").display().to_string(),
            "passwordSecretRef": {"name": "admin", "key": "password"},
        },
    });
    testbed.apply(&secret.to_string()).await?;
    testbed.apply(&config.to_string()).await
}

/// What Crossplane's RBAC manager would give a provider with this kind.
fn rights() -> Value {
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let subject = json!({"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE});
    let granted =
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": NAMESPACE},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": ACCOUNT},
            "rules": [
                rule(&[GROUP], &["*"], &["*"]),
                rule(&[""], &["secrets", "configmaps", "events"], &["*"]),
                rule(&["apiextensions.k8s.io"], &["customresourcedefinitions"], &["get", "list", "watch"]),
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT},
            "subjects": [subject], "roleRef": granted,
        },
    ]})
}

/// What an item is to be.
pub(super) fn item(name: &str) -> Value {
    json!({
        "forProvider": {"content": "something"},
        "providerConfigRef": {"kind": "ProviderConfig", "name": "default"},
        "writeConnectionSecretToRef": {"name": name},
    })
}

/// A kind of the lab.
pub(super) fn kind(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, "v1alpha1", kind), plural)
}

fn directory(paths: &Paths) -> PathBuf {
    paths.state("bench")
}

/// Takes away everything that a measurement makes in the cluster and on the machine.
pub(in super::super) async fn clear(testbed: &Testbed, paths: &Paths) -> anyhow::Result<()> {
    let kinds = [
        kind("Item", "items"),
        kind("ProviderConfigUsage", "providerconfigusages"),
        kind("ProviderConfig", "providerconfigs"),
    ];
    population::clear(&testbed.client(), NAMESPACE, &kinds).await?;
    for name in CRDS {
        delete::<CustomResourceDefinition>(testbed, name).await?;
    }
    delete::<ClusterRoleBinding>(testbed, ACCOUNT).await?;
    delete::<ClusterRole>(testbed, ACCOUNT).await?;
    let _not_there = std::fs::remove_dir_all(directory(paths));
    Ok(())
}

/// It is no error when it is gone.
async fn delete<K>(testbed: &Testbed, name: &str) -> anyhow::Result<()>
where
    K: Resource<DynamicType = (), Scope = ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::all(testbed.client());
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => Ok(deleted.map(drop)?),
    }
}
