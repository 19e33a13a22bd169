//! Reads the HCL that policies are written in, as far as policies use it, and their JSON. Pure.
//!
//! What comes twice is joined, as Vault does it: rules for the same path, lists of the same name.
//! Heredocs and interpolation are not read; neither is what is no HCL.

use serde_json::{Map, Value};

/// The document as JSON: `{"path": {"secret/data/a": {"capabilities": ["read"]}}}`.
pub(super) fn parse(text: &str) -> Option<Map<String, Value>> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).ok();
    }
    let mut parser = Parser { rest: text };
    let document = parser.body()?;
    parser.rest.is_empty().then_some(document)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    /// Entries up to a closing brace or the end.
    fn body(&mut self) -> Option<Map<String, Value>> {
        let mut body = Map::new();
        loop {
            self.skip();
            if self.rest.is_empty() || self.rest.starts_with('}') {
                return Some(body);
            }
            let (keys, value) = self.entry()?;
            insert(&mut body, &keys, value);
            self.eat(',');
        }
    }

    /// `key = value`, or `key "label" { … }`.
    fn entry(&mut self) -> Option<(Vec<String>, Value)> {
        let mut keys = vec![self.key()?];
        loop {
            if self.eat('=') || self.eat(':') {
                return Some((keys, self.value()?));
            }
            if self.eat('{') {
                return Some((keys, self.object()?));
            }
            keys.push(self.key()?);
        }
    }

    fn key(&mut self) -> Option<String> {
        self.skip();
        if self.rest.starts_with('"') {
            self.quoted()
        } else {
            self.word()
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.skip();
        if self.eat('{') {
            return self.object();
        }
        if self.eat('[') {
            return self.list();
        }
        if self.rest.starts_with('"') {
            return self.quoted().map(Value::String);
        }
        let word = self.word()?;
        let parsed = serde_json::from_str(&word).ok();
        Some(parsed.unwrap_or(Value::String(word)))
    }

    fn object(&mut self) -> Option<Value> {
        let body = self.body()?;
        self.eat('}').then_some(Value::Object(body))
    }

    fn list(&mut self) -> Option<Value> {
        let mut values = Vec::new();
        loop {
            if self.eat(']') {
                return Some(Value::Array(values));
            }
            values.push(self.value()?);
            if !self.eat(',') {
                return self.eat(']').then_some(Value::Array(values));
            }
        }
    }

    fn word(&mut self) -> Option<String> {
        let is_part = |letter: char| letter.is_alphanumeric() || "_-.+".contains(letter);
        let end = self
            .rest
            .find(|letter| !is_part(letter))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// A text in quotes; its escapes are those of JSON.
    fn quoted(&mut self) -> Option<String> {
        let mut is_escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, letter)| {
            let ends = *letter == '"' && !is_escaped;
            is_escaped = *letter == '\\' && !is_escaped;
            ends
        })?;
        let (text, rest) = self.rest.split_at(end.0 + 1);
        self.rest = rest;
        serde_json::from_str(text).ok()
    }

    fn eat(&mut self, symbol: char) -> bool {
        self.skip();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// White space and comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let end = if self.rest.starts_with('#') || self.rest.starts_with("//") {
                self.rest.find('\n')
            } else if self.rest.starts_with("/*") {
                self.rest.find("*/").map(|end| end + 2)
            } else {
                return;
            };
            self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
        }
    }
}

fn insert(body: &mut Map<String, Value>, keys: &[String], value: Value) {
    let [key, inner @ ..] = keys else { return };
    let value = if inner.is_empty() {
        value
    } else {
        let mut nested = Map::new();
        insert(&mut nested, inner, value);
        Value::Object(nested)
    };
    match body.get_mut(key) {
        Some(there) => join(there, value),
        None => drop(body.insert(key.clone(), value)),
    }
}

fn join(there: &mut Value, more: Value) {
    match (there, more) {
        (Value::Object(there), Value::Object(more)) => {
            for (key, value) in more {
                insert(there, &[key], value);
            }
        }
        (Value::Array(there), Value::Array(more)) => there.extend(more),
        (there, more) => *there = more,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_it_fail_otherwise_than_by_saying_so(text in "[path\"{}\\[\\]=,#/* \n\\\\a1]{0,80}") {
            let _read = parse(&text);
        }
    }

    #[test]
    fn what_is_no_hcl_is_not_read() {
        for text in [
            "path",
            "path \"a",
            "path \"a\" {",
            "path \"a\" { b = [\"c\" }",
            "}",
            "a = <<EOT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
