//! What the provider asks of PostgreSQL, from the server's statement log.

use std::collections::BTreeSet;

use testbed::story::{Stage, Tail};

/// Words that statements begin with which change nothing that outlives the session.
const READING: [&str; 7] = [
    "SELECT", "WITH", "SET", "SHOW", "BEGIN", "COMMIT", "ROLLBACK",
];

/// Words that change something even within a WITH.
const WRITING: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// The statement log from a moment on.
pub(crate) struct Statements {
    tail: Tail,
    /// Sessions that were open before.
    known: BTreeSet<String>,
}

impl Statements {
    pub(crate) fn since_now(stage: &Stage) -> anyhow::Result<Self> {
        let tail = Tail::new(&stage.postgres.log)?;
        let before = std::fs::read(&stage.postgres.log)?;
        Ok(Self {
            tail,
            known: sessions(&String::from_utf8_lossy(&before)),
        })
    }

    /// The provider's statements, one by one.
    fn all(&self) -> anyhow::Result<Vec<String>> {
        let added = self.tail.added()?;
        let mut ours = self.known.clone();
        ours.extend(sessions(&added));
        let said = messages(&added).filter(|message| {
            let id = process(message);
            id.is_some_and(|id| ours.contains(id))
        });
        let statements = said.filter_map(|message| statement(&message).map(parts));
        Ok(statements.flatten().collect())
    }

    /// Statements that are no reading ones.
    pub(crate) fn changes(&self) -> anyhow::Result<Vec<String>> {
        let mut all = self.all()?;
        all.retain(|statement| !is_reading(statement));
        Ok(all)
    }

    /// How many statements there were.
    pub(crate) fn looks(&self) -> anyhow::Result<usize> {
        Ok(self.all()?.len())
    }
}

fn is_reading(statement: &str) -> bool {
    let begins = |text: &str, words: &[&str]| {
        let word = text.split_whitespace().next().unwrap_or_default();
        words.contains(&word.to_uppercase().as_str())
    };
    begins(statement, &READING)
        && !statement
            .split('(')
            .skip(1)
            .any(|part| begins(part, &WRITING))
}

/// Whole messages: a line that begins with a tab goes on with the one before.
fn messages(log: &str) -> impl Iterator<Item = String> {
    let joined = log.replace("\n\t", " ");
    let lines: Vec<_> = joined.lines().map(str::to_owned).collect();
    lines.into_iter()
}

/// Processes of the server that serve the provider.
fn sessions(log: &str) -> BTreeSet<String> {
    let logins = log.lines().filter(|line| {
        line.contains("connection authorized") && line.contains("application_name=provider-tenancy")
    });
    logins.filter_map(process).map(str::to_owned).collect()
}

/// The number in brackets, as `log_line_prefix` of the testbed has it.
fn process(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" [")?;
    rest.split_once(']').map(|(id, _)| id)
}

fn statement(line: &str) -> Option<&str> {
    let (_, said) = line.split_once(" LOG:  ")?;
    let simple = said.strip_prefix("statement: ");
    simple.or_else(|| {
        said.strip_prefix("execute ")?
            .split_once(": ")
            .map(|(_, sql)| sql)
    })
}

/// One message may hold several statements. None of the provider's has a semicolon in a literal.
fn parts(message: &str) -> Vec<String> {
    let parts = message.split(';').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}
