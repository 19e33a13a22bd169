//! What each profile may do with what Vault holds, and what the server refuses, by SQLSTATE.

use serde_json::json;
use testbed::Session;
use testbed::story::{SUCCESS, Stage, answer, refusal};

use crate::stage;

/// `insufficient_privilege`.
const DENIED: &str = "42501";

/// Sessions of one claim's logins.
struct Logins {
    owner: Session,
    writer: Session,
    reader: Session,
}

impl Logins {
    async fn of(stage: &Stage, claim: &str) -> anyhow::Result<Self> {
        let access = json!([
            { "name": "migrations", "profile": "owner" },
            { "name": "service", "profile": "readwrite" },
            { "name": "reporting", "profile": "readonly" },
        ]);
        let claim = stage.claim(claim);
        let service = format!("{}-{}", stage.name(), claim.name());
        claim
            .apply(&json!({ "environment": "staging", "service": service, "access": access }))
            .await?;
        claim.ready().await?;
        Ok(Self {
            owner: claim.credentials("migrations").await?.log_in(stage).await?,
            writer: claim.credentials("service").await?.log_in(stage).await?,
            reader: claim.credentials("reporting").await?.log_in(stage).await?,
        })
    }

    /// Asks in order and tells of every answer that is not the expected one.
    async fn expect(&self, table: &[(Who, &str, &str)]) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        for (who, sql, expected) in table {
            let session = match who {
                Owner => &self.owner,
                Writer => &self.writer,
                Reader => &self.reader,
            };
            let found = answer(session, sql).await?;
            if found != *expected {
                wrong.push(format!("{who:?} {sql}: want {expected}, got {found}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Owner,
    Writer,
    Reader,
}

use Who::{Owner, Reader, Writer};

/// What each profile may do, step by step. Everything here is made after the grants: it is covered all
/// the same.
const PROFILES: &[(Who, &str, &str)] = &[
    (
        Owner,
        "CREATE TABLE customers (id bigserial PRIMARY KEY, name text)",
        SUCCESS,
    ),
    (
        Owner,
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        SUCCESS,
    ),
    (
        Owner,
        "INSERT INTO customers (name) VALUES ('Ada')",
        SUCCESS,
    ),
    (
        Writer,
        "INSERT INTO customers (name) VALUES ('Grace')",
        SUCCESS,
    ),
    (
        Writer,
        "UPDATE customers SET name = 'Grace H.' WHERE id = 2",
        SUCCESS,
    ),
    (Writer, "DELETE FROM customers WHERE id = 2", SUCCESS),
    (
        Writer,
        "SELECT nextval('customers_id_seq'), setval('customers_id_seq', 9)",
        SUCCESS,
    ),
    (Writer, "SELECT one()", SUCCESS),
    (Writer, "CREATE TEMPORARY TABLE scratch ()", SUCCESS),
    (Writer, "TRUNCATE customers", DENIED),
    (Writer, "DROP TABLE customers", DENIED),
    (Writer, "ALTER TABLE customers ADD COLUMN age int", DENIED),
    (Writer, "CREATE TABLE mine ()", DENIED),
    (Writer, "CREATE SCHEMA mine", DENIED),
    (Reader, "SELECT name FROM customers", SUCCESS),
    (Reader, "SELECT last_value FROM customers_id_seq", SUCCESS),
    (
        Reader,
        "INSERT INTO customers (name) VALUES ('Eve')",
        DENIED,
    ),
    (Reader, "UPDATE customers SET name = 'Eve'", DENIED),
    (Reader, "DELETE FROM customers", DENIED),
    (Reader, "SELECT nextval('customers_id_seq')", DENIED),
    (Reader, "SELECT one()", SUCCESS),
    (
        Owner,
        "REVOKE EXECUTE ON FUNCTION one() FROM PUBLIC",
        SUCCESS,
    ),
    (Reader, "SELECT one()", DENIED),
    (Writer, "SELECT one()", SUCCESS),
    (Reader, "CREATE TEMPORARY TABLE scratch ()", DENIED),
    (Reader, "CREATE TABLE mine ()", DENIED),
];

#[tokio::test]
async fn each_profile_may_do_what_it_says_and_nothing_else() -> anyhow::Result<()> {
    let stage = stage("profile").await?;
    let logins = Logins::of(&stage, "orders").await?;
    logins.expect(PROFILES).await?;
    logins.expect(&nobody_leads_out_of_the_database()).await?;
    drop(logins);
    assert!(stage.claim("orders").delete_and_wait().await?.as_secs() < 30);
    stage.until_nothing_is_left(&[]).await?;
    stage.finish().await
}

/// Not even an owner may do anything outside its own database, or become somebody else.
fn nobody_leads_out_of_the_database() -> Vec<(Who, &'static str, &'static str)> {
    let mut table = Vec::new();
    for who in [Owner, Writer, Reader] {
        table.extend([
            (who, "CREATE ROLE intruder", DENIED),
            (who, "CREATE DATABASE intruder", DENIED),
            (who, "ALTER SYSTEM SET log_statement = 'none'", DENIED),
            (who, "SELECT rolpassword FROM pg_authid", DENIED),
            (who, "COPY (SELECT 1) TO PROGRAM 'true'", DENIED),
            (who, "SET SESSION AUTHORIZATION tenancy_admin", DENIED),
            (who, "SET ROLE tenancy_admin", DENIED),
        ]);
    }
    table
}

#[tokio::test]
async fn what_the_owner_makes_later_in_another_schema_is_covered_too() -> anyhow::Result<()> {
    let stage = stage("later").await?;
    let logins = Logins::of(&stage, "orders").await?;
    logins
        .expect(&[
            (Owner, "CREATE SCHEMA billing", SUCCESS),
            (
                Owner,
                "CREATE TABLE billing.invoices (id bigserial, total int)",
                SUCCESS,
            ),
            (
                Owner,
                "CREATE VIEW billing.totals AS SELECT sum(total) FROM billing.invoices",
                SUCCESS,
            ),
            (
                Writer,
                "INSERT INTO billing.invoices (total) VALUES (3)",
                SUCCESS,
            ),
            (
                Reader,
                "SELECT * FROM billing.invoices, billing.totals",
                SUCCESS,
            ),
            (Reader, "DELETE FROM billing.invoices", DENIED),
            (Writer, "CREATE TABLE billing.mine ()", DENIED),
            (
                Owner,
                "ALTER TABLE billing.invoices ADD COLUMN paid bool",
                SUCCESS,
            ),
            (Owner, "DROP SCHEMA billing CASCADE", SUCCESS),
        ])
        .await?;
    drop(logins);
    stage.finish().await
}

#[tokio::test]
async fn a_database_is_closed_to_strangers_and_to_the_logins_of_another_claim() -> anyhow::Result<()>
{
    let stage = stage("closed").await?;
    let (mine, other) = (stage.claim("mine"), stage.claim("other"));
    for claim in [&mine, &other] {
        let service = format!("{}-{}", stage.name(), claim.name());
        let access = json!([{ "name": "app", "profile": "owner" }]);
        claim
            .apply(&json!({ "environment": "uat", "service": service, "access": access }))
            .await?;
    }
    let database = mine.ready().await?["database"]["name"].clone();
    let database = database.as_str().unwrap_or_default();
    other.ready().await?;

    let neighbour = other.credentials("app").await?;
    let refused = neighbour.log_in_to(&stage, database).await.err();
    assert_eq!(
        refusal(&refused.expect("another claim's login is let in"))?,
        DENIED
    );

    let superuser = stage.postgres.superuser("postgres").await?;
    let stranger = format!("{}_stranger", stage.name());
    superuser
        .batch_execute(&format!(
            "CREATE ROLE \"{stranger}\" LOGIN PASSWORD 'strange'"
        ))
        .await?;
    let refused = stage
        .postgres
        .connect(&stranger, "strange", database)
        .await
        .err();
    superuser
        .batch_execute(&format!("DROP ROLE \"{stranger}\""))
        .await?;
    assert_eq!(refusal(&refused.expect("a stranger is let in"))?, DENIED);
    stage.finish().await
}
