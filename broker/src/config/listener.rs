//! Addresses as `listeners` has them: `PLAINTEXT://host:port`.

use std::fmt;
use std::str::FromStr;

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// Port; 0 takes a free one.
    pub port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (protocol, rest) = text.split_once("://").ok_or("use PLAINTEXT://host:port")?;
        if protocol != "PLAINTEXT" {
            return Err(format!("{protocol} is not offered yet: use PLAINTEXT://host:port on an address that is safe"));
        }
        let (host, port) = rest.rsplit_once(':').ok_or("the port is missing: use PLAINTEXT://host:port")?;
        let port = port.parse().map_err(|_| format!("{port:?} is no port: use a number from 0 to 65535"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "PLAINTEXT://[{}]:{}", self.host, self.port),
            false => write!(f, "PLAINTEXT://{}:{}", self.host, self.port),
        }
    }
}
