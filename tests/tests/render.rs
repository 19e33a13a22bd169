//! What the real command line client and the real core make of the examples, without a control plane.
//!
//! `crossplane composition render` runs Crossplane's own reconciler against our function;
//! `crossplane resource validate` checks manifests as the API server would, unknown fields included.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails here"
)]

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser;
use function_tenancy::{Function, args::Args};
use serde_json::{Value, json};
use testbed::{Testbed, product::root};

/// The client, the core, a function that listens, and a directory for files.
struct Bench {
    client: PathBuf,
    core: PathBuf,
    directory: PathBuf,
    function: tokio::task::JoinHandle<()>,
}

impl Bench {
    async fn new(name: &str) -> Self {
        let testbed = Testbed::shared().await.unwrap();
        let directory = std::env::temp_dir().join(format!("tenancy-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let address = free_address();
        let function = json!({
            "apiVersion": "pkg.crossplane.io/v1",
            "kind": "Function",
            "metadata": {"name": "function-tenancy", "annotations": {
                "render.crossplane.io/runtime": "Development",
                "render.crossplane.io/runtime-development-target": address,
            }},
            "spec": {"package": "example.org/function-tenancy:v0.1.0"},
        });
        std::fs::write(directory.join("functions.yaml"), function.to_string()).unwrap();
        Self {
            client: testbed.clients().join("crossplane"),
            core: testbed.core().await.unwrap(),
            directory,
            function: listen(address).await,
        }
    }

    async fn run(&self, command: Command) -> String {
        let output = tokio::task::spawn_blocking({
            let mut command = command;
            move || command.output().unwrap()
        });
        let output = output.await.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{errors}{text}");
        text
    }

    /// Renders a composite under one of the packages, in full; what exists may be given.
    async fn render(
        &self,
        composite: &Path,
        package: &Package,
        observed: Option<&Path>,
    ) -> Vec<Value> {
        let mut command = Command::new(&self.client);
        command
            .args(["composition", "render"])
            .arg(composite)
            .arg(package.composition());
        command.arg(self.directory.join("functions.yaml"));
        command.arg("--xrd").arg(package.definition());
        command
            .arg("--crossplane-binary")
            .arg(&self.core)
            .arg("--include-full-xr");
        if let Some(observed) = observed {
            command.arg("--observed-resources").arg(observed);
        }
        documents(&self.run(command).await)
    }

    /// Validates manifests against our CRDs and the package's definitions.
    async fn validate(&self, manifests: &Path, package: &Package) -> String {
        // The client wants Crossplane's own schemas; none of our manifests is of such a kind, so the
        // cache needs to hold the image but not its content.
        let image = self
            .directory
            .join("cache/xpkg.crossplane.io/crossplane/crossplane@stable");
        std::fs::create_dir_all(&image).unwrap();
        std::fs::copy(package.definition(), image.join("package.yaml")).unwrap();
        let schemas = self.directory.join("schemas");
        std::fs::create_dir_all(&schemas).unwrap();
        for crd in std::fs::read_dir(root().join("package/provider/crds")).unwrap() {
            let crd = crd.unwrap();
            std::fs::copy(crd.path(), schemas.join(crd.file_name())).unwrap();
        }
        std::fs::copy(package.definition(), schemas.join("definition.yaml")).unwrap();
        let mut command = Command::new(&self.client);
        command.args([
            "resource",
            "validate",
            "--error-on-missing-schemas",
            "--cache-dir",
        ]);
        command
            .arg(self.directory.join("cache"))
            .arg(schemas)
            .arg(manifests);
        self.run(command).await
    }

    fn write(&self, file: &str, objects: &[Value]) -> PathBuf {
        let text: Vec<_> = objects.iter().map(Value::to_string).collect();
        let path = self.directory.join(file);
        std::fs::write(&path, text.join("\n---\n")).unwrap();
        path
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.function.abort();
        let _already_gone = std::fs::remove_dir_all(&self.directory);
    }
}

/// One of the two configurations.
struct Package {
    folder: &'static str,
    plural: &'static str,
}

const NAMESPACED: Package = Package {
    folder: "configuration",
    plural: "postgresqlinstances",
};
const CLAIMS: Package = Package {
    folder: "configuration-claims",
    plural: "xpostgresqlinstances",
};
const CLUSTERS: Package = Package {
    folder: "configuration",
    plural: "virtualclusters",
};
const CLUSTER_CLAIMS: Package = Package {
    folder: "configuration-claims",
    plural: "xvirtualclusters",
};

impl Package {
    fn definition(&self) -> PathBuf {
        root().join(format!("package/{}/{}.xrd.yaml", self.folder, self.plural))
    }

    fn composition(&self) -> PathBuf {
        root().join(format!(
            "package/{}/{}.composition.yaml",
            self.folder, self.plural
        ))
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

async fn listen(address: String) -> tokio::task::JoinHandle<()> {
    let arguments = [
        "function-tenancy",
        "--insecure",
        "--metrics-address",
        "",
        "--address",
        &address,
    ];
    let args = Args::parse_from(arguments);
    let function = tokio::spawn(async move { Function::serve(args).await.unwrap() });
    while tokio::net::TcpStream::connect(&address).await.is_err() {
        assert!(!function.is_finished(), "the function cannot listen");
        tokio::task::yield_now().await;
    }
    function
}

fn documents(text: &str) -> Vec<Value> {
    let texts = text
        .split("\n---\n")
        .map(|text| text.trim_start_matches("---\n"));
    let parsed = texts
        .filter(|text| !text.trim().is_empty())
        .map(|text| serde_saphyr::from_str(text).unwrap());
    parsed.collect()
}

fn examples(of: &str) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("examples").join(of)).unwrap();
    let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn kinds(rendered: &[Value]) -> Vec<&str> {
    rendered
        .iter()
        .map(|object| object["kind"].as_str().unwrap())
        .collect()
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let found = conditions
        .iter()
        .find(|condition| condition["type"] == kind);
    found.unwrap_or_else(|| panic!("there is no condition {kind} in {object:#}"))
}

/// The object as the provider leaves it when all is well.
fn ready(object: &Value) -> Value {
    let condition = |kind: &str, reason: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": "",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let mut object = object.clone();
    object["metadata"]["generation"] = json!(1);
    object["status"] = json!({
        "conditions": [condition("Ready", "Available"), condition("Synced", "ReconcileSuccess")],
    });
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_valid_under_both_configurations() {
    let bench = Bench::new("examples").await;
    for (folder, package) in [
        ("postgresqlinstance", NAMESPACED),
        ("postgresqlinstance", CLAIMS),
        ("virtualcluster", CLUSTERS),
        ("virtualcluster", CLUSTER_CLAIMS),
    ] {
        let examples = root().join("examples").join(folder);
        bench.validate(&examples, &package).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_example_becomes_is_valid() {
    let bench = Bench::new("render").await;
    for (folder, package, kind) in [
        ("postgresqlinstance", NAMESPACED, "Database"),
        ("virtualcluster", CLUSTERS, "AuthMount"),
    ] {
        for example in examples(folder) {
            let rendered = bench.render(&example, &package, None).await;
            assert!(kinds(&rendered).contains(&kind), "{}", example.display());
            let file = bench.write("rendered.yaml", &rendered);
            bench.validate(&file, &package).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_is_ready_when_everything_in_it_is() {
    let bench = Bench::new("ready").await;
    let example = root().join("examples/postgresqlinstance/claim.yaml");
    let rendered = bench.render(&example, &NAMESPACED, None).await;
    assert_eq!(condition(&rendered[0], "Ready")["status"], "False");
    let observed: Vec<_> = rendered[1..].iter().map(ready).collect();
    let observed = bench.write("observed.yaml", &observed);
    let rendered = bench.render(&example, &NAMESPACED, Some(&observed)).await;
    for kind in [
        "Ready",
        "DatabaseReady",
        "AccessReady",
        "CredentialsInVault",
    ] {
        assert_eq!(condition(&rendered[0], kind)["status"], "True", "{kind}");
    }
    let next = "read the credentials: vault kv get secret/infrastructure/databases/dev/orders";
    assert_eq!(rendered[0]["status"]["nextStep"], next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_classic_claim_becomes_the_same_in_its_namespace() {
    let bench = Bench::new("classic").await;
    let composite = bench.write(
        "composite.yaml",
        &[json!({
            "apiVersion": "database.pnats.cloud/v1alpha1",
            "kind": "XPostgreSQLInstance",
            "metadata": {"name": "orders-x7k2p", "labels": {
                "crossplane.io/claim-name": "orders", "crossplane.io/claim-namespace": "shop",
            }},
            "spec": {"environment": "dev", "claimRef": {
                "apiVersion": "database.pnats.cloud/v1alpha1", "kind": "PostgreSQLInstance",
                "name": "orders", "namespace": "shop",
            }},
        })],
    );
    let classic = bench.render(&composite, &CLAIMS, None).await;
    let example = root().join("examples/postgresqlinstance/claim.yaml");
    let namespaced = bench.render(&example, &NAMESPACED, None).await;
    let essence = |object: &Value| {
        (
            object["metadata"]["namespace"].clone(),
            object["metadata"]["name"].clone(),
            object["spec"].clone(),
        )
    };
    let essences = |rendered: &[Value]| rendered[1..].iter().map(essence).collect::<Vec<_>>();
    assert_eq!(essences(&classic), essences(&namespaced));
}
