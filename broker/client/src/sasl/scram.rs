//! SCRAM-SHA-256 and SCRAM-SHA-512 as a client (RFC 5802, RFC 7677), pure: it is given its nonce.
//!
//! As Kafka does it: passwords are taken as they are, without SASLprep, and there is no channel binding.

use std::num::NonZeroU32;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::{digest, hmac, pbkdf2};

use super::Credentials;

/// Fewer rounds make a stolen password file cheap to search. Kafka's brokers and clients have the same limit.
pub const MIN_ITERATIONS: u32 = 4096;

/// More rounds would let whoever answers keep a client busy: these take about a tenth of a second. Kafka stores at most 16 384.
pub const MAX_ITERATIONS: u32 = 131_072;

/// The longest salt that is taken, in bytes.
const MAX_SALT: usize = 1024;

/// No channel binding is asked for, and none is known.
const GS2_HEADER: &str = "n,,";

/// The hash of a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Hash {
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha512 => &digest::SHA512,
        }
    }
}

/// An exchange whose first message is on its way.
pub struct Begun {
    hash: Hash,
    password: String,
    nonce: String,
    first_bare: String,
}

/// An exchange that waits for the server to prove that it knows the password too.
pub struct Proven {
    server_key: hmac::Key,
    auth_message: String,
}

/// The client's first message. `nonce` is of printable characters without a comma, and never used again.
pub fn begin(hash: Hash, credentials: &Credentials, nonce: &str) -> (Begun, Vec<u8>) {
    let name = credentials.username.replace('=', "=3D").replace(',', "=2C");
    let first_bare = format!("n={name},r={nonce}");
    let message = format!("{GS2_HEADER}{first_bare}").into_bytes();
    (Begun { hash, password: credentials.password.clone(), nonce: nonce.to_owned(), first_bare }, message)
}

impl Begun {
    /// The client's last message, made of the server's first.
    ///
    /// # Errors
    /// The message is not one of SCRAM, answers somebody else, or asks for too few or too many rounds.
    pub fn prove(self, server_first: &[u8]) -> Result<(Proven, Vec<u8>), String> {
        let challenge = Challenge::read(server_first, &self.nonce)?;
        let mut salted = [0; digest::MAX_OUTPUT_LEN];
        let salted = salted.get_mut(..self.hash.digest().output_len()).unwrap_or_default();
        pbkdf2::derive(self.hash.pbkdf2(), challenge.iterations, &challenge.salt, self.password.as_bytes(), salted);
        let key_for = |what: &[u8]| hmac::sign(&hmac::Key::new(self.hash.hmac(), salted), what);
        let client_key = key_for(b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());

        let last_bare = format!("c={},r={}", BASE64_STANDARD.encode(GS2_HEADER), challenge.nonce);
        let auth_message = format!("{},{},{last_bare}", self.first_bare, challenge.text);
        let signature = hmac::sign(&hmac::Key::new(self.hash.hmac(), stored_key.as_ref()), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let message = format!("{last_bare},p={}", BASE64_STANDARD.encode(proof)).into_bytes();
        let server_key = hmac::Key::new(self.hash.hmac(), key_for(b"Server Key").as_ref());
        Ok((Proven { server_key, auth_message }, message))
    }
}

impl Proven {
    /// Whether the server's last message proves that it knows the password.
    ///
    /// # Errors
    /// It does not, or the server has refused.
    pub fn check(self, server_last: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(server_last).map_err(|_| "its last message is not text".to_owned())?;
        let first = text.split(',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(format!("it says `{}`", shortened(error)));
        }
        let signature = first.strip_prefix("v=").ok_or("its last message has no signature")?;
        let signature = BASE64_STANDARD.decode(signature).map_err(|_| "its signature is not base64")?;
        hmac::verify(&self.server_key, self.auth_message.as_bytes(), &signature)
            .map_err(|_| "it does not know the password itself, so it is not the log that it should be".to_owned())
    }
}

/// The server's first message.
struct Challenge<'a> {
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl<'a> Challenge<'a> {
    fn read(message: &'a [u8], own_nonce: &str) -> Result<Challenge<'a>, String> {
        let text = std::str::from_utf8(message).map_err(|_| "its first message is not text")?;
        let mut parts = text.split(',');
        let mut part = |name: &str| {
            let value = parts.next().and_then(|part| part.strip_prefix(name)?.strip_prefix('='));
            value.ok_or_else(|| format!("its first message lacks `{name}=`"))
        };
        let (nonce, salt, iterations) = (part("r")?, part("s")?, part("i")?);
        if nonce.strip_prefix(own_nonce).is_none_or(str::is_empty) {
            return Err("its first message answers somebody else".to_owned());
        }
        let salt = BASE64_STANDARD.decode(salt).map_err(|_| "its salt is not base64")?;
        if salt.is_empty() || salt.len() > MAX_SALT {
            return Err(format!("its salt has {} bytes, not 1 to {MAX_SALT}", salt.len()));
        }
        let known = iterations.parse().ok().filter(|rounds| (MIN_ITERATIONS..=MAX_ITERATIONS).contains(rounds));
        let iterations = known.and_then(NonZeroU32::new).ok_or_else(|| {
            let asked = shortened(iterations);
            format!("it asks for {asked} iterations, and {MIN_ITERATIONS} to {MAX_ITERATIONS} are accepted")
        })?;
        Ok(Challenge { text, nonce, salt, iterations })
    }
}

/// What somebody else wrote, short enough for a line of a log.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credentials(username: &str, password: &str) -> Credentials {
        Credentials { username: username.to_owned(), password: password.to_owned() }
    }

