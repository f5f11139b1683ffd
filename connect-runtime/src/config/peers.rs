//! How workers of a herd call each other: keys, and what is read from them.

use std::time::Duration;

use connector_api::config::ConfigType::{Int, List, String as Text};
use connector_api::config::{Check, Config, ConfigDef, ConfigKey, Issue};

use super::address::{host_and_port, is_loopback};
use crate::peers::Algorithm;

/// The shortest time that a session key lasts: shorter ones would be replaced before all have read them.
const SHORTEST_TTL_MS: i64 = 1000;

/// How a worker and its peers call each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// Host and port of the listener for peers; port 0 is a free one.
    pub listener: (String, u16),
    /// What peers are told, where it is not found out.
    pub advertised: (Option<String>, Option<u16>),
    /// How long a session key lasts.
    pub key_ttl: Duration,
    /// What a session key is made for, and how many bytes it has.
    pub key: (Algorithm, usize),
    /// With what calls are signed.
    pub signature: Algorithm,
    /// Which signatures are taken.
    pub taken: Vec<Algorithm>,
}

pub(super) fn peer_keys() -> ConfigDef {
    ConfigDef::new()
        .key(ConfigKey::optional("peer.listener", Text).check(Check::NonEmpty).doc(
            "Where other workers of the herd call this one: `http://HOST:PORT`. Only calls that they have signed are taken. Not \
             set: a free port, on this machine alone if the log is on it, else on all addresses.",
        ))
        .key(ConfigKey::optional("peer.advertised.host.name", Text).check(Check::NonEmpty).doc(
            "The host under which other workers reach `peer.listener`. Not set: the address from which this machine reaches \
             the log.",
        ))
        .key(
            ConfigKey::optional("peer.advertised.port", Int)
                .check(Check::Between(1, 65535))
                .doc("The port under which other workers reach `peer.listener`, if it is another."),
        )
        .key(
            ConfigKey::preset("inter.worker.key.generation.algorithm", Text, "HmacSHA256")
                .check(Check::By(is_algorithm))
                .doc("What the key is made for with which workers sign: HmacSHA256, HmacSHA384 or HmacSHA512."),
        )
        .key(
            ConfigKey::optional("inter.worker.key.size", Int)
                .check(Check::Between(128, 4096))
                .doc("The length of that key in bits, rounded up to bytes. Not set: as long as the algorithm's MAC."),
        )
        .key(
            ConfigKey::preset("inter.worker.key.ttl.ms", Int, "3600000")
                .check(Check::AtLeast(SHORTEST_TTL_MS))
                .doc("How long that key lasts before the leader makes another, in milliseconds."),
        )
        .key(
            ConfigKey::preset("inter.worker.signature.algorithm", Text, "HmacSHA256")
                .check(Check::By(is_algorithm))
                .doc("With what this worker signs. All others have to take it: `inter.worker.verification.algorithms`."),
        )
        .key(
            ConfigKey::preset("inter.worker.verification.algorithms", List, "HmacSHA256")
                .check(Check::By(are_algorithms))
                .doc("Which signatures of others this worker takes."),
        )
        .grouped("Peers")
}

fn is_algorithm(text: &str) -> Result<(), String> {
    match Algorithm::named(text.trim()) {
        Some(_) => Ok(()),
        None => Err("it must be HmacSHA256, HmacSHA384 or HmacSHA512".to_owned()),
    }
}

fn are_algorithms(text: &str) -> Result<(), String> {
    text.split(',').try_for_each(is_algorithm)
}

