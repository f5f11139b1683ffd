//! What `validate` says, and where.

use std::sync::OnceLock;

use connector_api::config::{Issue, RawConfig};

use crate::driver::{plugin, read};
use crate::shared::{SERVER, config_of, database, with};
use postgres_source::test_server::{PASSWORD, TestServer};

fn issues(config: &RawConfig) -> Vec<Issue> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(plugin().validate(&read(config)));
    assert!(!format!("{found:?}").contains(PASSWORD), "{found:?}");
    found
}

/// One error, at that key, with these words.
fn says(config: &RawConfig, key: &str, words: &[&str]) {
    let found = issues(config);
    let errors: Vec<&Issue> = found.iter().filter(|issue| issue.is_error()).collect();
    let [error] = errors[..] else { panic!("not one error: {found:?}") };
    assert_eq!(error.key, key, "{error}");
    for word in words {
        assert!(error.message.contains(word), "`{word}` is not in: {error}");
    }
}

fn warns(config: &RawConfig, key: &str, word: &str) {
    let found = issues(config);
    assert!(!found.iter().any(Issue::is_error), "{found:?}");
    assert!(found.iter().any(|issue| issue.key == key && issue.message.contains(word)), "{found:?}");
}

/// A database with a table, once for all tests here.
fn valid() -> RawConfig {
    static CONFIG: OnceLock<RawConfig> = OnceLock::new();
    CONFIG.get_or_init(|| database("valid", "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE bare (id int)")).clone()
}

fn one_table() -> RawConfig {
    with(&valid(), &[("table.include.list", "public.t")])
}

#[test]
fn a_good_configuration_has_no_issues() {
    assert_eq!(issues(&one_table()), []);
}

#[test]
fn debeziums_tutorial_starts_unchanged() {
    SERVER.create_database(
        "tutorial",
        "CREATE SCHEMA inventory; CREATE TABLE inventory.customers (id serial PRIMARY KEY, email text)",
    );
    let port = SERVER.port().to_string();
    let tutorial = [
        ("connector.class", "io.debezium.connector.postgresql.PostgresConnector"),
        ("tasks.max", "1"),
        ("database.hostname", "127.0.0.1"),
        ("database.port", port.as_str()),
        ("database.user", "postgres"),
        ("database.password", PASSWORD),
        ("database.dbname", "tutorial"),
        ("topic.prefix", "dbserver1"),
        ("schema.include.list", "inventory"),
    ];
    let config: RawConfig = tutorial.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let checked = plugin().definition().config.check(&config);
    // The worker's own keys are the worker's to know.
    let unknown: Vec<_> =
        checked.issues.iter().filter(|issue| !matches!(&*issue.key, "connector.class" | "tasks.max")).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert_eq!(issues(&config), []);
}

#[test]
fn what_is_wrong_with_the_login_is_said_at_its_key() {
    let config = one_table();
    let with_one = |key: &str, value: &str| with(&config, &[(key, value)]);
    says(
        &with_one("database.password", "wrong"),
        "database.password",
        &["password authentication failed", "Put `database.user`"],
    );
    says(&with_one("database.dbname", "nowhere"), "database.dbname", &["\"nowhere\" does not exist"]);
    says(&with_one("database.port", "1"), "database.hostname", &["cannot reach PostgreSQL at 127.0.0.1:1", "refused"]);
    says(
        &with_one("database.hostname", "no.such.host.invalid"),
        "database.hostname",
        &["cannot reach", "no.such.host.invalid"],
    );
    says(&with_one("database.hostname", "/nowhere"), "database.hostname", &["cannot reach"]);
    says(&with_one("database.sslmode", "require"), "database.sslmode", &["does not offer TLS", "prefer"]);
    says(&with_one("database.sslmode", "verify-full"), "database.sslmode", &["does not offer TLS"]);
}

#[test]
fn what_is_wrong_with_tables_is_said_at_their_keys() {
    says(
        &with(&valid(), &[("table.include.list", "public.nope")]),
        "table.include.list",
        &["is captured", "`public.bare`, `public.t`"],
    );
    warns(&valid(), "table.include.list", "`public.bare` have neither a primary key nor another replica identity");
    says(
        &with(&one_table(), &[("message.key.columns", "public.t:x")]),
        "message.key.columns",
        &["`public.t` has no column `x`"],
    );
    let bare = [
        ("message.key.columns", "public.bare:id"),
        ("table.include.list", "public.bare"),
        ("skipped.operations", "u,d,t"),
    ];
    warns(&with(&valid(), &bare), "table.include.list", "message.key.columns");
    let both = with(&valid(), &[("table.include.list", "a"), ("table.exclude.list", "b")]);
    says(&both, "table.exclude.list", &["not both"]);
    let many = with(&valid(), &[("guardrail.collections.max", "1"), ("guardrail.collections.limit.action", "fail")]);
    says(&many, "guardrail.collections.max", &["2 tables"]);
}

#[test]
fn missing_rights_are_said_with_the_statement_that_grants_them() {
    let config = one_table();
    SERVER.sql(
        "valid",
        "CREATE ROLE weak LOGIN PASSWORD 'weak'; CREATE ROLE reader LOGIN REPLICATION PASSWORD 'reader'; \
         CREATE ROLE viewer LOGIN REPLICATION PASSWORD 'viewer'; GRANT SELECT ON t TO viewer",
    );
    let as_role = |role: &str| with(&config, &[("database.user", role), ("database.password", role)]);
    says(&as_role("weak"), "database.user", &["may not replicate", "ALTER ROLE \"weak\" REPLICATION"]);
    let found = issues(&as_role("reader"));
    assert!(
        found.iter().any(|issue| issue.key == "database.user"
            && issue.message.contains("may not read `public.t`")
            && issue.message.contains("GRANT SELECT")),
        "{found:?}"
    );
    says(&as_role("viewer"), "publication.autocreate.mode", &["does not own `public.t`", "CREATE PUBLICATION"]);
    SERVER.sql("valid", "CREATE PUBLICATION given FOR TABLE t");
    let given = with(&as_role("viewer"), &[("publication.name", "given"), ("publication.autocreate.mode", "disabled")]);
    assert_eq!(issues(&given), []);
}

#[test]
fn slots_and_publications_that_do_not_fit_are_said_at_their_keys() {
    let config = one_table();
    SERVER.sql("postgres", "SELECT pg_create_logical_replication_slot('elsewhere', 'pgoutput')");
    says(
        &with(&config, &[("slot.name", "elsewhere")]),
        "slot.name",
        &["belongs to another use", "database `postgres`"],
    );
    let disabled = with(&config, &[("publication.autocreate.mode", "disabled"), ("publication.name", "nothing")]);
    says(&disabled, "publication.name", &["does not exist", "CREATE PUBLICATION \"nothing\""]);
    SERVER.sql("valid", "CREATE PUBLICATION narrow FOR TABLE bare WITH (publish = 'insert')");
    let narrow = with(&config, &[("publication.autocreate.mode", "disabled"), ("publication.name", "narrow")]);
    warns(&narrow, "publication.name", "`public.t` are captured but not in the publication `narrow`");
    warns(&narrow, "publication.name", "does not publish `update`, `delete`");
}

#[test]
fn a_server_that_does_not_log_enough_is_said_at_the_plugin() {
    let server = TestServer::start(&["wal_level = replica"]);
    server.create_database("low", "CREATE TABLE t (id int PRIMARY KEY)");
    says(&config_of(&server, "low"), "plugin.name", &["wal_level = replica", "ALTER SYSTEM SET wal_level = logical"]);
}