    fn text(message: Vec<u8>) -> String {
        String::from_utf8(message).unwrap()
    }

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const SERVER_LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn the_example_of_rfc_7677_comes_out_word_for_word() {
        let (begun, first) = begin(Hash::Sha256, &credentials("user", "pencil"), NONCE);
        assert_eq!(text(first), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (proven, last) = begun.prove(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(
            text(last),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        proven.check(SERVER_LAST.as_bytes()).unwrap();
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        let (begun, _) = begin(Hash::Sha256, &credentials("user", "pencil2"), NONCE);
        let (proven, _) = begun.prove(SERVER_FIRST.as_bytes()).unwrap();
        assert!(proven.check(SERVER_LAST.as_bytes()).unwrap_err().contains("does not know the password"));
        for last in ["v=AAAA", "v=***", "e=other-error", "", "x"] {
            let (begun, _) = begin(Hash::Sha256, &credentials("user", "pencil"), NONCE);
            let (proven, _) = begun.prove(SERVER_FIRST.as_bytes()).unwrap();
            assert!(proven.check(last.as_bytes()).is_err(), "{last}");
        }
    }

    #[test]
    fn a_first_message_that_would_hang_or_weaken_the_client_is_refused() {
        let refused = |message: &str| {
            let (begun, _) = begin(Hash::Sha512, &credentials("u", "p"), "abc");
            begun.prove(message.as_bytes()).map(drop).unwrap_err()
        };
        assert!(refused("r=abcd,s=AAAA,i=4095").contains("4095 iterations"));
        assert!(refused("r=abcd,s=AAAA,i=2000000000").contains("2000000000 iterations"));
        assert!(refused("r=abcd,s=AAAA,i=99999999999999999999").contains("iterations"));
        assert!(refused("r=abc,s=AAAA,i=4096").contains("somebody else"));
        assert!(refused("r=xbcd,s=AAAA,i=4096").contains("somebody else"));
        assert!(refused("r=abcd,s=,i=4096").contains("salt"));
        assert!(refused("m=1,r=abcd,s=AAAA,i=4096").contains("lacks `r=`"));
        assert!(refused("r=abcd,s=AAAA").contains("lacks `i=`"));
    }

    #[test]
    fn commas_and_equals_signs_in_a_name_are_written_out() {
        let (_, first) = begin(Hash::Sha256, &credentials("a=b,c", "p"), "n");
        assert_eq!(text(first), "n,,n=a=3Db=2Cc,r=n");
    }

    /// What a server does, written down once more from the RFC's formulas.
    fn serve(hash: Hash, password: &str, first_bare: &str, server_first: &str, last: &str) -> Option<String> {
        let salt = BASE64_STANDARD.decode(server_first.split(",s=").nth(1)?.split(',').next()?).ok()?;
        let mut salted = vec![0; hash.digest().output_len()];
        pbkdf2::derive(hash.pbkdf2(), NonZeroU32::new(4096)?, &salt, password.as_bytes(), &mut salted);
        let sign = |key: &[u8], what: &[u8]| hmac::sign(&hmac::Key::new(hash.hmac(), key), what).as_ref().to_vec();
        let stored = digest::digest(hash.digest(), &sign(&salted, b"Client Key"));
        let (last_bare, proof) = last.split_once(",p=")?;
        let message = format!("{first_bare},{server_first},{last_bare}");
        let signature = sign(stored.as_ref(), message.as_bytes());
        let key: Vec<u8> = BASE64_STANDARD.decode(proof).ok()?.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let known = digest::digest(hash.digest(), &key).as_ref() == stored.as_ref();
        known.then(|| format!("v={}", BASE64_STANDARD.encode(sign(&sign(&salted, b"Server Key"), message.as_bytes()))))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn both_sides_agree_on_one_password_and_on_no_two(
            name in "[^\u{0}]{1,20}", password in ".{0,40}", other in ".{0,40}", salt in proptest::collection::vec(any::<u8>(), 1..40),
            long in any::<bool>(),
        ) {
            let hash = if long { Hash::Sha512 } else { Hash::Sha256 };
            let (begun, first) = begin(hash, &credentials(&name, &password), "fyko");
            let bare = text(first)[3..].to_owned();
            let server_first = format!("r=fyko123,s={},i=4096", BASE64_STANDARD.encode(&salt));
            let (proven, last) = begun.prove(server_first.as_bytes()).unwrap();
            let last = text(last);
            let answer = serve(hash, &password, &bare, &server_first, &last).unwrap();
            prop_assert!(proven.check(answer.as_bytes()).is_ok());
            prop_assert_eq!(serve(hash, &other, &bare, &server_first, &last).is_some(), other == password);
        }

        #[test]
        fn no_message_of_a_server_makes_the_client_panic(first in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (begun, _) = begin(Hash::Sha256, &credentials("u", "p"), "n");
            let _ = begun.prove(&first);
        }
    }
}
