//! What the demo measured, beside what today's parts take on the same machine.

use std::time::Duration;

use super::{Timings, screen};

/// Prints the table.
pub(super) fn print(timings: &Timings) {
    screen::heading("What it took");
    screen::answer(&format!(
        "{:<44} {:>9}    {}",
        "", "here", "today's parts, same machine"
    ));
    for (what, took, today) in database(timings).into_iter().chain(cluster(timings)) {
        row(what, took, today);
    }
    screen::say(
        "* the demo has these looked at every 5 s; the provider's default is every minute.",
    );
    screen::say("");
    screen::say("The control plane is still up. Look around:  eval \"$(cargo testbed env)\"");
    screen::say("Take it down and leave nothing behind:       cargo testbed down");
}

/// What was measured, how long it took, and how long it takes today.
type Row = (&'static str, Duration, &'static str);

fn database(timings: &Timings) -> [Row; 6] {
    [
        (
            "claim to credentials in Vault",
            timings.in_vault,
            "17 to 54 s",
        ),
        ("claim to Ready", timings.ready, "32 to 62 s"),
        (
            "hand edit in PostgreSQL to repaired *",
            timings.repaired_role,
            "not noticed field by field",
        ),
        (
            "hand edit in Vault to repaired *",
            timings.repaired_vault,
            "never",
        ),
        (
            "connection Secret deleted to repaired",
            timings.repaired_secret,
            "never",
        ),
        (
            "deletion to nothing left",
            timings.gone,
            "71 s, and the credentials stay in Vault",
        ),
    ]
}

fn cluster(timings: &Timings) -> [Row; 7] {
    [
        (
            "claim to a cluster whose kubeconfig works",
            timings.cluster_usable,
            "",
        ),
        (
            "claim to a proven login to Vault",
            timings.login_proven,
            "never proven",
        ),
        ("claim to Ready", timings.cluster_ready, ""),
        (
            "credentials delivered into the cluster",
            timings.delivered,
            "never",
        ),
        (
            "pod inside to its answer from the database",
            timings.pod,
            "",
        ),
        (
            "hand edit of the control plane to repaired *",
            timings.repaired_cluster,
            "never",
        ),
        ("deletion to nothing left", timings.cluster_gone, ""),
    ]
}

fn row(what: &str, took: Duration, today: &str) {
    let took = took.as_secs_f32();
    screen::answer(&format!("{what:<44} {took:>7.1} s    {today}"));
}
