//! Logging in and TLS, by a gateway in front of the server as a proxy would be: it ends TLS, asks for a login, and passes
//! everything on.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use connector_api::conformance::free_port;
use connector_api::{Decision, SinkConnector};
use elasticsearch_sink::ElasticsearchSink;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::shared::{SERVER, config, put, record, start, try_start};

const PASSWORD: &str = "canary-5c1e";
/// `me:canary-5c1e` and `id:canary-5c1e`.
const LOGINS: [&str; 2] = ["Basic bWU6Y2FuYXJ5LTVjMWU=", "ApiKey aWQ6Y2FuYXJ5LTVjMWU="];

/// A certificate for `localhost` with its authority, and another authority.
static CERTIFICATES: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let script = "set -e
        new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30'
        openssl req -x509 $new -keyout ca.key -out ca.pem -subj /CN=authority
        openssl req -x509 $new -keyout other.key -out other.pem -subj /CN=other
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=localhost
        printf 'subjectAltName=DNS:localhost' > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext -out server.pem";
    let output = Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
});

fn file(name: &str) -> String {
    CERTIFICATES.path().join(name).display().to_string()
}

/// Serves on the test's own runtime until that ends; the port.
async fn gateway() -> u16 {
    let pem = |name: &str| file(name);
    let chain = CertificateDer::pem_file_iter(Path::new(&pem("server.pem"))).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(Path::new(&pem("server.key"))).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind(("127.0.0.1", free_port())).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let upstream = SERVER.port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { pass_on(acceptor, socket, upstream).await.unwrap_or_default() });
        }
    });
    port
}

async fn pass_on(acceptor: TlsAcceptor, socket: TcpStream, upstream: u16) -> std::io::Result<()> {
    let mut client = acceptor.accept(socket).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|part| part == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    if !LOGINS.iter().any(|login| text.contains(&format!("authorization: {login}\r\n"))) {
        client.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?;
        return client.shutdown().await;
    }
    let mut server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    server.write_all(&head).await?;
    copy_bidirectional(&mut client, &mut server).await.map(|_| ())
}

async fn at_gateway(pairs: &[(&str, &str)]) -> connector_api::config::RawConfig {
    let url = format!("https://localhost:{}", gateway().await);
    let mut all = vec![("connection.url", url.as_str())];
    all.extend(pairs);
    config(&SERVER, &all)
}

#[tokio::test]
async fn users_and_api_keys_log_in_over_tls() {
    let ca = file("ca.pem");
    let pem = std::fs::read_to_string(&ca).unwrap();
    for (topic, pairs) in [
        (
            "by-user",
            &[
                ("connection.username", "me"),
                ("connection.password", PASSWORD),
                ("elastic.https.ssl.truststore.location", &ca),
            ][..],
        ),
        ("by-key", &[("connection.api.key", "id:canary-5c1e"), ("elastic.https.ssl.truststore.location", &ca)]),
        (
            "by-encoded-key",
            &[("connection.api.key", "aWQ6Y2FuYXJ5LTVjMWU="), ("elastic.https.ssl.truststore.certificates", &pem)],
        ),
    ] {
        let mut task = start(&at_gateway(pairs).await).await;
        put(&mut task, &[record(topic, 0, "1", "{}")]).await;
        assert_eq!(SERVER.documents(topic).len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_login_is_said_at_its_key_and_never_shown() {
    let ca = file("ca.pem");
    let trust = ("elastic.https.ssl.truststore.location", ca.as_str());
    for (pairs, key) in [
        (vec![("connection.username", "you"), ("connection.password", PASSWORD), trust], "connection.password"),
        (vec![("connection.api.key", "ca:canary-5c1e"), trust], "connection.api.key"),
    ] {
        let raw = at_gateway(&pairs).await;
        let error = try_start(&raw).await.err().unwrap();
        assert_eq!(*error.decision(), Decision::Fatal);
        assert!(error.to_string().contains("does not accept the login"), "{error}");
        let config = ElasticsearchSink.definition().config.check(&raw).into_result().unwrap();
        let issues = ElasticsearchSink.validate(&config).await;
        assert_eq!(issues.iter().map(|issue| issue.key.as_str()).collect::<Vec<_>>(), [key]);
        assert!(!format!("{issues:?} {error:?}").contains("canary"));
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_with_the_remedy() {
    let other = file("other.pem");
    let login = [("connection.username", "me"), ("connection.password", PASSWORD)];
    for trust in [None, Some(("elastic.https.ssl.truststore.location", other.as_str()))] {
        let pairs: Vec<_> = login.into_iter().chain(trust).collect();
        let error = try_start(&at_gateway(&pairs).await).await.err().unwrap();
        assert!(error.to_string().contains("TLS with https://localhost"), "{error}");
        assert!(error.to_string().contains("elastic.https.ssl.truststore.location"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let ca = file("ca.pem");
    let url = format!("https://127.0.0.1:{}", gateway().await);
    let raw = config(&SERVER, &[("connection.url", &url), ("elastic.https.ssl.truststore.location", &ca)]);
    let error = try_start(&raw).await.err().unwrap();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}
