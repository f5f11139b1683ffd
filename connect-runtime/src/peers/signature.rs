//! What of a call is signed, and how a signature is checked. Reads no clock.
//!
//! The signature is a MAC with the session key over these lines, each with a line feed at its end:
//!
//! ```text
//! naru-call-1
//! <host:port that is called>
//! <method>
//! <path with query>
//! <how often the call was passed on>
//! <milliseconds since 1970>
//! <nonce>
//! <SHA-256 of the body, in hexadecimal digits>
//! ```
//!
//! Kafka Connect signs the body alone, so that a call can be sent again, and to another path.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};

use super::SessionKeys;

/// How far the time of a call may be from the clock of whoever takes it, in milliseconds, either way.
pub const MOST_SKEW_MS: i64 = 60_000;

/// What tells a call from all others.
pub type Nonce = [u8; 16];

/// A MAC, by Java's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl Algorithm {
    /// All that there are.
    pub const ALL: [Algorithm; 3] = [Algorithm::HmacSha256, Algorithm::HmacSha384, Algorithm::HmacSha512];

    /// Java's name.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::HmacSha256 => "HmacSHA256",
            Algorithm::HmacSha384 => "HmacSHA384",
            Algorithm::HmacSha512 => "HmacSHA512",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }

    /// How long a key for it should be, in bytes.
    pub fn key_bytes(self) -> usize {
        self.mac().digest_algorithm().output_len()
    }

    fn mac(self) -> hmac::Algorithm {
        match self {
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha384 => hmac::HMAC_SHA384,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
        }
    }
}

/// A call, as far as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Whom it is for: the `host:port` that other workers are told.
    pub to: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// How often it goes from worker to worker, this time included.
    pub hops: u8,
    /// The body.
    pub body: &'a [u8],
}

/// What goes along with a call. The first two headers are Kafka Connect's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The MAC.
    pub mac: Vec<u8>,
    /// How it was made.
    pub algorithm: Algorithm,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// What makes the call one of its own.
    pub nonce: Nonce,
    /// How often the call was passed on.
    pub hops: u8,
}

/// The headers of a signature.
pub const HEADERS: [&str; 5] = [
    "x-connect-authorization",
    "x-connect-request-signature-algorithm",
    "x-naru-timestamp",
    "x-naru-nonce",
    "x-naru-hops",
];

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not signed, or not by a worker of this herd for this call.
    NotSigned,
    /// It is signed rightly, but that many milliseconds ago; negative for the future.
    WrongTime(i64),
    /// It was taken before.
    Repeated,
    /// More calls came than can be remembered.
    TooMany,
}

impl Signature {
    /// Signs a call with the newest key. `None` if there is none.
    pub fn new(
        keys: &SessionKeys,
        algorithm: Algorithm,
        call: &Call<'_>,
        at_ms: i64,
        nonce: Nonce,
    ) -> Option<Signature> {
        let key = hmac::Key::new(algorithm.mac(), &keys.newest()?.secret);
        let mac = hmac::sign(&key, text(call, at_ms, &nonce).as_bytes()).as_ref().to_vec();
        Some(Signature { mac, algorithm, at_ms, nonce, hops: call.hops })
    }

    /// Its headers, in the order of [`HEADERS`].
    pub fn to_headers(&self) -> [String; 5] {
        [
            STANDARD.encode(&self.mac),
            self.algorithm.name().to_owned(),
            self.at_ms.to_string(),
            URL_SAFE_NO_PAD.encode(self.nonce),
            self.hops.to_string(),
        ]
    }

    /// Out of its headers, in the order of [`HEADERS`].
    pub fn from_headers(headers: [&str; 5]) -> Option<Signature> {
        let [mac, algorithm, at_ms, nonce, hops] = headers;
        Some(Signature {
            mac: STANDARD.decode(mac).ok()?,
            algorithm: Algorithm::named(algorithm)?,
            at_ms: at_ms.parse().ok()?,
            nonce: URL_SAFE_NO_PAD.decode(nonce).ok()?.try_into().ok()?,
            hops: hops.parse().ok()?,
        })
    }

    /// Whether a worker of this herd made this call, and not long ago. Compares in constant time.
    pub fn check(&self, keys: &SessionKeys, taken: &[Algorithm], call: &Call<'_>, now_ms: i64) -> Result<(), Refusal> {
        if !taken.contains(&self.algorithm) || call.hops != self.hops {
            return Err(Refusal::NotSigned);
        }
        let text = text(call, self.at_ms, &self.nonce);
        let fits = |secret: &[u8]| {
            hmac::verify(&hmac::Key::new(self.algorithm.mac(), secret), text.as_bytes(), &self.mac).is_ok()
        };
        if !keys.accepted(now_ms).any(|key| fits(&key.secret)) {
            return Err(Refusal::NotSigned);
        }
        let age = now_ms.saturating_sub(self.at_ms);
        if (-MOST_SKEW_MS..=MOST_SKEW_MS).contains(&age) { Ok(()) } else { Err(Refusal::WrongTime(age)) }
    }
}

