//! The server: one in this process, or the one that the environment names.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use s3_sink::test_server::{ACCESS_KEY, BUCKET, SECRET_KEY, TestServer, Trouble};

/// Where tests store objects.
pub enum Server {
    /// In this process: it counts requests, and makes trouble on demand.
    Own(Box<TestServer>, #[allow(dead_code, reason = "held for its drop")] tempfile::TempDir),
    /// Another one, and a bucket of this test alone there.
    Other(Other),
}

/// A bucket on the server that `NARU_S3_URL`, `NARU_S3_KEY` and `NARU_S3_SECRET` name.
pub struct Other {
    url: String,
    keys: (String, String),
    bucket: String,
}

impl Server {
    pub fn start() -> Server {
        if let Ok(url) = std::env::var("NARU_S3_URL") {
            return Server::Other(Other::new(url));
        }
        let folder = tempfile::tempdir().unwrap();
        Server::Own(Box::new(TestServer::start(folder.path())), folder)
    }

    pub fn url(&self) -> &str {
        match self {
            Server::Own(server, _) => server.url(),
            Server::Other(other) => &other.url,
        }
    }

    pub fn bucket(&self) -> &str {
        match self {
            Server::Own(..) => BUCKET,
            Server::Other(other) => &other.bucket,
        }
    }

    pub fn keys(&self) -> (&str, &str) {
        match self {
            Server::Own(..) => (ACCESS_KEY, SECRET_KEY),
            Server::Other(other) => (&other.keys.0, &other.keys.1),
        }
    }

    /// The one in this process; `None` where tests that need it have nothing to test.
    pub fn own(&self) -> Option<&TestServer> {
        match self {
            Server::Own(server, _) => Some(server),
            Server::Other(_) => None,
        }
    }

    /// The names and contents of the objects below a folder.
    pub fn objects(&self, below: &str) -> BTreeMap<String, Vec<u8>> {
        match self {
            Server::Own(server, _) => server.objects(below),
            Server::Other(other) => other.objects(below),
        }
    }

    /// Makes trouble where that can be done.
    pub fn make(&self, trouble: Trouble, kind: Option<&'static str>, count: u64) {
        if let Server::Own(server, _) = self {
            server.make(trouble, kind, count);
        }
    }
}

impl Other {
    fn new(url: String) -> Other {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let key = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let keys = (key("NARU_S3_KEY"), key("NARU_S3_SECRET"));
        let other = Other { url, keys, bucket: format!("naru-test-{}-{number}", std::process::id()) };
        other.ask(async |client, bucket| {
            client.create_bucket().bucket(bucket).send().await.unwrap();
        });
        other
    }

    fn objects(&self, below: &str) -> BTreeMap<String, Vec<u8>> {
        let below = format!("{below}/");
        self.ask(async move |client, bucket| {
            let mut found = BTreeMap::new();
            let mut pages = client.list_objects_v2().bucket(bucket).prefix(below).into_paginator().send();
            while let Some(page) = pages.next().await {
                for key in page.unwrap().contents.unwrap_or_default().into_iter().filter_map(|object| object.key) {
                    let object = client.get_object().bucket(bucket).key(&key).send().await.unwrap();
                    found.insert(key, object.body.collect().await.unwrap().to_vec());
                }
            }
            found
        })
    }

    /// The keys of unfinished uploads.
    pub fn uploads(&self) -> Vec<String> {
        self.ask(async |client, bucket| {
            let uploads = client.list_multipart_uploads().bucket(bucket).send().await.unwrap().uploads;
            uploads.unwrap_or_default().into_iter().filter_map(|upload| upload.key).collect()
        })
    }

    /// The tags of an object.
    pub fn tags(&self, key: &str) -> BTreeMap<String, String> {
        self.ask(async |client, bucket| {
            let tags = client.get_object_tagging().bucket(bucket).key(key).send().await.unwrap().tag_set;
            tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
        })
    }

    /// Tests call this inside of a runtime, where no other may run: so it has a thread of its own.
    fn ask<T: Send>(&self, request: impl AsyncFnOnce(&Client, &str) -> T + Send) -> T {
        std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let credentials = Credentials::new(&self.keys.0, &self.keys.1, None, None, "test");
                let http = aws_smithy_http_client::Builder::new().build_http();
                let config = aws_sdk_s3::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .http_client(http)
                    .region(Region::new("us-east-1"))
                    .endpoint_url(&self.url)
                    .force_path_style(true)
                    .credentials_provider(credentials)
                    .build();
                runtime.block_on(request(&Client::from_conf(config), &self.bucket))
            });
            work.join().unwrap()
        })
    }
}
