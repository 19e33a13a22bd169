//! The table that says how the runtime keeps its contract, checked against the tree.
//!
//! `provider/managed/CONTRACT.md` has one row per statement: number, what we do, the tests that hold
//! it. A row without a test says `-`. A test is named by file and function; a file is relative to the
//! runtime's sources, or to the repository when it begins with a slash.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;

/// How many statements the contract has.
const STATEMENTS: u32 = 113;
const TABLE: &str = "provider/managed/CONTRACT.md";
const SOURCES: &str = "provider/managed/src";

/// What is wrong with the table; nothing when every statement has one row and every test exists.
///
/// # Errors
/// When the table cannot be read.
pub(crate) fn findings(root: &Path) -> anyhow::Result<Vec<String>> {
    let table = std::fs::read_to_string(root.join(TABLE))
        .with_context(|| format!("cannot read {TABLE}"))?;
    Ok(judge(&table, |file| {
        let path = match file.strip_prefix('/') {
            Some(file) => root.join(file),
            None => root.join(SOURCES).join(file),
        };
        std::fs::read_to_string(path).ok()
    }))
}

/// One line of the table.
struct Row<'a> {
    number: u32,
    what: &'a str,
    tests: &'a str,
}

impl<'a> Row<'a> {
    /// `None` for a line that is not about a statement.
    fn of(line: &'a str) -> Option<Self> {
        let cells: Vec<_> = line
            .trim()
            .strip_prefix('|')?
            .strip_suffix('|')?
            .splitn(3, '|')
            .map(str::trim)
            .collect();
        let [number, what, tests] = cells[..] else {
            return None;
        };
        Some(Self {
            number: number.parse().ok()?,
            what,
            tests,
        })
    }

    /// File and function of every test.
    fn tests(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.tests
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|test| test.split_once("::").unwrap_or((test, "")))
    }
}

fn judge(table: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut rows = BTreeMap::new();
    for row in table.lines().filter_map(Row::of) {
        findings.extend(judge_row(&row, &read));
        *rows.entry(row.number).or_insert(0) += 1;
    }
    for number in 1..=STATEMENTS {
        match rows.remove(&number) {
            Some(1) => {}
            Some(count) => findings.push(format!(
                "{TABLE}: statement {number} has {count} rows: keep one"
            )),
            None => findings.push(format!("{TABLE}: statement {number} has no row: add one")),
        }
    }
    findings.extend(
        rows.keys()
            .map(|number| format!("{TABLE}: there is no statement {number}: remove the row")),
    );
    findings
}

fn judge_row(row: &Row<'_>, read: &impl Fn(&str) -> Option<String>) -> Vec<String> {
    let number = row.number;
    let mut findings = Vec::new();
    if row.what.is_empty() {
        findings.push(format!(
            "{TABLE}: statement {number} does not say what we do: say it"
        ));
    }
    if row.tests != "-" && row.tests().next().is_none() {
        findings.push(format!(
            "{TABLE}: statement {number} names no test: name one, or write -"
        ));
    }
    for (file, test) in row.tests() {
        let exists = read(file).is_some_and(|source| source.contains(&format!("fn {test}(")));
        if !exists {
            findings.push(format!(
                "{TABLE}: statement {number}: {file} has no test {test}: correct the name"
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "`plan.rs::it_holds`";

    /// A table in which every row is in order, except for what `change` does to it.
    fn table(change: impl Fn(u32) -> Option<String>) -> String {
        let rows: Vec<_> = (1..=STATEMENTS)
            .map(|number| {
                change(number).unwrap_or_else(|| format!("| {number} | done | {WHOLE} |"))
            })
            .collect();
        format!("| # | What | Tests |\n|---|---|---|\n{}", rows.join("\n"))
    }

    fn findings(table: &str) -> Vec<String> {
        judge(table, |file| {
            (file == "plan.rs").then(|| "async fn it_holds() {}".to_owned())
        })
    }

    #[test]
    fn a_table_with_one_row_for_every_statement_is_in_order() {
        assert_eq!(findings(&table(|_| None)), [""; 0]);
    }

    #[test]
    fn a_statement_without_a_row_is_found() {
        let table = table(|number| (number == 7).then(String::new));
        assert_eq!(
            findings(&table),
            ["provider/managed/CONTRACT.md: statement 7 has no row: add one"]
        );
    }

    #[test]
    fn a_statement_with_two_rows_and_one_that_does_not_exist_are_found() {
        let table = table(|number| {
            (number == 7).then(|| format!("| 8 | done | {WHOLE} |\n| 114 | done | - |"))
        });
        let found = findings(&table);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[1].contains("statement 8 has 2 rows") && found[2].contains("no statement 114")
        );
    }

    #[test]
    fn a_test_that_does_not_exist_is_found_by_file_and_by_name() {
        for test in ["`plan.rs::it_hold`", "`gone.rs::it_holds`", "`plan.rs`"] {
            let table =
                table(|number| (number == 7).then(|| format!("| 7 | done | {WHOLE} {test} |")));
            let found = findings(&table);
            assert!(
                found.len() == 1 && found[0].contains("statement 7"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_row_that_says_nothing_or_names_nothing_is_found_and_a_dash_is_an_answer() {
        let of = |row: &'static str| {
            findings(&table(|number| (number == 7).then(|| row.to_owned()))).len()
        };
        assert_eq!(
            (
                of("| 7 |  | - |"),
                of("| 7 | done |  |"),
                of("| 7 | done | - |")
            ),
            (1, 1, 0)
        );
    }
}
