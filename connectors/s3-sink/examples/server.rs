//! The S3 server of the tests, by itself: for trying the connector out. Takes a folder, prints the address, and runs
//! until it is killed.

use std::path::Path;

use s3_sink::test_server::{ACCESS_KEY, BUCKET, SECRET_KEY, TestServer};

fn main() {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: server FOLDER");
        std::process::exit(2);
    };
    let server = TestServer::start(Path::new(&folder));
    println!("{} bucket {BUCKET}, key {ACCESS_KEY}, secret {SECRET_KEY}", server.url());
    loop {
        std::thread::park();
    }
}
