//! The figures, for a person.

use std::fmt::Write as _;

use super::contender::OURS;
use super::figures::{Figures, Roles, Scale, per};
use super::looks::Latency;

impl Figures {
    /// As tables; what was not measured has none.
    pub(super) fn table(&self) -> String {
        let mut text = format!("\n{}\n", self.conditions.describe());
        if !self.scale.is_empty() {
            text += "\nThe runtime\n";
            table(&mut text, &self.scale, SCALE);
        }
        for ours in self.roles.iter().filter(|one| one.provider == OURS) {
            let of_this_size = self.roles.iter().filter(|one| one.count == ours.count);
            let columns: Vec<_> = of_this_size
                .map(|one| (one.clone(), ours.clone()))
                .collect();
            let _never_fails =
                writeln!(text, "\n{} Roles (in parentheses: times ours)", ours.count);
            table(&mut text, &columns, ROLES);
        }
        text
    }
}

/// Its name, and how its value is shown.
pub(super) type Row<T> = (&'static str, fn(&T) -> String);

/// A line for each row, a column for each of `columns`.
pub(super) fn table<T>(text: &mut String, columns: &[T], rows: &[Row<T>]) {
    for (name, value) in rows {
        let values = columns
            .iter()
            .map(|column| format!("{:>34}", value(column)));
        let _never_fails = writeln!(text, "{name:<48}{}", values.collect::<String>());
    }
}

const SCALE: &[Row<Scale>] = &[
    ("resources", |one| one.resources.to_string()),
    ("Ready", |one| one.ready.to_string()),
    ("time to all Ready, s", |one| in_tenths(one.ready_seconds)),
    ("API writes per new resource", |one| {
        format!("{:.2}", one.writes_per_resource)
    }),
    ("  of these until Ready", |one| {
        format!("{:.2}", one.writes_per_resource_until_ready)
    }),
    ("events per new resource", |one| {
        format!("{:.2}", one.events_per_resource)
    }),
    ("CPU seconds per 1,000 new", |one| {
        format!("{:.2}", one.cpu_seconds_per_1000)
    }),
    ("at rest, for s", |one| format!("{:.0}", one.rest_seconds)),
    ("at rest: looks", |one| one.looks_at_rest.to_string()),
    ("at rest: API writes", |one| one.writes_at_rest.to_string()),
    ("at rest: CPU, % of one processor", |one| {
        in_tenths(one.cpu_percent_at_rest)
    }),
    ("create to first look at rest, p50/p99/max ms", |one| {
        latency(&one.first_look_at_rest)
    }),
    ("memory at rest/at most, MiB", |one| {
        memory(one.resident_mib, one.peak_mib)
    }),
    (
        "create to first look after restart, p50/p99/max ms",
        |one| latency(&one.first_look_after_restart),
    ),
    ("restart to all looked at, s", |one| {
        in_tenths(one.restart_seconds)
    }),
    ("memory after restart/at most, MiB", |one| {
        memory(one.resident_after_restart_mib, one.peak_after_restart_mib)
    }),
    ("deletion of all, s", |one| {
        one.delete_seconds.map_or_else(|| "-".to_owned(), in_tenths)
    }),
];

/// A run, and that of ours with as many Roles.
type Pair = (Roles, Roles);

const ROLES: &[Row<Pair>] = &[
    ("", |(one, _)| one.provider.to_owned()),
    ("flags", |(one, _)| match one.flags.as_str() {
        "" => "defaults".to_owned(),
        flags => flags.to_owned(),
    }),
    ("Ready", |(one, _)| {
        format!(
            "{} of {} after {:.0} s",
            one.ready, one.count, one.ready_seconds
        )
    }),
    ("time to all Ready, s", |pair| {
        compared(pair, |one| one.ready_seconds)
    }),
    ("API writes per Role", |pair| {
        compared(pair, |one| one.writes_per_role)
    }),
    ("  of these until Ready", |pair| {
        compared(pair, |one| one.writes_per_role_until_ready)
    }),
    ("PostgreSQL sessions opened", |pair| {
        compared(pair, |one| per(one.sessions_opened, 1))
    }),
    ("PostgreSQL sessions at once", |pair| {
        compared(pair, |one| per(one.sessions_at_once, 1))
    }),
    ("CPU seconds", |pair| compared(pair, |one| one.cpu_seconds)),
    ("memory, MiB", |pair| compared(pair, |one| one.resident_mib)),
    ("memory at most, MiB", |pair| {
        compared(pair, |one| one.peak_mib)
    }),
];

/// A figure and how many times ours it is, which nobody can say of a run that was stopped.
fn compared((one, ours): &Pair, figure: fn(&Roles) -> f64) -> String {
    let (value, our_value) = (figure(one), figure(ours));
    let is_whole = one.ready == one.count && ours.ready == ours.count;
    if one.provider == OURS || our_value <= 0.0 || !is_whole {
        return in_tenths(value);
    }
    format!("{value:.1} ({:.1})", value / our_value)
}

pub(super) fn in_tenths(value: f64) -> String {
    format!("{value:.1}")
}

fn latency(latency: &Latency) -> String {
    let Latency {
        p50_ms,
        p99_ms,
        max_ms,
        ..
    } = latency;
    format!("{p50_ms:.0} / {p99_ms:.0} / {max_ms:.0}")
}

pub(super) fn memory(resident: f64, peak: f64) -> String {
    format!("{resident:.1} / {peak:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(provider: &'static str, ready: usize, seconds: f64) -> Roles {
        Roles {
            provider,
            count: 10,
            ready,
            ready_seconds: seconds,
            ..Roles::default()
        }
    }

    #[test]
    fn what_another_provider_took_is_told_in_times_ours() {
        let (ours, theirs) = (run(OURS, 10, 4.0), run("other", 10, 10.0));
        let own = (ours.clone(), ours.clone());
        assert_eq!(compared(&own, |one| one.ready_seconds), "4.0");
        let other = (theirs, ours);
        assert_eq!(compared(&other, |one| one.ready_seconds), "10.0 (2.5)");
    }

    #[test]
    fn a_run_that_did_not_come_to_its_end_is_not_compared() {
        let (ours, theirs) = (run(OURS, 10, 4.0), run("other", 3, 600.0));
        assert_eq!(compared(&(theirs, ours), |one| one.ready_seconds), "600.0");
    }
}