/// What is signed. No part can hold a line feed: HTTP has none in methods, paths and hosts.
fn text(call: &Call<'_>, at_ms: i64, nonce: &Nonce) -> String {
    let mut text = format!(
        "naru-call-1\n{}\n{}\n{}\n{}\n{at_ms}\n{}\n",
        call.to,
        call.method,
        call.path,
        call.hops,
        URL_SAFE_NO_PAD.encode(nonce)
    );
    for byte in digest::digest(&digest::SHA256, call.body).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::SessionKey;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000_000;

    fn keys(secret: u8) -> SessionKeys {
        let key = SessionKey { secret: vec![secret; 32], algorithm: Algorithm::HmacSha256, created_ms: NOW };
        let mut keys = SessionKeys::default();
        keys.apply(Some(&serde_json::from_str(&key.to_json()).unwrap()));
        keys
    }

    const CALL: Call<'static> =
        Call { to: "w:1", method: "PUT", path: "/connectors/a/config?x=1", hops: 1, body: b"{}" };

    fn signed() -> Signature {
        Signature::new(&keys(1), Algorithm::HmacSha256, &CALL, NOW, [3; 16]).unwrap()
    }

    #[test]
    fn a_signature_holds_for_its_call_and_for_no_other() {
        let check = |call: &Call<'_>| signed().check(&keys(1), &Algorithm::ALL, call, NOW);
        assert_eq!(check(&CALL), Ok(()));
        for other in [
            Call { to: "w:2", ..CALL },
            Call { method: "POST", ..CALL },
            Call { path: "/connectors/a/config", ..CALL },
            Call { path: "/connectors/b/config?x=1", ..CALL },
            Call { hops: 0, ..CALL },
            Call { body: b"{ }", ..CALL },
        ] {
            assert_eq!(check(&other), Err(Refusal::NotSigned), "{other:?}");
        }
    }

    #[test]
    fn other_keys_algorithms_times_and_nonces_are_refused() {
        let check = |signature: &Signature, taken: &[Algorithm], now| signature.check(&keys(1), taken, &CALL, now);
        assert_eq!(signed().check(&keys(2), &Algorithm::ALL, &CALL, NOW), Err(Refusal::NotSigned));
        assert_eq!(signed().check(&SessionKeys::default(), &Algorithm::ALL, &CALL, NOW), Err(Refusal::NotSigned));
        assert_eq!(check(&signed(), &[Algorithm::HmacSha512], NOW), Err(Refusal::NotSigned));
        for changed in [
            Signature { nonce: [4; 16], ..signed() },
            Signature { at_ms: NOW + 1, ..signed() },
            Signature { mac: signed().mac[..16].to_vec(), ..signed() },
            Signature { mac: Vec::new(), ..signed() },
            Signature { algorithm: Algorithm::HmacSha512, ..signed() },
        ] {
            assert_eq!(check(&changed, &Algorithm::ALL, NOW), Err(Refusal::NotSigned), "{changed:?}");
        }
        for (now, right) in
            [(MOST_SKEW_MS, true), (-MOST_SKEW_MS, true), (MOST_SKEW_MS + 1, false), (-MOST_SKEW_MS - 1, false)]
        {
            let expected = if right { Ok(()) } else { Err(Refusal::WrongTime(now)) };
            assert_eq!(check(&signed(), &Algorithm::ALL, NOW + now), expected);
        }
    }

    #[test]
    fn every_algorithm_signs_and_has_java_s_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
            let signature = Signature::new(&keys(1), algorithm, &CALL, NOW, [3; 16]).unwrap();
            assert_eq!(signature.mac.len(), algorithm.key_bytes());
            assert_eq!(signature.check(&keys(1), &[algorithm], &CALL, NOW), Ok(()));
        }
        assert_eq!(Algorithm::named("HmacMD5"), None);
    }

    proptest! {
        #[test]
        fn headers_come_back_as_they_were_and_nonsense_is_no_signature(
            mac in proptest::collection::vec(any::<u8>(), 0..80), at_ms: i64, nonce: Nonce, hops: u8,
            noise in proptest::collection::vec(".*", 5),
        ) {
            let signature = Signature { mac, algorithm: Algorithm::HmacSha384, at_ms, nonce, hops };
            let headers = signature.to_headers();
            let shown = [&*headers[0], &*headers[1], &*headers[2], &*headers[3], &*headers[4]];
            prop_assert_eq!(Signature::from_headers(shown), Some(signature));
            let noise = [&*noise[0], &*noise[1], &*noise[2], &*noise[3], &*noise[4]];
            prop_assert_eq!(Signature::from_headers(noise), None);
        }
    }
}
