//! Which of the two configurations is installed, and from one to the other.

use std::path::Path;

use kube::Api;
use kube::api::DynamicObject;

use super::{PATIENCE, Tags, api, manifest_from, wait_healthy};
use crate::{Testbed, wait};

/// Names of the CRDs of what users write, under both configurations.
pub(super) const CLUSTERS: &str = "virtualclusters.cluster.pnats.cloud";
pub(super) const CLAIMS: &str = "postgresqlinstances.database.pnats.cloud";

/// Which of the two configurations is installed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flavour {
    /// `PostgreSQLInstance` is a namespaced composite resource.
    Namespaced,
    /// `PostgreSQLInstance` is a classic claim.
    Claims,
}

impl Flavour {
    const fn configuration(self) -> &'static str {
        match self {
            Self::Namespaced => "configuration-tenancy",
            Self::Claims => "configuration-tenancy-claims",
        }
    }

    const fn manifest(self) -> &'static str {
        match self {
            Self::Namespaced => "configuration.yaml",
            Self::Claims => "configuration-claims.yaml",
        }
    }

    /// Name of the definition of the composite resource.
    const fn definition(self) -> &'static str {
        match self {
            Self::Namespaced => CLAIMS,
            Self::Claims => "xpostgresqlinstances.database.pnats.cloud",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Namespaced => Self::Claims,
            Self::Claims => Self::Namespaced,
        }
    }
}

/// Whether this configuration, and not the other one, is installed and works.
pub async fn is_installed(testbed: &Testbed, flavour: Flavour) -> anyhow::Result<bool> {
    let configurations = api(testbed, "pkg.crossplane.io", "v1", "Configuration");
    let name = flavour.other().definition();
    let other = definitions(testbed).get_opt(name).await?;
    let wanted = configurations.get_opt(flavour.configuration()).await?;
    let is_healthy = |one: DynamicObject| {
        let conditions = one.data["status"]["conditions"].as_array().cloned();
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|one| one["type"] == "Healthy" && one["status"] == "True")
    };
    Ok(other.is_none() && wanted.is_some_and(is_healthy))
}

/// The flavour that is installed, or the default one when none is.
pub async fn flavour(testbed: &Testbed) -> anyhow::Result<Flavour> {
    let configurations = api(testbed, "pkg.crossplane.io", "v1", "Configuration");
    let claims = configurations
        .get_opt(Flavour::Claims.configuration())
        .await?;
    Ok(claims.map_or(Flavour::Namespaced, |_| Flavour::Claims))
}

/// Both configurations define the same kind, so the other one goes first.
pub(super) async fn switch(
    testbed: &Testbed,
    root: &Path,
    flavour: Flavour,
    tags: &Tags,
) -> anyhow::Result<()> {
    let other = flavour.other();
    let configurations = api(testbed, "pkg.crossplane.io", "v1", "Configuration");
    if configurations
        .get_opt(other.configuration())
        .await?
        .is_some()
    {
        remove_claims(testbed).await?;
        testbed
            .kubectl(&[
                "delete",
                "configuration.pkg.crossplane.io",
                other.configuration(),
                "--wait=true",
            ])
            .await?;
    }
    wait_undefined(testbed, other).await?;
    testbed
        .apply(&manifest_from(root, flavour.manifest(), testbed, tags)?)
        .await?;
    wait_healthy(testbed, "Configuration", flavour.configuration()).await
}

/// What a story that was killed, or a person, has left: Crossplane does not let go of a definition
/// that is in use.
async fn remove_claims(testbed: &Testbed) -> anyhow::Result<()> {
    let crds = api(
        testbed,
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
    );
    for claims in [CLAIMS, CLUSTERS] {
        if crds.get_opt(claims).await?.is_some() {
            let delete = ["delete", claims, "--all-namespaces", "--all"];
            testbed
                .kubectl(&[&delete[..], &["--timeout=2m"]].concat())
                .await?;
        }
    }
    Ok(())
}

async fn wait_undefined(testbed: &Testbed, flavour: Flavour) -> anyhow::Result<()> {
    let definitions = definitions(testbed);
    let clusters = match flavour {
        Flavour::Namespaced => CLUSTERS,
        Flavour::Claims => "xvirtualclusters.cluster.pnats.cloud",
    };
    for name in [flavour.definition(), clusters] {
        wait::wait_gone(&definitions, name, PATIENCE).await?;
    }
    Ok(())
}

fn definitions(testbed: &Testbed) -> Api<DynamicObject> {
    let kind = "CompositeResourceDefinition";
    api(testbed, "apiextensions.crossplane.io", "v1", kind)
}
