//! What is to be said about a virtual cluster.
//!
//! | workload | kubeconfig | proof | phase | Ready |
//! |---|---|---|---|---|
//! | stopped | - | - | Paused | no |
//! | starting, never answered before | - | - | Provisioning | no |
//! | not ready, has answered before | - | - | Degraded | no |
//! | ready | not there, or refused | - | as above | no |
//! | ready | there | fails | as above | no |
//! | ready, the latest everywhere | there | holds | Running | yes |
//! | ready, still rolling out | there | holds | Upgrading | yes |
//!
//! Connection details are published in the last two cases only; what was published stays in the others.

use std::time::Duration;

use managed::{
    condition::{Claim, Truth},
    external::{Desired, Observation, Readiness, SeenSecret},
    input::Value as Secret,
};
use serde_json::Value;

use super::{
    CONTROL_PLANE_READY, VCluster,
    address::Address,
    observation::{Part, Phase, VClusterObservation},
    place::Place,
    rollout::{self, Rollout},
    scene::Scene,
    target::Target,
};
use crate::{
    kubeconfig::{Access, Error},
    kubernetes::{
        Session,
        health::{self, Health},
        status::API_REACHABLE,
    },
};

/// How soon a control plane that starts is looked at again.
const STARTING: Duration = Duration::from_secs(2);
/// How soon one whose pods the host cluster cannot run is looked at again.
const STUCK: Duration = Duration::from_secs(10);

/// What was seen beyond the objects that are applied.
pub(super) struct Look {
    rollout: Option<Rollout>,
    pods: Option<String>,
    reached: Result<Health, Waiting>,
    kubeconfig: Option<SeenSecret>,
}

/// The virtual API server was not asked.
struct Waiting {
    what: String,
    again: Option<Duration>,
}

impl Waiting {
    fn for_(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            again: Some(STARTING),
        }
    }
}

impl Look {
    /// Looks at the workload, at its pods when it is not ready, and at the virtual API server when it is.
    pub(super) async fn take(
        session: &Session,
        place: &Place,
        target: &Target<'_>,
        scene: &Scene,
    ) -> Result<Self, Error> {
        let rollout = scene.workload(target).map(Rollout::of);
        let pods = match &rollout {
            Some(rollout) if !rollout.is_complete => {
                let labels = format!("app=vcluster,release={}", target.name);
                rollout::message(&place.list("Pod", &labels).await?, health::clock())
            }
            _ => None,
        };
        let (reached, kubeconfig) = match waits(rollout.as_ref(), pods.as_ref()) {
            Some(waiting) => (Err(waiting), None),
            None => reach(session, place, target, scene).await?,
        };
        Ok(Self {
            rollout,
            pods,
            reached,
            kubeconfig,
        })
    }
}

fn waits(rollout: Option<&Rollout>, pods: Option<&String>) -> Option<Waiting> {
    match rollout {
        None => Some(Waiting::for_("the control plane is missing")),
        Some(rollout) if rollout.is_paused => Some(Waiting {
            what: "the virtual cluster is paused".into(),
            again: None,
        }),
        Some(rollout) if rollout.replicas.ready == 0 => Some(match pods {
            Some(message) => Waiting {
                what: message.clone(),
                again: Some(STUCK),
            },
            None => Waiting::for_("the control plane starts"),
        }),
        Some(_) => None,
    }
}

/// Reads the kubeconfig that the control plane has written, and proves it.
async fn reach(
    session: &Session,
    place: &Place,
    target: &Target<'_>,
    scene: &Scene,
) -> Result<(Result<Health, Waiting>, Option<SeenSecret>), Error> {
    let name = format!("vc-{}", target.name);
    let secret = place.read(&Part::new("Secret", &name)).await?;
    let seen = session.seen(target.namespace, &name, secret.as_ref());
    let reached = reach_with(session, secret.as_ref(), target, scene).await;
    Ok((reached, seen))
}

/// Proves the kubeconfig where it is to be published.
async fn reach_with(
    session: &Session,
    secret: Option<&Value>,
    target: &Target<'_>,
    scene: &Scene,
) -> Result<Health, Waiting> {
    let service = scene.live("Service", target.name);
    let address = match service.map(|service| Address::of(target, service)) {
        Some(Ok(address)) => address,
        Some(Err(what)) => return Err(Waiting::for_(what)),
        None => return Err(Waiting::for_("the Service is missing")),
    };
    let Some(secret) = secret else {
        let what = "the control plane has not written its kubeconfig yet";
        return Err(Waiting::for_(what));
    };
    let access = Access::parse(&kubeconfig(secret));
    Ok(match access.and_then(|access| at(access, &address)) {
        Ok((published, dialled)) => prove(session, &published, &dialled, target.name).await,
        Err(error) => health::unusable(&error),
    })
}

async fn prove(session: &Session, published: &Access, dialled: &Access, name: &str) -> Health {
    let answers = match session.remotes().open(dialled) {
        Ok(remote) => health::ask(&remote.client).await,
        Err(error) => return health::unusable(&error),
    };
    health::judge(published, answers, name, health::clock())
}

/// What is published, and what is dialled to prove it: the same credential, authority and name.
fn at(access: Access, address: &Address) -> Result<(Access, Access), Error> {
    let name = address.tls_server_name.as_deref();
    let published = access.at(Some(&address.server), name)?;
    let dialled = match &address.dialled {
        Some(server) => published
            .clone()
            .at(Some(server), Some(address.certificate_name()))?,
        None => published.clone(),
    };
    Ok((published, dialled))
}

