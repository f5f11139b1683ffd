//! Signed requests, by a gateway in front of the server that computes each signature anew from what came in, as Amazon's would.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use connector_api::config::RawConfig;
use connector_api::conformance::free_port;
use connector_api::{Decision, Host, Progress, SinkConnector, SinkTask, TaskContext};
use elasticsearch_sink::ElasticsearchSink;
use ring::{digest, hmac};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::shared::{SERVER, config, looks, put, record, start, try_start};

const KEY: &str = "AKIDTEST";
const SECRET: &str = "canary/77ad";

/// Serves on the test's own runtime until that ends; its address, and how many requests it has let through.
async fn gateway(service: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", free_port())).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let good = Arc::new(AtomicUsize::new(0));
    let counted = good.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move { serve(socket, service, &counted).await.unwrap_or_default() });
        }
    });
    (address, good)
}

async fn serve(mut client: TcpStream, service: &str, good: &AtomicUsize) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
                break end + 4;
            }
            if client.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let length = header(&text, "content-length").map_or(0, |length| length.parse().unwrap());
        while bytes.len() < head + length {
            client.read_buf(&mut bytes).await?;
        }
        let request: Vec<u8> = bytes.drain(..head + length).collect();
        if let Err(why) = verify(&text, &request[head..], service) {
            let body = format!("{{\"message\":\"The request signature we calculated does not match: {why}\"}}");
            let reply = format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            client.write_all(reply.as_bytes()).await?;
            continue;
        }
        good.fetch_add(1, Ordering::SeqCst);
        let mut server = TcpStream::connect(("127.0.0.1", SERVER.port())).await?;
        let closing = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        server.write_all(closing.as_bytes()).await?;
        server.write_all(&request[head..]).await?;
        // One request for each connection, and the client is told so: it would use it again otherwise.
        let mut reply = Vec::new();
        server.read_to_end(&mut reply).await?;
        let line = reply.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        client.write_all(&reply[..line]).await?;
        client.write_all(b"connection: close\r\n").await?;
        client.write_all(&reply[line..]).await?;
        return client.shutdown().await;
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let found = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    found.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => write!(out, "{}", byte as char),
            _ => write!(out, "%{byte:02X}"),
        };
        out
    })
}

fn decode(text: &str) -> String {
    let url = reqwest::Url::parse(&format!("http://x/?{text}=")).unwrap();
    url.query_pairs().next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn verify(head: &str, body: &[u8], service: &str) -> Result<(), String> {
    let (method, rest) = head.split_once(' ').unwrap();
    let target = rest.split_once(' ').unwrap().0;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let given = header(head, "authorization").ok_or("no signature")?;
    let part = |name: &str| {
        let after = given.split_once(name).map(|(_, after)| after.split(',').next().unwrap().to_owned());
        after.ok_or(format!("no {name}"))
    };
    let (signed, credential, signature) = (part("SignedHeaders=")?, part("Credential=")?, part("Signature=")?);
    let time = header(head, "x-amz-date").ok_or("no date")?;
    let scope = format!("{}/eu-test-1/{service}/aws4_request", &time[..8]);
    if credential != format!("{KEY}/{scope}") || header(head, "x-amz-content-sha256") != Some(hash(body)) {
        return Err(format!("{credential} or the hash of the body"));
    }
    if header(head, "x-amz-security-token").as_deref() != Some("session-1") {
        return Err("no session token".to_owned());
    }
    for name in ["host", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"] {
        if !signed.split(';').any(|own| own == name) {
            return Err(format!("{name} is not signed"));
        }
    }
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(&decode(name)), encode(&decode(value))))
        .collect();
    pairs.sort();
    let query: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path: Vec<String> = path.split('/').map(encode).collect();
    let mut canonical = format!("{method}\n{}\n{}\n", path.join("/"), query.join("&"));
    for name in signed.split(';') {
        let _ = writeln!(canonical, "{name}:{}", header(head, name).ok_or(format!("no header {name}"))?);
    }
    let _ = write!(canonical, "\n{signed}\n{}", hash(body));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(canonical.as_bytes()));
    let key = [&time[..8], "eu-test-1", service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
    if hex(&mac(&key, &to_sign)) == signature { Ok(()) } else { Err("the signature".to_owned()) }
}

fn signing(url: &str, pairs: &[(&str, &str)]) -> RawConfig {
    let mut all = vec![
        ("connection.url", url),
        ("aws.signing.region", "eu-test-1"),
        ("aws.access.key.id", KEY),
        ("aws.secret.access.key", SECRET),
        ("aws.session.token", "session-1"),
    ];
    all.extend(pairs);
    config(&SERVER, &all)
}

#[tokio::test]
async fn every_request_carries_a_signature_that_holds() {
    for (service, topic, compression) in [("es", "signed-ü", "false"), ("aoss", "signed-zip", "true")] {
        let (url, good) = gateway(service).await;
        let raw = signing(
            &url,
            &[
                ("aws.signing.service", service),
                ("connection.compression", compression),
                ("external.resource.usage", "INDEX"),
                ("topic.to.external.resource.mapping", &format!("t:{topic}")),
            ],
        );
        SERVER.ask("PUT", topic, "");
        let mut task = start(&raw).await;
        put(&mut task, &[record("t", 0, "\"a\"", "{\"a\":\"ü\"}")]).await;
        assert_eq!(SERVER.documents(topic).len(), 1);
        assert_eq!(good.load(Ordering::SeqCst), looks() + 2, "who are you, is the index there, and the documents");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_said_with_the_remedy_and_never_shown() {
    let (url, good) = gateway("es").await;
    let raw = signing(&url, &[("aws.secret.access.key", "canary/wrong")]);
    let error = try_start(&raw).await.err().unwrap();
    assert_eq!(*error.decision(), Decision::Fail, "other credentials may be there after a restart: {error}");
    assert!(error.to_string().contains("does not match: the signature"), "{error}");
    assert!(error.to_string().contains("aws.signing.region"), "{error}");
    let checked = ElasticsearchSink.definition().config.check(&raw).into_result().unwrap();
    let issues = ElasticsearchSink.validate(&checked).await;
    assert_eq!(issues.iter().map(|issue| issue.key.as_str()).collect::<Vec<_>>(), ["aws.signing.region"]);
    assert!(!format!("{error:?} {issues:?}").contains("canary"));
    assert_eq!(good.load(Ordering::SeqCst), 0);
}

/// Lets a request go every 20 ms.
#[derive(Default)]
struct Pace(AtomicUsize);

impl Host for Pace {
    fn progress(&self, _: Progress) {}
    fn activity(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn request(&self) -> Duration {
        self.0.fetch_add(1, Ordering::SeqCst);
        Duration::from_millis(20)
    }
}

#[tokio::test]
async fn every_request_is_counted_and_waits_as_the_worker_says() {
    let pace = Arc::new(Pace::default());
    let raw = config(&SERVER, &[("max.in.flight.requests", "1"), ("batch.size", "10"), ("key.ignore", "true")]);
    let checked = ElasticsearchSink.definition().config.check(&raw).into_result().unwrap();
    let mut task = ElasticsearchSink.task();
    let context = TaskContext { host: pace.clone(), ..TaskContext::alone("test") };
    task.start(context, &checked).await.unwrap();
    let began = tokio::time::Instant::now();
    let records: Vec<_> = (0..100).map(|at| record("paced", at, "null", "{}")).collect();
    put(&mut task, &records).await;
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert_eq!(pace.0.load(Ordering::SeqCst), looks() + 10, "one to start, ten with documents");
    assert_eq!(SERVER.documents("paced").len(), 100);
}
