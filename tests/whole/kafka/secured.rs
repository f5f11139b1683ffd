//! A cluster with encryption and logins, and the certificates for it.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use naru_tests::{KafkaCluster, KafkaListener, KafkaOptions, Worker, free_port, naru_binary, run};

/// A password with all that has to be quoted.
pub const ALICE: &str = r#"al;ice "1" \ ="#;

/// How long a login holds at the listener `SASL_PLAINTEXT`, in milliseconds.
pub const SESSION_MS: u64 = 3000;

/// One broker: encryption and logins are of connections, not of clusters. `ca.pem`, `client.pem` and others lie in its folder.
pub static CLUSTER: LazyLock<KafkaCluster> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let names = ["ca.pem", "server.pem", "client.pem", "client.crt", "client.key", "encrypted.pem", "other.pem"];
    let file = |name: &str| (name.to_owned(), std::fs::read(folder.path().join(name)).unwrap());
    let listener = |(name, protocol): (&str, &str)| KafkaListener {
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        host: "localhost".to_owned(),
    };
    let listeners = [("SSL", "SSL"), ("MUTUAL", "SSL"), ("SASL_SSL", "SASL_SSL"), ("SASL_PLAINTEXT", "SASL_PLAINTEXT")];
    let scram = |mechanism: &str, name: &str| format!("{mechanism}=[name={name},password={name}-secret]");
    KafkaCluster::start(KafkaOptions {
        brokers: 1,
        listeners: listeners.map(listener).to_vec(),
        properties: PROPERTIES.iter().map(|line| line.replace("{alice}", &written(&quoted(ALICE)))).collect(),
        files: names.map(file).to_vec(),
        format: [
            "--add-scram".to_owned(),
            scram("SCRAM-SHA-256", "bob"),
            "--add-scram".to_owned(),
            scram("SCRAM-SHA-512", "carol"),
        ]
        .to_vec(),
    })
});

const PROPERTIES: [&str; 13] = [
    "ssl.keystore.type=PEM",
    "ssl.keystore.location={folder}/server.pem",
    "ssl.truststore.type=PEM",
    "ssl.truststore.location={folder}/ca.pem",
    "listener.name.mutual.ssl.client.auth=required",
    "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    "listener.name.sasl_plaintext.sasl.enabled.mechanisms=SCRAM-SHA-512",
    "listener.name.sasl_plaintext.connections.max.reauth.ms=3000",
    "listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice={alice};",
    "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "share.coordinator.state.topic.replication.factor=1",
];

/// An authority, certificates of it for `localhost`, and an authority that nobody knows.
fn make_certificates(folder: &Path) {
    let script = r#"set -e
        new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        openssl req -x509 $new -keyout ca.key -out ca.pem -days 30 -subj /CN=authority
        openssl req -x509 $new -keyout other.key -out other.pem -days 30 -subj /CN=other
        printf 'subjectAltName=DNS:localhost' > ext
        for name in server client; do
            openssl req $new -keyout $name.key -out $name.csr -subj /CN=$name
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out $name.crt
            cat $name.key $name.crt > $name.pem
        done
        openssl pkcs8 -topk8 -in client.key -passout pass:word -out encrypted.key
        cat encrypted.key client.crt > encrypted.pem"#;
    run(Command::new("sh").current_dir(folder).args(["-c", script]));
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As a value of a properties file.
fn written(value: &str) -> String {
    value.replace('\\', "\\\\")
}

/// A file of the cluster's.
pub fn file(name: &str) -> String {
    CLUSTER.folder().join(name).display().to_string()
}

/// The setting that says who logs in.
pub fn login(module: &str, user: &str, password: &str) -> String {
    let (kind, password) = (module.to_lowercase(), quoted(password));
    format!(
        "sasl.jaas.config=org.apache.kafka.common.security.{kind}.{module}LoginModule required username=\"{user}\" password={password};"
    )
}

/// The address of a listener, a protocol for it, and more.
pub fn at(listener: &str, protocol: &str, more: &[String]) -> Vec<String> {
    let mut all =
        vec![format!("bootstrap.servers={}", CLUSTER.bootstrap_of(listener)), format!("security.protocol={protocol}")];
    all.extend(more.iter().cloned());
    all
}

/// Trust in the cluster's authority.
pub fn trusting() -> String {
    format!("ssl.truststore.location={}", file("ca.pem"))
}

/// A worker with internal topics and a group of its own.
pub fn worker(name: &str, settings: &[String]) -> Worker {
    let own = ["config", "offset", "status"].map(|which| format!("{which}.storage.topic={name}-{which}"));
    let few = [
        "offset.storage.partitions=1".to_owned(),
        "status.storage.partitions=1".to_owned(),
        format!("group.id={name}"),
    ];
    let all: Vec<&str> = own.iter().chain(&few).chain(settings).map(String::as_str).collect();
    Worker::start(&all)
}

/// What a worker says that does not start.
pub fn refused(settings: &[String]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let own = [
        format!("data.dir={}", folder.path().join("data").display()),
        format!("listeners=http://127.0.0.1:{}", free_port()),
        "request.timeout.ms=3000".to_owned(),
    ];
    let mut naru = Command::new(naru_binary());
    naru.args(["--log-level", "error", "worker"]);
    naru.args(own.iter().chain(settings).flat_map(|setting| ["--set", setting.as_str()]));
    let output = naru.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "one line: {said}");
    said
}
