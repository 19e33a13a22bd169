//! What the sidecar gets over a real socket, and what happens while there is none.

use std::time::Duration;

use prost::Message;
use tokio::sync::watch;

use super::{
    entry::SendChangeLogRequest,
    sidecar::{Answer, Sidecar, Socket},
    *,
};
use crate::testing::{Fake, lab::fake};

/// A change log whose forwarder runs.
struct Running {
    log: ChangeLog,
    metrics: Arc<Metrics>,
    over: watch::Sender<bool>,
    forwarding: tokio::task::JoinHandle<()>,
}

impl Running {
    fn to(socket: &Socket) -> Self {
        let metrics = Arc::new(Metrics::default());
        let settings = ChangeLogs {
            socket: socket.0.clone(),
            provider: "provider-fake:v1.2.3".into(),
        };
        let (log, forwarder) = ChangeLog::open(settings, Arc::clone(&metrics));
        let (over, is_over) = watch::channel(false);
        Self {
            log,
            metrics,
            over,
            forwarding: tokio::spawn(forwarder.run(is_over)),
        }
    }

    fn created(&self, name: &str) {
        created(&self.log, name);
    }

    async fn has_tried_in_vain(&self) {
        let tried = async {
            while counted(&self.metrics, "unreachable") == 0 {
                tokio::task::yield_now().await;
            }
        };
        let tried = tokio::time::timeout(Duration::from_secs(30), tried).await;
        tried.expect("it is tried at once");
    }

    async fn end(self) -> Arc<Metrics> {
        self.over.send_replace(true);
        self.forwarding.await.unwrap();
        self.metrics
    }
}

fn created(log: &ChangeLog, name: &str) {
    log.record::<Fake>(&fake(name, 3), creation(name));
}

fn creation(name: &str) -> Change<'_> {
    Change {
        operation: Operation::Create,
        drift: None,
        external_name: name,
        error: None,
        at: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
    }
}

