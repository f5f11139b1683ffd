//! Addresses: what peers are told about where this worker listens, and names in paths.

use std::net::IpAddr;
use std::time::Duration;

use tokio::net::TcpStream;

/// How long a broker may take to answer when the way to it is looked for.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// The host that peers are told where none is set: that of the listener, or, if it listens on all addresses, the one from
/// which this machine reaches the first broker that answers. The error is a line that says what to do.
pub async fn advertised_host(listening: IpAddr, brokers: &[(String, u16)]) -> Result<String, String> {
    if !listening.is_unspecified() {
        return Ok(listening.to_string());
    }
    for (host, port) in brokers {
        let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect((host.as_str(), *port))).await;
        if let Ok(Ok(stream)) = connected
            && let Ok(address) = stream.local_addr()
        {
            return Ok(address.ip().to_canonical().to_string());
        }
    }
    Err("Cannot tell under which address other workers reach this one, since no broker of `bootstrap.servers` answers. Set \
         `peer.advertised.host.name`."
        .to_owned())
}

/// `host:port`, with brackets around an IPv6 address.
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A name as a part of a path.
pub fn percent_encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (byte as char).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[tokio::test]
    async fn peers_are_told_the_address_from_which_the_brokers_are_reached() {
        let broker = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let brokers: Vec<(String, u16)> = [closed, broker.local_addr().unwrap()]
            .map(|address: SocketAddr| (address.ip().to_string(), address.port()))
            .into();
        let all = IpAddr::from([0, 0, 0, 0]);
        assert_eq!(advertised_host(all, &brokers).await, Ok("127.0.0.1".to_owned()));
        assert_eq!(advertised_host(IpAddr::from([10, 0, 0, 7]), &brokers).await, Ok("10.0.0.7".to_owned()));
        let error = advertised_host(all, &brokers[..1]).await.unwrap_err();
        assert!(error.contains("`peer.advertised.host.name`"), "{error}");
    }

    #[test]
    fn addresses_with_colons_stand_in_brackets() {
        assert_eq!(host_and_port("::1", 5), "[::1]:5");
        assert_eq!(host_and_port("h", 5), "h:5");
    }
}
