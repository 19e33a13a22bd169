//! Says on standard error what is being done and how long it took. Standard output stays free for results.

use std::time::Instant;

use anyhow::Context;

/// Runs one step, and prints its name and time when it is done.
pub(crate) async fn step<T>(
    what: &str,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    let result = work.await.with_context(|| format!("{what} failed"));
    let mark = if result.is_ok() { " " } else { "!" };
    eprintln!("{mark} {:6.1} s  {what}", started.elapsed().as_secs_f32());
    result
}

/// Says that something long begins.
pub(crate) fn say(what: &str) {
    eprintln!("          {what}");
}