fn kubeconfig(secret: &Value) -> Secret {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let data = secret["data"]["config"].as_str().unwrap_or_default();
    Secret::new(BASE64_STANDARD.decode(data).unwrap_or_default())
}

/// What is said about one that is there.
pub(super) fn present(
    desired: &Desired<VCluster>,
    target: &Target<'_>,
    scene: &Scene,
    look: Look,
) -> Observation<VCluster> {
    let drift = scene.drift(&target.parameters.persistence.size);
    let phase = phase(desired.last.phase, &look);
    let mut at_provider = VClusterObservation {
        phase: Some(phase),
        namespace: Some(target.namespace.to_owned()),
        version: scene.version(),
        config_hash: config_hash(scene.workload(target)),
        replicas: look
            .rollout
            .as_ref()
            .map(|rollout| rollout.replicas.clone()),
        service_cidr: service_cidr(scene.live("Service", target.name)),
        pod_message: look.pods,
        objects: scene.parts(),
        cluster: desired.last.cluster.clone(),
    };
    let control_plane = control_plane(look.rollout.as_ref(), at_provider.pod_message.as_deref());
    let mut conditions = conditions(&look.reached);
    conditions.push(control_plane);
    let is_stuck = at_provider.pod_message.is_some();
    match look.reached {
        Ok(health) => {
            at_provider.cluster = health.status;
            let seen = Observation::present(at_provider, drift)
                .publishing(health.details)
                .being(health.ready)
                .telling(conditions)
                .following(look.kubeconfig);
            again(seen, health.look_again)
        }
        Err(waiting) => {
            let seen = Observation::present(at_provider, drift)
                .being(unready(phase, waiting.what, is_stuck))
                .telling(conditions)
                .following(look.kubeconfig);
            again(seen, waiting.again)
        }
    }
}

fn unready(phase: Phase, what: String, is_stuck: bool) -> Readiness {
    match phase {
        Phase::Provisioning if !is_stuck => Readiness::Creating(what),
        _ => Readiness::NotReady(what),
    }
}

/// What is told of the virtual API server. That it answered before says nothing once it is not asked.
fn conditions(reached: &Result<Health, Waiting>) -> Vec<Claim> {
    match reached {
        Ok(health) => health.conditions.clone(),
        Err(waiting) => {
            let (unknown, what) = (Truth::Unknown, waiting.what.as_str());
            vec![Claim::new(API_REACHABLE, unknown, "NotAsked", what)]
        }
    }
}

fn again(seen: Observation<VCluster>, time: Option<Duration>) -> Observation<VCluster> {
    match time {
        Some(time) => seen.again_within(time),
        None => seen,
    }
}

fn phase(last: Option<Phase>, look: &Look) -> Phase {
    let (is_paused, is_complete) = look.rollout.as_ref().map_or((false, false), |rollout| {
        (rollout.is_paused, rollout.is_complete)
    });
    let is_proven = matches!(&look.reached, Ok(health) if health.ready == Readiness::Ready);
    match (is_paused, is_proven) {
        (true, _) => Phase::Paused,
        (false, true) if is_complete => Phase::Running,
        (false, true) => Phase::Upgrading,
        (false, false) if matches!(last, None | Some(Phase::Provisioning)) => Phase::Provisioning,
        (false, false) => Phase::Degraded,
    }
}

fn control_plane(rollout: Option<&Rollout>, pods: Option<&str>) -> Claim {
    let claim =
        |truth, reason, message: &str| Claim::new(CONTROL_PLANE_READY, truth, reason, message);
    let pods = pods.unwrap_or_default();
    match rollout {
        None => claim(
            Truth::False,
            "Missing",
            "the control plane's workload is missing",
        ),
        Some(rollout) if rollout.is_paused => claim(Truth::False, "Paused", ""),
        Some(rollout) if rollout.is_complete => claim(Truth::True, "Available", ""),
        Some(rollout) if rollout.replicas.ready > 0 => claim(Truth::True, "RollingOut", pods),
        Some(_) if pods.is_empty() => claim(Truth::False, "Starting", ""),
        Some(_) => claim(Truth::False, "PodsNotRunning", pods),
    }
}

fn config_hash(workload: Option<&Value>) -> Option<String> {
    let annotations = &workload?["spec"]["template"]["metadata"]["annotations"];
    Some(annotations["vClusterConfigHash"].as_str()?.to_owned())
}

fn service_cidr(service: Option<&Value>) -> Option<String> {
    let annotations = &service?["metadata"]["annotations"];
    Some(
        annotations["vcluster.loft.sh/service-cidr"]
            .as_str()?
            .to_owned(),
    )
}

/// What is said about one on its way out.
pub(super) fn leaving(desired: &Desired<VCluster>, left: Option<String>) -> Observation<VCluster> {
    match left {
        None => Observation::Absent,
        Some(what) => {
            let mut at_provider = desired.last.clone();
            at_provider.phase = Some(Phase::Deleting);
            Observation::present(at_provider, Vec::new())
                .being(Readiness::NotReady(format!("{what} is still there")))
                .again_within(STARTING)
        }
    }
}

#[cfg(test)]
mod tests;
