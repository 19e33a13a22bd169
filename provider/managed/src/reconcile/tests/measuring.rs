//! The histograms every Crossplane provider exposes.

use std::time::Duration;

use crate::testing::lab::{Lab, NAMESPACE, fake};

fn sum(lab: &Lab, name: &str) -> String {
    let text = lab.controller.runtime.metrics.text();
    let label = "{gvk=\"example.org/v1alpha1, Kind=Fake\"}";
    let series = format!("crossplane_managed_resource_{name}_seconds_sum{label} ");
    let line = text.lines().find(|line| line.starts_with(&series));
    line.map(|line| line[series.len()..].to_owned())
        .unwrap_or_default()
}

async fn life() -> Lab {
    let lab = Lab::new();
    lab.server.put(&fake("a", 1));
    lab.world.set_down(true);
    lab.wait(Duration::from_secs(2)).await;
    lab.pass("a").await;
    lab.world.set_down(false);
    lab.wait(Duration::from_secs(3)).await;
    lab.pass("a").await;
    lab
}

#[tokio::test(start_paused = true)]
async fn the_first_pass_and_the_first_readiness_are_measured_once_from_creation() {
    let lab = life().await;
    lab.wait(Duration::from_mins(1)).await;
    lab.pass("a").await;
    assert_eq!(sum(&lab, "first_time_to_reconcile"), "2.0");
    assert_eq!(sum(&lab, "first_time_to_readiness"), "5.0");
}

#[tokio::test(start_paused = true)]
async fn drift_is_measured_from_the_last_look_that_found_none_and_an_edit_of_the_spec_is_not_drift()
{
    let lab = life().await;
    lab.wait(Duration::from_mins(1)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    lab.pass("a").await;
    assert_eq!(sum(&lab, "drift"), "60.0");
    lab.wait(Duration::from_mins(1)).await;
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["size"] = serde_json::json!(2);
    });
    lab.pass("a").await;
    assert_eq!(sum(&lab, "drift"), "60.0");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_measured_from_the_request_and_the_resource_is_forgotten() {
    let lab = life().await;
    lab.delete("a");
    lab.world.set_down(true);
    lab.pass("a").await;
    lab.wait(Duration::from_secs(7)).await;
    lab.world.set_down(false);
    lab.pass("a").await;
    assert_eq!(sum(&lab, "deletion"), "7.0");
    assert_eq!(lab.controller.runtime.metrics.milestones.remembered(), 0);
    assert!(
        lab.server
            .get::<crate::testing::lab::FakeResource>(NAMESPACE, "a")
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn the_exposition_has_crossplanes_names_types_and_buckets_up_to_a_day() {
    let lab = life().await;
    lab.world.edit("a", |thing| thing.size = 9);
    lab.pass("a").await;
    lab.delete("a");
    lab.pass("a").await;
    let text = lab.controller.runtime.metrics.text();
    for name in [
        "first_time_to_reconcile",
        "first_time_to_readiness",
        "deletion",
        "drift",
    ] {
        let line = format!("# TYPE crossplane_managed_resource_{name}_seconds histogram");
        assert!(text.contains(&line), "{text}");
    }
    let bucket = "crossplane_managed_resource_first_time_to_readiness_seconds_bucket{le=\"86400.0\",gvk=\"example.org/v1alpha1, Kind=Fake\"} 1";
    assert!(text.contains(bucket), "{text}");
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_by_step_and_class_and_show_as_errors_to_familiar_dashboards() {
    let lab = life().await;
    lab.world.edit("a", |thing| thing.size = 9);
    lab.world.fail_next("update", super::other("odd"));
    lab.pass("a").await;
    let text = lab.controller.runtime.metrics.text();
    for series in [
        "tenancy_pass_errors_total{gvk=\"example.org/v1alpha1, Kind=Fake\",step=\"connect\",class=\"unreachable\"} 1",
        "tenancy_pass_errors_total{gvk=\"example.org/v1alpha1, Kind=Fake\",step=\"update\",class=\"other\"} 1",
        "controller_runtime_reconcile_errors_total{controller=\"managed/fake.example.org\"} 2",
        "controller_runtime_reconcile_total{controller=\"managed/fake.example.org\",result=\"error\"} 2",
        "controller_runtime_reconcile_total{controller=\"managed/fake.example.org\",result=\"requeue_after\"} 1",
        "controller_runtime_reconcile_time_seconds_count{controller=\"managed/fake.example.org\"} 3",
        "controller_runtime_active_workers{controller=\"managed/fake.example.org\"} 0",
    ] {
        assert!(text.contains(series), "{series}\n{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_writes_of_each_pass_are_measured() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 1));
    lab.pass("a").await;
    lab.settle("a").await;
    let cost = lab.writes().len();
    let text = lab.controller.runtime.metrics.text();
    let expected = format!("tenancy_writes_per_pass_sum{{kind=\"Fake\"}} {cost}.0");
    assert!(text.contains(&expected), "{expected}\n{text}");
}

#[tokio::test(start_paused = true)]
async fn how_long_objects_wait_is_measured_under_the_queue_s_familiar_names() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 1));
    lab.sync();
    lab.wait(Duration::from_secs(3)).await;
    assert_eq!(lab.queued(), ["a"]);
    let metrics = &lab.controller.runtime.metrics;
    metrics.state(4, &[]);
    let text = metrics.text();
    for series in [
        "workqueue_queue_duration_seconds_sum{name=\"managed\"} 3",
        "workqueue_adds_total{name=\"managed\"} 1",
        "workqueue_depth{name=\"managed\"} 4",
    ] {
        assert!(text.contains(series), "{series}\n{text}");
    }
}
