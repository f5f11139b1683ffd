//! The OpenSearch of the tests, by itself: for trying the connector out. Prints the address, and runs until it is killed.

use elasticsearch_sink::test_server::TestServer;

fn main() {
    let server = TestServer::start(&[]);
    println!("{}", server.url());
    loop {
        std::thread::park();
    }
}
