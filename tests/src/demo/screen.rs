//! What the demo prints: headings, commands a person could type, and what they answer.

use std::io::Write;

/// A heading.
pub(super) fn heading(text: &str) {
    line(&format!(
        "\n── {text} {}",
        "─".repeat(86_usize.saturating_sub(text.chars().count()))
    ));
}

/// A sentence.
pub(super) fn say(text: &str) {
    line(&format!("   {text}"));
}

/// A command a person could type.
pub(super) fn command(text: &str) {
    line(&format!("   $ {text}"));
}

/// What a command answers, indented.
pub(super) fn answer(text: &str) {
    for one in text.trim_end().lines() {
        line(&format!("     {one}"));
    }
}

/// A reader that closes the pipe early has seen enough.
fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
