//! What can be seen of a claim: in its namespace, in that of its control plane, and in Vault.

use std::collections::BTreeSet;

use futures::future::{join_all, try_join_all};
use futures::try_join;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use testbed::product;
use testbed::story::Stage;

use crate::team::{Team, holds};

/// What a claim becomes.
const MANAGED: [(&str, &str); 7] = [
    ("kubernetes.pnats.cloud", "VCluster"),
    ("kubernetes.pnats.cloud", "RemoteObject"),
    ("vault.pnats.cloud", "KVSecret"),
    ("vault.pnats.cloud", "Policy"),
    ("vault.pnats.cloud", "AuthMount"),
    ("vault.pnats.cloud", "JWTAuthConfig"),
    ("vault.pnats.cloud", "JWTAuthRole"),
];
/// What a control plane consists of in the host cluster.
const PARTS: [(&str, &str, &str); 8] = [
    ("", "v1", "ResourceQuota"),
    ("", "v1", "LimitRange"),
    ("", "v1", "ServiceAccount"),
    ("", "v1", "Secret"),
    ("", "v1", "Service"),
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "StatefulSet"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
];
/// The mark of everything that is applied.
const OURS: &str = "heritage=provider-tenancy";
const FINALIZER: &str = "finalizer.managedresource.crossplane.io";

pub(crate) type Seen = BTreeSet<String>;

/// Everything, one line for each thing and for how far it is.
pub(crate) async fn look(stage: &Stage, team: &Team<'_>) -> anyhow::Result<Seen> {
    let all = try_join!(managed(stage), parts(stage), in_vault(stage, team))?;
    Ok([all.0, all.1, all.2].into_iter().flatten().collect())
}

/// Managed resources, and how far each is.
async fn managed(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let lists = MANAGED.map(|(group, kind)| async move {
        let listed = stage.api(group, kind).list(&ListParams::default()).await?;
        let lines = listed.items.iter().flat_map(|one| standing(kind, one));
        anyhow::Ok(lines.collect::<Vec<_>>())
    });
    Ok(try_join_all(lists).await?.concat())
}

fn standing(kind: &str, object: &DynamicObject) -> Vec<String> {
    let name = object.name_any();
    let is = [
        (
            "begun",
            object.finalizers().iter().any(|one| one == FINALIZER),
        ),
        ("Ready", holds(&object.data["status"], "Ready")),
        ("leaving", object.metadata.deletion_timestamp.is_some()),
    ];
    let is = is.into_iter().filter(|(_, is)| *is);
    is.map(|(how, _)| format!("{kind} {name} {how}")).collect()
}

/// Namespaces of control planes of this story's claims, and what the provider has made there.
pub(crate) async fn parts(stage: &Stage) -> anyhow::Result<Vec<String>> {
    let mine = format!("vc-{}-", stage.name());
    let namespaces = product::api(&stage.testbed, "", "v1", "Namespace");
    let namespaces = namespaces.list(&ListParams::default()).await?.items;
    let names = namespaces.iter().map(ResourceExt::name_any);
    let mut seen = Vec::new();
    for namespace in names.filter(|name| name.starts_with(&mine)) {
        let lists = PARTS.map(|part| labelled(stage, &namespace, part));
        seen.extend(try_join_all(lists).await?.concat());
        seen.push(format!("Namespace {namespace}"));
    }
    Ok(seen)
}

async fn labelled(
    stage: &Stage,
    namespace: &str,
    (group, version, kind): (&str, &str, &str),
) -> anyhow::Result<Vec<String>> {
    let here = format!("metadata.namespace={namespace}");
    let ours = ListParams::default().labels(OURS).fields(&here);
    let found = product::api(&stage.testbed, group, version, kind);
    let found = found.list(&ours).await?.items;
    let line = |one: &DynamicObject| format!("{kind} {}", one.name_any());
    Ok(found.iter().map(line).collect())
}

/// What Vault has of the cluster.
async fn in_vault(stage: &Stage, team: &Team<'_>) -> anyhow::Result<Vec<String>> {
    let name = team.vault_name();
    let paths = [
        format!("sys/policies/acl/{name}"),
        format!("sys/auth/{name}"),
        format!("auth/{name}/config"),
        format!("auth/{name}/role/{name}"),
        format!("secret/data/{}", team.vault_path()),
    ];
    let reads = paths.map(|path| async move {
        // What is below a mount that is not there is refused.
        let found = stage.vault.read(&path).await.ok().flatten();
        found.map(|_| format!("Vault {path}"))
    });
    Ok(join_all(reads).await.into_iter().flatten().collect())
}
