//! The product, installed the way a platform team installs it: packages from a registry, the manifests
//! of `examples/install/`, an administrator in PostgreSQL and a policy in Vault.
//!
//! Installing again brings the packages up to date with the tree and changes nothing else.

mod configuration;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use xtask::oci;
use xtask::registry::{self, Reference};
use xtask::xpkg::{self, PACKAGES, Package};

use self::configuration::{CLAIMS, CLUSTERS, switch};
pub use self::configuration::{Flavour, flavour, is_installed};
use crate::{CROSSPLANE_NAMESPACE, Testbed, image, wait};

/// The administrator the provider logs in to PostgreSQL as; no superuser.
pub const POSTGRES_ADMIN: &str = "tenancy_admin";
const ADMIN_PASSWORD: &str = "testbed-admin-0815";

/// Where the manifests of `examples/install/` take the packages from, until a registry is put in.
const PLACEHOLDER: &str = "registry.example.org/platform";

const PATIENCE: Duration = Duration::from_secs(120);

/// Installs everything and waits until it works.
pub async fn install(testbed: &Testbed, flavour: Flavour) -> anyhow::Result<()> {
    let root = root();
    let build = root.clone();
    tokio::task::spawn_blocking(move || xpkg::build_programs(&build)).await??;
    prepare_postgres(testbed).await?;
    prepare_vault(testbed, &root).await?;
    let tags = push(testbed, &root).await?;
    for manifest in ["vcluster-rbac.yaml", "provider.yaml", "function.yaml"] {
        testbed
            .apply(&manifest_from(&root, manifest, testbed, &tags)?)
            .await?;
    }
    switch(testbed, &root, flavour, &tags).await?;
    wait_healthy(testbed, "Provider", "provider-tenancy").await?;
    wait_healthy(testbed, "Function", "function-tenancy").await?;
    wait_established(testbed).await?;
    testbed
        .apply(&manifest_from(
            &root,
            "providerconfigs.yaml",
            testbed,
            &tags,
        )?)
        .await?;
    testbed.apply(&host_cluster()).await?;
    for group in [
        "postgresql.pnats.cloud",
        "vault.pnats.cloud",
        "kubernetes.pnats.cloud",
    ] {
        let configs = api(testbed, group, "v1alpha1", "ClusterProviderConfig");
        wait::wait_condition(&configs, "default", "Ready", "True", PATIENCE).await?;
    }
    Ok(())
}

/// The root of the repository.
///
/// # Panics
/// Never: this crate lies in the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

/// Objects of any kind in every namespace.
pub fn api(testbed: &Testbed, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    Api::all_with(testbed.client(), &resource(group, version, kind))
}

/// Objects of one of our kinds in one namespace.
pub fn api_in(testbed: &Testbed, namespace: &str, group: &str, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(
        testbed.client(),
        namespace,
        &resource(group, "v1alpha1", kind),
    )
}

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    let plural = plural(&kind.to_lowercase());
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural)
}

