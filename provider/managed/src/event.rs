//! Events, as core/v1 because that is what Crossplane lets a provider write.
//!
//! Identical events are counted on one Event object instead of repeated. Writing is best effort and
//! never delays a pass: when the buffer is full, the newest event is dropped and counted.

mod allowance;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::debug;

use self::allowance::Allowances;
use crate::{condition::whole_seconds, draining, persist::MANAGER};

/// How many events wait to be written at most.
const BUFFER: usize = 4096;
/// How long an Event object is counted up rather than made anew.
const MEMORY: Duration = Duration::from_mins(10);
/// An identical event within this time is only counted, not written.
const QUIET: Duration = Duration::from_secs(5);
/// Longest message the API server takes (validation of core/v1 Event).
const LONGEST_MESSAGE: usize = 1024;

/// Type of an event.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Severity {
    /// For information.
    Normal,
    /// Something a person should look at.
    Warning,
}

/// Something that happened to an object.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Occurrence {
    /// Type.
    pub severity: Severity,
    /// Reason, one word.
    pub reason: &'static str,
    /// Message for a person.
    pub message: String,
    /// One annotation of the event, beside the external name.
    pub note: Option<(&'static str, String)>,
}

impl Occurrence {
    /// The same with an annotation.
    pub(crate) fn noting(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.note = Some((key, value.into()));
        self
    }

    /// For information.
    pub(crate) fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Normal,
            reason,
            message: message.into(),
            note: None,
        }
    }

    /// Something a person should look at.
    pub(crate) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            reason,
            message: message.into(),
            note: None,
        }
    }
}

/// An occurrence with its object and its reporter.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The object.
    pub regarding: ObjectReference,
    /// `metadata.annotations` of the event.
    pub external_name: Option<String>,
    /// What happened.
    pub occurrence: Occurrence,
    /// When.
    pub at: Timestamp,
}

/// Takes events and hands them to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(mpsc::Sender<Report>);

impl Recorder {
    /// A recorder and the writer that must be run for its events to arrive.
    pub(crate) fn new(client: Client) -> (Self, Writer) {
        let (sender, reports) = mpsc::channel(BUFFER);
        (
            Self(sender),
            Writer {
                client,
                reports,
                written: HashMap::new(),
                allowances: Allowances::default(),
            },
        )
    }

    /// A recorder and what it was handed, unwritten.
    #[cfg(test)]
    pub(crate) fn pair() -> (Self, mpsc::Receiver<Report>) {
        let (sender, reports) = mpsc::channel(BUFFER);
        (Self(sender), reports)
    }

    /// Hands over an event; never waits.
    pub(crate) fn report(&self, report: Report) {
        if let Err(error) = self.0.try_send(report) {
            debug!(%error, "event dropped");
        }
    }
}

#[derive(Debug)]
struct Written {
    name: String,
    count: i32,
    at: Instant,
}

/// Writes events.
pub(crate) struct Writer {
    client: Client,
    reports: mpsc::Receiver<Report>,
    written: HashMap<(Option<String>, Occurrence), Written>,
    allowances: Allowances,
}

impl Writer {
    /// Runs until every recorder is gone, or until `over` is true and what was handed over by then is
    /// written.
    pub(crate) async fn run(mut self, mut over: watch::Receiver<bool>) {
        while let Some(report) = draining::next(&mut self.reports, &mut over).await {
            if let Err(error) = self.write(&report).await {
                debug!(%error, reason = report.occurrence.reason, "cannot write event");
            }
        }
    }

    async fn write(&mut self, report: &Report) -> kube::Result<()> {
        let now = Instant::now();
        self.written
            .retain(|_, written| now.duration_since(written.at) < MEMORY);
        let namespace = report.regarding.namespace.as_deref().unwrap_or("default");
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let key = (report.regarding.uid.clone(), report.occurrence.clone());
        if let Some(written) = self.written.get_mut(&key) {
            written.count += 1;
            if now.duration_since(written.at) < QUIET {
                return Ok(());
            }
            written.at = now;
            return recount(&api, written, report.at).await;
        }
        let uid = report.regarding.uid.as_deref().unwrap_or_default();
        if !self.allowances.take(uid, now) {
            return Ok(());
        }
        let event = api
            .create(&PostParams::default(), &event(report, namespace))
            .await?;
        let name = event.metadata.name.unwrap_or_default();
        self.written.insert(
            key,
            Written {
                name,
                count: 1,
                at: now,
            },
        );
        Ok(())
    }
}

async fn recount(api: &Api<Event>, written: &Written, at: Timestamp) -> kube::Result<()> {
    let patch = json!({ "count": written.count, "lastTimestamp": Time(whole_seconds(at)) });
    let params = PatchParams::apply(MANAGER);
    api.patch(&written.name, &params, &Patch::Merge(patch))
        .await
        .map(|_| ())
}

