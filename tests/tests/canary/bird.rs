//! A secret that can be recognised, in clear and encoded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::distr::{Alphanumeric, SampleString};

/// A secret.
#[derive(Clone)]
pub(crate) struct Bird {
    name: String,
    song: String,
    traces: Vec<String>,
}

impl Bird {
    /// A new one, with characters that quoting and URLs stumble over around what it is recognised by.
    pub(crate) fn new(name: &str) -> Self {
        let core = Alphanumeric.sample_string(&mut rand::rng(), 40);
        Self {
            name: name.to_owned(),
            song: format!("'{core}%\"\\$$"),
            traces: traces(&core),
        }
    }

    /// One that somebody else made.
    pub(crate) fn found(name: &str, song: &str) -> Self {
        Self {
            name: name.to_owned(),
            song: song.to_owned(),
            traces: traces(song),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The whole secret.
    pub(crate) fn song(&self) -> &str {
        &self.song
    }

    /// Whether a text has it, in clear or in base64.
    pub(crate) fn is_heard_in(&self, text: &str) -> bool {
        self.traces.iter().any(|trace| text.contains(trace))
    }
}

/// The core, and its base64 at each of the three places where it may begin within other text; what
/// depends on its neighbours is cut off.
fn traces(core: &str) -> Vec<String> {
    let mut traces = vec![core.to_owned()];
    for shift in 0..3 {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{core}", "x".repeat(shift)));
        let from = [0, 2, 3][shift];
        traces.push(encoded[from..encoded.len() - 3].to_owned());
    }
    traces
}

#[test]
fn a_bird_is_heard_in_clear_in_base64_and_within_other_text() {
    let bird = Bird::new("any");
    let core = &bird.traces[0];
    assert!(bird.is_heard_in(&format!("password={core};")));
    for before in ["", "a", "ab", "abc", "postgresql://u:"] {
        let text = format!("{before}{core} and more");
        assert!(bird.is_heard_in(&STANDARD_NO_PAD.encode(text)), "{before}");
    }
    assert!(!bird.is_heard_in("hmac-sha256:0e8a975f7486691e3eef3c58d5c61ecf"));
}