fn counted(metrics: &Metrics, result: &str) -> u64 {
    let series = format!("tenancy_change_log_entries_total{{result=\"{result}\"}} ");
    let text = metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_change_reaches_the_sidecar_over_the_socket() {
    let socket = Socket::new();
    let mut sidecar = Sidecar::on(&socket);
    let running = Running::to(&socket);
    running.created("a");
    let entry = sidecar.next().await;
    assert_eq!(entry.provider, "provider-fake:v1.2.3");
    assert_eq!(entry.kind, "Fake");
    assert_eq!(entry.name, "a");
    assert_eq!(entry.operation, 1);
    assert_eq!(
        entry.timestamp.unwrap().to_string(),
        "2026-01-02T03:04:05.000006Z"
    );
    let metrics = running.end().await;
    assert_eq!(counted(&metrics, "sent"), 1);
}

#[tokio::test]
async fn entries_wait_for_a_sidecar_that_starts_later_and_come_in_order() {
    let socket = Socket::new();
    let running = Running::to(&socket);
    running.created("a");
    running.created("b");
    running.has_tried_in_vain().await;
    let mut sidecar = Sidecar::on(&socket);
    assert_eq!(sidecar.next().await.name, "a");
    assert_eq!(sidecar.next().await.name, "b");
}

#[tokio::test]
async fn a_sidecar_that_was_restarted_is_found_again() {
    let socket = Socket::new();
    let mut sidecar = Sidecar::on(&socket);
    let running = Running::to(&socket);
    running.created("a");
    assert_eq!(sidecar.next().await.name, "a");
    drop(sidecar);
    let mut sidecar = Sidecar::on(&socket);
    running.created("b");
    assert_eq!(sidecar.next().await.name, "b");
}

#[tokio::test]
async fn an_entry_whose_answer_was_lost_is_sent_again() {
    let socket = Socket::new();
    let mut sidecar = Sidecar::on(&socket).answering(Answer::Never);
    let running = Running::to(&socket);
    running.created("a");
    assert_eq!(sidecar.next().await.name, "a");
    drop(sidecar);
    let mut sidecar = Sidecar::on(&socket);
    assert_eq!(sidecar.next().await.name, "a");
    let metrics = running.end().await;
    assert_eq!(counted(&metrics, "refused"), 0);
}

#[tokio::test]
async fn an_entry_that_the_sidecar_refuses_holds_the_next_one_up_no_more() {
    let socket = Socket::new();
    let mut sidecar = Sidecar::on(&socket).answering(Answer::Refuses("a"));
    let running = Running::to(&socket);
    running.created("a");
    running.created("b");
    assert_eq!(sidecar.next().await.name, "a");
    assert_eq!(sidecar.next().await.name, "b");
    let metrics = running.end().await;
    assert_eq!(counted(&metrics, "refused"), 1);
    assert_eq!(counted(&metrics, "sent"), 1);
}

#[tokio::test]
async fn at_the_end_everything_that_waits_is_sent() {
    let socket = Socket::new();
    let mut sidecar = Sidecar::on(&socket);
    let running = Running::to(&socket);
    for name in ["a", "b", "c"] {
        running.created(name);
    }
    let metrics = running.end().await;
    assert_eq!(counted(&metrics, "sent"), 3);
    for name in ["a", "b", "c"] {
        assert_eq!(sidecar.next().await.name, name);
    }
}

#[tokio::test]
async fn at_the_end_nobody_waits_for_a_sidecar_that_is_gone() {
    let running = Running::to(&Socket::new());
    running.created("a");
    running.created("b");
    let metrics = running.end().await;
    assert_eq!(counted(&metrics, "dropped"), 2);
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted() {
    let metrics = Arc::new(Metrics::default());
    let (log, _entries) = ChangeLog::pair(Arc::clone(&metrics));
    for _ in 0..BUFFER + 5 {
        created(&log, "a");
    }
    assert_eq!(counted(&metrics, "dropped"), 5);
}

#[test]
fn a_loss_is_news_once_until_the_queue_was_empty_again() {
    let losses = Losses::new(Arc::default());
    assert!(losses.is_news());
    assert!(!losses.is_news());
    assert_eq!(losses.caught_up(), 2);
    assert!(losses.is_news());
}

/// Number and wire type of each field, in the order they come in.
fn fields(mut message: &[u8]) -> Vec<(u32, prost::encoding::WireType)> {
    use prost::encoding::{DecodeContext, decode_key, skip_field};
    let mut fields = Vec::new();
    while !message.is_empty() {
        let (tag, wire) = decode_key(&mut message).unwrap();
        skip_field(wire, tag, &mut message, DecodeContext::default()).unwrap();
        fields.push((tag, wire));
    }
    fields
}

#[tokio::test]
async fn the_fields_have_crossplanes_numbers_and_types() {
    use prost::encoding::WireType::{LengthDelimited as Length, Varint};
    let (log, mut entries) = ChangeLog::pair(Arc::default());
    let change = Change {
        error: Some("broken"),
        ..creation("a")
    };
    log.record::<Fake>(&fake("a", 3), change);
    let entry = entries.recv().await.unwrap();
    let mut expected: Vec<_> = (1..=9).map(|number| (number, Length)).collect();
    expected[6].1 = Varint;
    // The details are a map: one message for each.
    expected.extend([(10, Length); 2]);
    assert_eq!(fields(&entry.encode_to_vec()), expected);
    let request = SendChangeLogRequest { entry: Some(entry) };
    assert_eq!(fields(&request.encode_to_vec()), [(1, Length)]);
}

#[test]
fn a_snapshot_is_the_whole_object_without_kubectls_copy_of_it() {
    let mut object = fake("a", 3);
    let copy = "kubectl.kubernetes.io/last-applied-configuration";
    let annotations = [("note", "kept"), (copy, "{}")];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    object.metadata.annotations = Some(annotations.into());
    let shown = format!("{:?}", snapshot(&object).unwrap());
    for kept in [
        "apiVersion",
        "example.org/v1alpha1",
        "metadata",
        "forProvider",
        "note",
    ] {
        assert!(shown.contains(kept), "{kept}: {shown}");
    }
    assert!(!shown.contains("last-applied"), "{shown}");
}