fn event(report: &Report, namespace: &str) -> Event {
    let Report {
        regarding,
        occurrence,
        at,
        external_name: _,
    } = report;
    let time = Some(Time(whole_seconds(*at)));
    let kind = regarding.kind.as_deref().unwrap_or_default().to_lowercase();
    let group = regarding
        .api_version
        .as_deref()
        .and_then(|version| version.split_once('/'));
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!(
                "{}.",
                regarding.name.as_deref().unwrap_or_default()
            )),
            namespace: Some(namespace.into()),
            annotations: Some(annotations(report)),
            ..ObjectMeta::default()
        },
        involved_object: regarding.clone(),
        type_: Some(format!("{:?}", occurrence.severity)),
        reason: Some(occurrence.reason.into()),
        message: Some(shortened(&occurrence.message)),
        source: Some(EventSource {
            component: Some(format!(
                "managed/{kind}.{}",
                group.map_or("", |(group, _)| group)
            )),
            host: None,
        }),
        count: Some(1),
        first_timestamp: time.clone(),
        last_timestamp: time,
        ..Event::default()
    }
}

fn annotations(report: &Report) -> BTreeMap<String, String> {
    let name = report.external_name.clone();
    let name = name.map(|name| ("external-name".to_owned(), name));
    let note = report.occurrence.note.clone();
    let note = note.map(|(key, value)| (key.to_owned(), value));
    name.into_iter().chain(note).collect()
}

fn shortened(message: &str) -> String {
    let end = (0..=LONGEST_MESSAGE.min(message.len()))
        .rev()
        .find(|at| message.is_char_boundary(*at));
    message[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ApiServer, Clock, Trail};

    fn report(clock: &Clock, message: &str) -> Report {
        Report {
            regarding: ObjectReference {
                api_version: Some("example.org/v1alpha1".into()),
                kind: Some("Fake".into()),
                name: Some("a".into()),
                namespace: Some("shop".into()),
                uid: Some("uid-1".into()),
                ..ObjectReference::default()
            },
            external_name: Some("given".into()),
            occurrence: Occurrence::warning("DriftDetected", message),
            at: clock.now(),
        }
    }

    async fn written(reports: &[(&str, u64)]) -> Vec<Event> {
        let clock = Clock::default();
        let server = ApiServer::new(clock.clone(), Trail::default());
        let (_, mut writer) = Recorder::new(server.client());
        for (message, seconds_later) in reports {
            let pause = Duration::from_secs(*seconds_later);
            clock.advance(pause);
            tokio::time::advance(pause).await;
            writer.write(&report(&clock, message)).await.unwrap();
        }
        server.list()
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_looks_as_crossplanes_do() {
        let event = written(&[("size differs", 0)]).await.remove(0);
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        assert_eq!(event.reason.as_deref(), Some("DriftDetected"));
        let component = event.source.unwrap().component;
        assert_eq!(component.as_deref(), Some("managed/fake.example.org"));
        assert_eq!(
            event.metadata.annotations.unwrap()["external-name"],
            "given"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_repeats_is_counted_and_not_written_more_often_than_it_is_news() {
        let events = written(&[("x", 0), ("x", 1), ("x", 1), ("x", 10)]).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].count, Some(4));
        assert_ne!(events[0].first_timestamp, events[0].last_timestamp);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_when_the_process_ends_is_still_written() {
        let clock = Clock::default();
        let server = ApiServer::new(clock.clone(), Trail::default());
        let (recorder, writer) = Recorder::new(server.client());
        for message in ["x", "y", "z"] {
            recorder.report(report(&clock, message));
        }
        let (_over, is_over) = watch::channel(true);
        writer.run(is_over).await;
        assert_eq!(server.list::<Event>().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn another_message_and_an_old_event_are_written_anew() {
        assert_eq!(written(&[("x", 0), ("y", 0), ("x", 700)]).await.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_fails_in_ever_new_words_does_not_fill_the_cluster() {
        let messages: Vec<_> = (0..300).map(|number| number.to_string()).collect();
        let reports: Vec<_> = messages
            .iter()
            .map(|message| (message.as_str(), 0))
            .collect();
        assert_eq!(written(&reports).await.len(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_event_notes_reaches_the_api_beside_the_external_name() {
        let clock = Clock::default();
        let server = ApiServer::new(clock.clone(), Trail::default());
        let (_, mut writer) = Recorder::new(server.client());
        let mut report = report(&clock, "asked");
        report.occurrence = report.occurrence.noting("asked-at", "now");
        writer.write(&report).await.unwrap();
        let annotations = server
            .list::<Event>()
            .remove(0)
            .metadata
            .annotations
            .unwrap();
        assert_eq!(annotations["asked-at"], "now");
        assert_eq!(annotations["external-name"], "given");
    }

    #[test]
    fn a_message_is_cut_to_what_the_api_server_takes() {
        assert!(shortened(&"ä".repeat(1000)).len() <= LONGEST_MESSAGE);
    }
}
