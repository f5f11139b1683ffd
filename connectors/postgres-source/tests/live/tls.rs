//! TLS in all its modes, and logging in by a certificate.

use std::path::PathBuf;
use std::sync::LazyLock;

use connector_api::config::RawConfig;

use crate::driver::{Driver, on_a_task_thread, plugin, read};
use crate::shared::{config_of, with};
use postgres_source::test_server::TestServer;

/// A server with a certificate for `localhost`, and a role that logs in by certificate alone.
static SERVER: LazyLock<TestServer> = LazyLock::new(|| {
    let server = TestServer::start(&[]);
    let folder = server.folder().display().to_string();
    server.run(&format!(
        "cd {folder} && \
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days \
         30 -subj /CN=authority && \
         for name in server client; do \
           case $name in server) cn=localhost;; client) cn=bearer;; esac; \
           openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout $name.key -out $name.csr \
           -subj /CN=$cn && \
           printf 'subjectAltName=DNS:%s' $cn > $name.ext && \
           openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $name.ext -out \
           $name.pem; \
         done && \
         openssl pkcs8 -topk8 -nocrypt -in client.key -outform DER -out client.der && \
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout other.key -out other.pem \
         -days 30 -subj /CN=other && \
         chmod 600 server.key && chmod 644 client.key client.der && chmod 755 . && \
         sed -i '1i hostssl all bearer all cert' data/pg_hba.conf"
    ));
    for line in [
        "ssl = on",
        &format!("ssl_cert_file = '{folder}/server.pem'"),
        &format!("ssl_key_file = '{folder}/server.key'"),
        &format!("ssl_ca_file = '{folder}/ca.pem'"),
    ] {
        server.configure(line);
    }
    server.stop(postgres_source::test_server::Shutdown::Fast);
    server.go();
    server.create_database(
        "tls",
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE ROLE bearer SUPERUSER LOGIN",
    );
    server
});

fn file(name: &str) -> String {
    let path: PathBuf = SERVER.folder().join(name);
    path.display().to_string()
}

fn config(pairs: &[(&str, &str)]) -> RawConfig {
    with(&config_of(&SERVER, "tls"), pairs)
}

fn refused_at(config: &RawConfig) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let issues = runtime.block_on(plugin().validate(&read(config)));
    issues.iter().map(|issue| format!("{}: {issue}", issue.key)).collect::<Vec<_>>().join("; ")
}

#[test]
fn snapshot_and_stream_go_over_tls_in_every_mode() {
    let root = file("ca.pem");
    for (mode, host, root) in [
        ("disable", "127.0.0.1", ""),
        ("prefer", "127.0.0.1", ""),
        ("require", "127.0.0.1", ""),
        ("verify-ca", "127.0.0.1", root.as_str()),
        ("verify-full", "localhost", root.as_str()),
    ] {
        let slot = format!("slot_tls_{}", mode.replace('-', "_"));
        let config = config(&[
            ("database.sslmode", mode),
            ("database.hostname", host),
            ("database.sslrootcert", root),
            ("slot.name", &slot),
        ]);
        on_a_task_thread(async {
            let mut driver = Driver::start(&config, None).await;
            driver.take(1).await;
            driver.streaming().await;
            let query = "SELECT bool_and(s.ssl)::text FROM pg_stat_ssl s JOIN pg_stat_replication r USING (pid)";
            assert_eq!(SERVER.value("tls", query), if mode == "disable" { "false" } else { "true" }, "{mode}");
            SERVER.sql("tls", "INSERT INTO t VALUES (2)");
            driver.take(1).await;
            driver.stop().await;
        });
        SERVER.sql("tls", "DELETE FROM t WHERE id = 2");
    }
}

#[test]
fn a_certificate_logs_in() {
    let (certificate, root) = (file("client.pem"), file("ca.pem"));
    for key in ["client.key", "client.der"] {
        let key = file(key);
        let config = config(&[
            ("database.user", "bearer"),
            ("database.sslmode", "verify-ca"),
            ("database.sslrootcert", &root),
            ("database.sslcert", &certificate),
            ("database.sslkey", &key),
        ]);
        assert_eq!(refused_at(&config), "");
    }
}

#[test]
fn certificates_that_do_not_fit_are_refused_at_their_keys() {
    let (ca, other, certificate) = (file("ca.pem"), file("other.pem"), file("client.pem"));
    for (pairs, expected) in [
        (
            vec![("database.sslmode", "verify-ca"), ("database.sslrootcert", other.as_str())],
            "database.sslrootcert: TLS with 127.0.0.1",
        ),
        (
            vec![("database.sslmode", "verify-full"), ("database.sslrootcert", &ca)],
            "database.hostname: TLS with 127.0.0.1",
        ),
        (vec![("database.sslmode", "verify-full")], "database.sslrootcert: the modes verify-ca and verify-full need"),
        (
            vec![("database.sslmode", "verify-ca"), ("database.sslrootcert", "/nowhere")],
            "database.sslrootcert: cannot read certificates",
        ),
        (
            vec![("database.sslmode", "require"), ("database.sslcert", &certificate)],
            "database.sslkey: `database.sslcert` needs",
        ),
        (
            vec![
                ("database.sslmode", "require"),
                ("database.sslcert", &certificate),
                ("database.sslkey", &certificate),
            ],
            "database.sslkey: cannot read the key",
        ),
        (vec![("database.sslmode", "require"), ("database.user", "bearer")], "database.user: PostgreSQL refused"),
    ] {
        let found = refused_at(&config(&pairs));
        assert!(found.starts_with(expected), "{pairs:?}: {found}");
    }
}
