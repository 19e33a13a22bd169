use serde_json::json;

use super::*;
use crate::kubernetes::vcluster::{
    VClusterParameters,
    manifest::{Host, all},
    target::OWNER,
};

fn parameters() -> VClusterParameters {
    VClusterParameters::new("0.36.1")
}

/// The scene in which every object is as it is to be, with changes to the workload.
fn scene(parameters: &VClusterParameters, change: impl Fn(&mut Value)) -> Scene {
    let target = Target::new("dev", ("team", "uid"), parameters).unwrap();
    let manifests = all(&target, Host::default()).unwrap();
    let mut found: Vec<_> = manifests.iter().map(|m| Some(m.body.clone())).collect();
    change(found.last_mut().unwrap().as_mut().unwrap());
    Scene::of(&target, manifests, found, Vec::new())
}

fn fields(scene: &Scene) -> Vec<String> {
    let drift = scene.drift("5Gi");
    drift.into_iter().map(|drift| drift.field).collect()
}

#[test]
fn the_template_of_claims_stays_as_it_was_made() {
    let parameters = parameters();
    let scene = scene(&parameters, |workload| {
        let claim = &mut workload["spec"]["volumeClaimTemplates"][0];
        claim["spec"]["resources"]["requests"]["storage"] = "1Gi".into();
        claim["status"] = json!({"phase": "Pending"});
    });
    assert_eq!(fields(&scene), Vec::<String>::new());
    let applied = &scene.pieces.last().unwrap().manifest.body["spec"]["volumeClaimTemplates"][0];
    assert_eq!(applied["spec"]["resources"]["requests"]["storage"], "1Gi");
    assert!(applied.get("status").is_none());
}

#[test]
fn a_pause_by_hand_is_respected_unless_the_spec_decides() {
    let by_hand = |workload: &mut Value| {
        workload["spec"]["replicas"] = 0.into();
        workload["metadata"]["annotations"] = json!({"loft.sh/paused": "true"});
    };
    let mut parameters = parameters();
    assert_eq!(fields(&scene(&parameters, by_hand)), Vec::<String>::new());
    parameters.paused = Some(false);
    assert_eq!(
        fields(&scene(&parameters, by_hand)),
        ["StatefulSet/dev.spec.replicas"]
    );
    parameters.paused = None;
    let without_mark = |workload: &mut Value| workload["spec"]["replicas"] = 0.into();
    assert_eq!(
        fields(&scene(&parameters, without_mark)),
        ["StatefulSet/dev.spec.replicas"]
    );
}

#[test]
fn the_running_version_limits_where_it_can_go() {
    let parameters = parameters();
    let target = Target::new("dev", ("team", "uid"), &parameters).unwrap();
    for (running, expected) in [("0.35.0", true), ("0.34.7", false), ("0.37.0", false)] {
        let scene = scene(&parameters, |workload| {
            workload["metadata"]["labels"]["chart"] = format!("vcluster-{running}").into();
        });
        assert_eq!(scene.version().as_deref(), Some(running));
        assert_eq!(scene.check(&target).is_ok(), expected, "{running}");
    }
}

#[test]
fn only_leftovers_of_this_resource_are_taken_away() {
    let parameters = parameters();
    let target = Target::new("dev", ("team", "uid"), &parameters).unwrap();
    let quota = |owner: &str| {
        let part = Part::new("ResourceQuota", owner);
        (part, json!({"metadata": {"labels": {OWNER: owner}}}))
    };
    let scene = Scene::of(
        &target,
        Vec::new(),
        Vec::new(),
        vec![quota("uid"), quota("you")],
    );
    assert_eq!(fields(&scene), ["ResourceQuota/uid"]);
    assert!(!scene.is_absent("uid"));
}