/// A kind that is a plural already, such as `DefaultPrivileges`, is its own plural.
fn plural(kind: &str) -> String {
    if kind.ends_with('s') {
        return kind.to_owned();
    }
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

/// The provider config of the host cluster, with the images that this machine has.
fn host_cluster() -> String {
    json!({
        "apiVersion": "kubernetes.pnats.cloud/v1alpha1",
        "kind": "ClusterProviderConfig",
        "metadata": {"name": "default"},
        "spec": {
            "credentials": {"source": "InjectedIdentity"},
            "allowedHostNamespaces": ["argocd", "vc-*"],
            "images": {
                "controlPlane": image::VCLUSTER,
                "kubernetes": image::VCLUSTER_KUBERNETES,
                "coreDNS": image::COREDNS,
                "hostsRewrite": image::BUSYBOX,
                "etcd": image::ETCD,
                "pullPolicy": "IfNotPresent",
            },
        },
    })
    .to_string()
}

// === PostgreSQL and Vault ===

async fn prepare_postgres(testbed: &Testbed) -> anyhow::Result<()> {
    let postgres = testbed.default_postgres().await?;
    let session = postgres.superuser("postgres").await?;
    let known = session
        .query(
            "SELECT 1 FROM pg_roles WHERE rolname = $1",
            &[&POSTGRES_ADMIN],
        )
        .await?;
    if known.is_empty() {
        let create = format!(
            "CREATE ROLE {POSTGRES_ADMIN} LOGIN CREATEROLE CREATEDB PASSWORD '{ADMIN_PASSWORD}'"
        );
        session.batch_execute(&create).await?;
    }
    // Deleting a claim ends the sessions in its database, whoever has opened them.
    let end_sessions = format!("GRANT pg_signal_backend TO {POSTGRES_ADMIN}");
    session.batch_execute(&end_sessions).await?;
    secret(
        testbed,
        "postgresql-admin",
        &[
            ("username", POSTGRES_ADMIN),
            ("password", ADMIN_PASSWORD),
            ("endpoint", "postgres.shared-services.svc.cluster.local"),
            ("port", "5432"),
            ("ca.crt", &postgres.ca_pem()?),
        ],
    )
    .await
}

async fn prepare_vault(testbed: &Testbed, root: &Path) -> anyhow::Result<()> {
    let openbao = testbed.openbao();
    let client = openbao.client()?;
    let policy = std::fs::read_to_string(root.join("examples/install/vault-policy.hcl"))?;
    client
        .write(
            "sys/policies/acl/provider-tenancy",
            &json!({ "policy": policy }),
        )
        .await?;
    let policy = std::fs::read_to_string(root.join("examples/install/vault-policy-auth.hcl"))?;
    client
        .write(
            "sys/policies/acl/provider-tenancy-auth",
            &json!({ "policy": policy }),
        )
        .await?;
    let role = json!({
        "bound_service_account_names": ["provider-tenancy"],
        "bound_service_account_namespaces": [CROSSPLANE_NAMESPACE],
        "audience": "vault",
        "token_policies": ["provider-tenancy", "provider-tenancy-auth"],
        "token_ttl": "1h",
    });
    client
        .write("auth/kubernetes/role/provider-tenancy", &role)
        .await?;
    secret(testbed, "vault-ca", &[("ca.crt", &openbao.ca_pem()?)]).await
}

async fn secret(testbed: &Testbed, name: &str, values: &[(&str, &str)]) -> anyhow::Result<()> {
    let values: serde_json::Map<_, _> = values
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "namespace": CROSSPLANE_NAMESPACE },
        "stringData": values,
    });
    testbed.apply(&secret.to_string()).await
}

// === packages ===

/// The tag of each package: the version and the digest, so that a changed package is pulled again.
type Tags = Vec<(&'static str, String)>;

async fn push(testbed: &Testbed, root: &Path) -> anyhow::Result<Tags> {
    let mut tags = Tags::new();
    for package in PACKAGES {
        let tag = push_one(testbed, root, package).await?;
        tags.push((package.name, tag));
    }
    Ok(tags)
}

async fn push_one(testbed: &Testbed, root: &Path, package: Package) -> anyhow::Result<String> {
    let images = package.images(root)?;
    let digest = oci::Digest::of(&oci::index(&images)?);
    let tag = format!("v{}-{}", env!("CARGO_PKG_VERSION"), &digest.hex()[..12]);
    let reference: Reference =
        format!("{}/tenancy/{}:{tag}", testbed.registry(), package.name).parse()?;
    registry::push_index(&reference, &images).await?;
    Ok(tag)
}

/// A manifest of `examples/install/` with this registry and these tags put in.
fn manifest_from(
    root: &Path,
    name: &str,
    testbed: &Testbed,
    tags: &Tags,
) -> anyhow::Result<String> {
    let path = root.join("examples/install").join(name);
    let mut text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    for (package, tag) in tags {
        let there = format!("{PLACEHOLDER}/{package}:v{}", env!("CARGO_PKG_VERSION"));
        let here = format!("{}/tenancy/{package}:{tag}", testbed.registry());
        text = text.replace(&format!("{there}\n"), &format!("{here}\n"));
    }
    Ok(text)
}

async fn wait_healthy(testbed: &Testbed, kind: &str, name: &str) -> anyhow::Result<()> {
    let packages = api(testbed, "pkg.crossplane.io", "v1", kind);
    wait::wait_condition(&packages, name, "Healthy", "True", PATIENCE)
        .await
        .map(drop)
}

async fn wait_established(testbed: &Testbed) -> anyhow::Result<()> {
    let crds = api(
        testbed,
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
    );
    for name in [
        CLAIMS,
        CLUSTERS,
        "vclusters.kubernetes.pnats.cloud",
        "roles.postgresql.pnats.cloud",
        "clusterproviderconfigs.vault.pnats.cloud",
    ] {
        wait::wait_condition(&crds, name, "Established", "True", PATIENCE).await?;
    }
    Ok(())
}
