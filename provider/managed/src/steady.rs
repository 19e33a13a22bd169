//! Messages that say the same as long as the same is wrong.
//!
//! A message with a request id, the address of a connection that was made a moment ago or the time of
//! day in it is another one each time: every pass would write the status, and every write runs the
//! pipeline of the composite. Only what is known to be of that kind is taken out.

/// The words of an error without what changes from one time to the next.
pub(crate) fn steady(message: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in message.split(' ') {
        let (core, rest) = split_punctuation(word);
        let is_request_id = !core.is_empty() && ends_with_request_id(&words);
        words.push(if is_request_id || is_time_of_day(core) {
            format!("…{rest}")
        } else {
            without_own_port(word)
        });
    }
    words.join(" ")
}

/// True after `request id`, `RequestID:`, `request_id=` and the like.
fn ends_with_request_id(words: &[String]) -> bool {
    let spelt: String = words
        .iter()
        .rev()
        .take(2)
        .rev()
        .flat_map(|word| word.chars())
        .filter(char::is_ascii_alphabetic)
        .collect();
    spelt.to_ascii_lowercase().ends_with("requestid")
}

fn split_punctuation(word: &str) -> (&str, &str) {
    word.split_at(word.trim_end_matches([',', ';', '.', ')', ']']).len())
}

/// RFC 3339 with a fraction of a second, as servers and not people write it.
fn is_time_of_day(word: &str) -> bool {
    let bytes = word.as_bytes();
    word.parse::<k8s_openapi::jiff::Timestamp>().is_ok() && bytes.get(19) == Some(&b'.')
}

/// `10.0.0.1:51234->10.0.0.2:5432` without the port that was ours for one connection.
fn without_own_port(word: &str) -> String {
    let Some((own, peer)) = word.split_once("->") else {
        return word.to_owned();
    };
    match own.rsplit_once(':') {
        Some((address, port)) if port.parse::<u16>().is_ok() => format!("{address}->{peer}"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "refused, request id: 6f1c-22, try later",
        "refused, request id: …, try later"
    )]
    #[case("refused (RequestID: 6f1c22)", "refused (RequestID: …)")]
    #[case(
        "read tcp 10.0.0.1:51234->10.0.0.2:5432: reset",
        "read tcp 10.0.0.1->10.0.0.2:5432: reset"
    )]
    #[case("at 2026-11-25T01:02:03.456789Z; wait", "at …; wait")]
    fn what_changes_each_time_is_taken_out(#[case] message: &str, #[case] expected: &str) {
        assert_eq!(steady(message), expected);
    }

    #[rstest]
    #[case("nobody answers at 127.0.0.1:41234; check the server")]
    #[case("the token expires at 2026-11-25T01:02:03Z; renew it")]
    #[case("role \"app\" owns objects in database \"shop\"; drop them")]
    #[case("the request identity is unknown")]
    fn what_a_person_needs_stays(#[case] message: &str) {
        assert_eq!(steady(message), message);
    }
}