/// Reads them. `bootstrap` is `None` for the embedded log.
pub(super) fn peers(config: &Config, bootstrap: Option<&[(String, u16)]>) -> Result<PeerConfig, Vec<Issue>> {
    let algorithm = |key: &str| Algorithm::named(config.text(key).trim()).unwrap_or(Algorithm::HmacSha256);
    let signature = algorithm("inter.worker.signature.algorithm");
    let listed = config.list("inter.worker.verification.algorithms").iter();
    let taken: Vec<Algorithm> = listed.filter_map(|name| Algorithm::named(name)).collect();
    if !taken.contains(&signature) {
        let key = "inter.worker.verification.algorithms";
        let message = format!("`{key}` has to name {} too, with which this worker signs.", signature.name());
        return Err(vec![Issue::error(key, message)]);
    }
    let made_for = algorithm("inter.worker.key.generation.algorithm");
    let bits = config.number("inter.worker.key.size").and_then(|bits| usize::try_from(bits).ok());
    let port = config.number("peer.advertised.port").and_then(|port| u16::try_from(port).ok());
    Ok(PeerConfig {
        listener: listener(config.optional("peer.listener"), bootstrap)?,
        advertised: (config.optional("peer.advertised.host.name").map(str::to_owned), port),
        key_ttl: config.millis("inter.worker.key.ttl.ms"),
        key: (made_for, bits.map_or(made_for.key_bytes(), |bits| bits.div_ceil(8))),
        signature,
        taken,
    })
}

fn listener(given: Option<&str>, bootstrap: Option<&[(String, u16)]>) -> Result<(String, u16), Vec<Issue>> {
    let on_this_machine = bootstrap.is_none_or(|brokers| brokers.iter().all(|(host, _)| is_loopback(host)));
    let preset = if on_this_machine { "127.0.0.1" } else { "0.0.0.0" };
    let Some(text) = given else { return Ok((preset.to_owned(), 0)) };
    let address = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => host_and_port(rest.trim_end_matches('/')),
        _ => None,
    };
    let Some((host, port)) = address else {
        let message = format!("`{text}` in `peer.listener` is wrong: it must be of the form http://HOST:PORT.");
        return Err(vec![Issue::error("peer.listener", message)]);
    };
    Ok((if host.is_empty() { preset.to_owned() } else { host }, port))
}

#[cfg(test)]
mod tests {
    use super::super::WorkerConfig;
    use super::*;

    fn peers(pairs: &[(&str, &str)]) -> Result<PeerConfig, String> {
        let raw = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        WorkerConfig::from_raw(raw).map(|(config, _)| config.peers).map_err(|issues| issues[0].message.clone())
    }

    #[test]
    fn peers_are_listened_for_where_the_log_is() {
        let on = |pairs: &[(&str, &str)]| peers(pairs).unwrap().listener;
        assert_eq!(on(&[]), ("127.0.0.1".to_owned(), 0));
        assert_eq!(on(&[("bootstrap.servers", "localhost:9093")]), ("127.0.0.1".to_owned(), 0));
        assert_eq!(on(&[("bootstrap.servers", "kafka-1:9092,localhost:9093")]), ("0.0.0.0".to_owned(), 0));
        assert_eq!(on(&[("peer.listener", "http://10.0.0.7:8093")]), ("10.0.0.7".to_owned(), 8093));
        assert_eq!(on(&[("peer.listener", "HTTP://:8093")]), ("127.0.0.1".to_owned(), 8093));
        for wrong in ["10.0.0.7:8093", "https://h:1", "http://h"] {
            assert!(peers(&[("peer.listener", wrong)]).unwrap_err().contains("http://HOST:PORT"), "{wrong}");
        }
    }

    #[test]
    fn only_algorithms_that_are_known_and_taken_sign() {
        let preset = peers(&[]).unwrap();
        assert_eq!((preset.signature, preset.key), (Algorithm::HmacSha256, (Algorithm::HmacSha256, 32)));
        assert_eq!((preset.taken, preset.key_ttl), (vec![Algorithm::HmacSha256], Duration::from_secs(3600)));
        let (sign, take) = ("inter.worker.signature.algorithm", "inter.worker.verification.algorithms");
        let strong = peers(&[(sign, "HmacSHA512"), (take, "HmacSHA256,HmacSHA512")]).unwrap();
        assert_eq!(strong.signature, Algorithm::HmacSha512);
        assert!(peers(&[(sign, "HmacSHA512")]).unwrap_err().contains("HmacSHA512 too"));
        for key in [sign, take, "inter.worker.key.generation.algorithm"] {
            assert!(peers(&[(key, "HmacMD5")]).unwrap_err().contains("HmacSHA384"), "{key}");
        }
        assert!(peers(&[("inter.worker.key.size", "64")]).is_err());
        assert_eq!(peers(&[("inter.worker.key.size", "500")]).unwrap().key.1, 63);
    }
}
