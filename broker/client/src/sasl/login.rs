//! The requests of a login, one after the other (pure): versions, the mechanism, the mechanism's own messages.

use std::time::Duration;

use broker_wire::messages::Request;
use broker_wire::messages::api_versions::ApiVersionsRequest;
use broker_wire::messages::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use broker_wire::messages::sasl_handshake::SaslHandshakeRequest;
use broker_wire::{ApiKey, ErrorCode, decode_response, encode_request};
use bytes::Bytes;

use super::scram::{self, Begun, Proven};
use super::{Credentials, Mechanism, Sasl};
use crate::fault::SecurityFault;

/// Messages of one login after which it is given up: SCRAM needs two.
const MAX_MESSAGES: usize = 8;

/// The name under which the log knows a connection that logs in.
const CLIENT_ID: &str = "naru";

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// This request, then its answer.
    Send(Bytes),
    /// Logged in. The log wants it again before this time is over, if there is one.
    Done(Option<Duration>),
}

/// A login under way.
pub struct Login<'a> {
    sasl: &'a Sasl,
    nonce: String,
    waits_for: WaitsFor,
    version: i16,
    messages: usize,
}

enum WaitsFor {
    Versions,
    Mechanisms,
    Plain,
    ScramFirst(Begun),
    ScramLast(Proven),
    Nothing,
}

type Result<T> = std::result::Result<T, SecurityFault>;

impl<'a> Login<'a> {
    /// A login on a new connection. `nonce` is as in [`scram::begin`].
    pub fn begin(sasl: &'a Sasl, nonce: String) -> Result<(Login<'a>, Bytes)> {
        let request = ApiVersionsRequest {
            client_software_name: "naru".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let login = Login { sasl, nonce, waits_for: WaitsFor::Versions, version: 0, messages: 0 };
        Ok((login, frame(&request, 3)?))
    }

    /// A login on a connection that is logged in already; `version` as [`version`](Login::version) said then.
    pub fn again(sasl: &'a Sasl, nonce: String, version: i16) -> Result<(Login<'a>, Bytes)> {
        let login = Login { sasl, nonce, waits_for: WaitsFor::Mechanisms, version, messages: 0 };
        let frame = login.handshake()?;
        Ok((login, frame))
    }

    /// The version of SaslAuthenticate that both sides know.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Takes the answer to the last request.
    ///
    /// # Errors
    /// The log refuses, or what it says makes no sense. The connection is of no more use then.
    pub fn answer(&mut self, frame: Bytes) -> Result<Step> {
        match std::mem::replace(&mut self.waits_for, WaitsFor::Nothing) {
            WaitsFor::Versions => self.on_versions(frame),
            WaitsFor::Mechanisms => self.on_mechanisms(frame),
            WaitsFor::Plain => {
                let answer = self.authenticated(frame)?;
                Ok(Step::Done(lifetime(&answer)))
            }
            WaitsFor::ScramFirst(begun) => {
                let answer = self.authenticated(frame)?;
                let (proven, message) = begun.prove(&answer.auth_bytes).map_err(|why| self.odd(why))?;
                self.waits_for = WaitsFor::ScramLast(proven);
                self.authenticate(message)
            }
            WaitsFor::ScramLast(proven) => {
                let answer = self.authenticated(frame)?;
                proven.check(&answer.auth_bytes).map_err(|why| self.odd(why))?;
                Ok(Step::Done(lifetime(&answer)))
            }
            WaitsFor::Nothing => Err(self.odd("it answers what was not asked".to_owned())),
        }
    }

    /// A log that does not know version 3 answers in version 0.
    fn on_versions(&mut self, frame: Bytes) -> Result<Step> {
        let old = frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes()[..]);
        let answer = self.read::<ApiVersionsRequest>(frame, if old { 0 } else { 3 })?;
        let offers = |api: ApiKey| answer.api_keys.iter().find(|known| known.api_key == api as i16);
        let newest = offers(ApiKey::SaslAuthenticate).filter(|_| offers(ApiKey::SaslHandshake).is_some());
        let newest = newest.ok_or_else(|| SecurityFault::config("security.protocol", "it knows no SASL"))?;
        self.version = newest.max_version.min(*ApiKey::SaslAuthenticate.versions().end()).max(0);
        self.waits_for = WaitsFor::Mechanisms;
        Ok(Step::Send(self.handshake()?))
    }

    fn handshake(&self) -> Result<Bytes> {
        frame(&SaslHandshakeRequest { mechanism: self.sasl.mechanism.name().to_owned() }, 1)
    }

    fn on_mechanisms(&mut self, frame: Bytes) -> Result<Step> {
        let answer = self.read::<SaslHandshakeRequest>(frame, 1)?;
        match answer.error_code {
            ErrorCode::NONE => self.first_message(),
            ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
                let (wanted, offered) = (self.sasl.mechanism.name(), answer.mechanisms.join(", "));
                let why = format!("it does not take {wanted}; this listener offers {offered}");
                Err(SecurityFault::config("sasl.mechanism", why))
            }
            ErrorCode::ILLEGAL_SASL_STATE => {
                let why = "this listener takes no SASL; PLAINTEXT or SSL is what it speaks";
                Err(SecurityFault::config("security.protocol", why))
            }
            code => Err(self.odd(format!("it answers {code:?}"))),
        }
    }

    fn first_message(&mut self) -> Result<Step> {
        let hash = match self.sasl.mechanism {
            Mechanism::Plain => {
                self.waits_for = WaitsFor::Plain;
                return self.authenticate(plain(&self.sasl.credentials));
            }
            Mechanism::ScramSha256 => scram::Hash::Sha256,
            Mechanism::ScramSha512 => scram::Hash::Sha512,
        };
        let (begun, message) = scram::begin(hash, &self.sasl.credentials, &self.nonce);
        self.waits_for = WaitsFor::ScramFirst(begun);
        self.authenticate(message)
    }

    fn authenticate(&mut self, message: Vec<u8>) -> Result<Step> {
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return Err(self.odd("it asks without end".to_owned()));
        }
        frame(&SaslAuthenticateRequest { auth_bytes: message.into() }, self.version).map(Step::Send)
    }

    fn authenticated(&self, frame: Bytes) -> Result<SaslAuthenticateResponse> {
        let answer = self.read::<SaslAuthenticateRequest>(frame, self.version)?;
        if answer.error_code.is_none() {
            return Ok(answer);
        }
        let said = answer.error_message.filter(|said| !said.is_empty());
        let said = said.unwrap_or_else(|| format!("{:?}", answer.error_code));
        let (user, mechanism) = (&self.sasl.credentials.username, self.sasl.mechanism.name());
        let why = format!("it refuses the user `{user}` or the password with {mechanism} and says: {said}");
        match answer.error_code {
            ErrorCode::SASL_AUTHENTICATION_FAILED => Err(SecurityFault::config("sasl.jaas.config", why)),
            _ => Err(SecurityFault::passing("sasl.jaas.config", why)),
        }
    }

    fn read<R: Request>(&self, frame: Bytes, version: i16) -> Result<R::Response> {
        let answer = decode_response::<R>(frame, version);
        answer
            .map(|(_, answer)| answer)
            .map_err(|why| self.odd(format!("its answer to {:?} cannot be read: {why}", R::KEY)))
    }

    fn odd(&self, why: String) -> SecurityFault {
        SecurityFault::config("sasl.mechanism", format!("the login with {} fails: {why}", self.sasl.mechanism.name()))
    }
}

/// The one message of PLAIN.
fn plain(credentials: &Credentials) -> Vec<u8> {
    format!("\0{}\0{}", credentials.username, credentials.password).into_bytes()
}

fn lifetime(answer: &SaslAuthenticateResponse) -> Option<Duration> {
    u64::try_from(answer.session_lifetime_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}

fn frame<R: Request>(request: &R, version: i16) -> Result<Bytes> {
    encode_request(request, version, 0, Some(CLIENT_ID))
        .map_err(|why| SecurityFault::config("sasl.jaas.config", format!("the login cannot be written: {why}")))
}

#[cfg(test)]
mod tests {
    use broker_wire::encode_response;
    use broker_wire::messages::api_versions::{ApiVersion, ApiVersionsResponse};
    use broker_wire::messages::sasl_handshake::SaslHandshakeResponse;
    use proptest::prelude::*;

    use super::*;

    fn sasl(mechanism: Mechanism) -> Sasl {
        let credentials = Credentials { username: "alice".to_owned(), password: "s3cret".to_owned() };
        Sasl { mechanism, credentials }
    }

    fn versions(newest: i16) -> Bytes {
        let api = |api: ApiKey, max_version| ApiVersion { api_key: api as i16, min_version: 0, max_version };
        let api_keys = vec![api(ApiKey::SaslHandshake, 1), api(ApiKey::SaslAuthenticate, newest)];
        encode_response(&ApiVersionsResponse { api_keys, ..Default::default() }, 3, 0).unwrap()
    }

    fn handshake(error_code: ErrorCode) -> Bytes {
        let answer = SaslHandshakeResponse { error_code, mechanisms: vec!["SCRAM-SHA-512".to_owned()] };
        encode_response(&answer, 1, 0).unwrap()
    }

    fn authenticate(answer: &SaslAuthenticateResponse, version: i16) -> Bytes {
        encode_response(answer, version, 0).unwrap()
    }

    fn sent(step: Step) -> Bytes {
        match step {
            Step::Send(frame) => frame,
            Step::Done(_) => panic!("done too early"),
        }
    }

    #[test]
    fn plain_logs_in_with_three_requests_in_the_newest_version_of_both() {
        for newest in [0, 1, 2, 7] {
            let sasl = sasl(Mechanism::Plain);
            let (mut login, _) = Login::begin(&sasl, "n".to_owned()).unwrap();
            sent(login.answer(versions(newest)).unwrap());
            let message = sent(login.answer(handshake(ErrorCode::NONE)).unwrap());
            assert!(message.windows(13).any(|part| part == b"\0alice\0s3cret"));
            assert_eq!(login.version(), newest.min(2));
            let answer = SaslAuthenticateResponse { session_lifetime_ms: 5000, ..Default::default() };
            let done = login.answer(authenticate(&answer, newest.min(2))).unwrap();
            let expected = (newest > 0).then_some(Duration::from_secs(5));
            assert!(matches!(done, Step::Done(lifetime) if lifetime == expected), "{newest}");
        }
    }

    #[test]
    fn a_refusal_names_the_key_and_never_the_password() {
        let sasl = sasl(Mechanism::Plain);
        let (mut login, _) = Login::again(&sasl, "n".to_owned(), 2).unwrap();
        login.answer(handshake(ErrorCode::NONE)).unwrap();
        let answer =
            SaslAuthenticateResponse { error_code: ErrorCode::SASL_AUTHENTICATION_FAILED, ..Default::default() };
        let fault = login.answer(authenticate(&answer, 2)).unwrap_err();
        assert!(fault.to_string().contains("`sasl.jaas.config`") && fault.to_string().contains("`alice`"), "{fault}");
        assert!(!format!("{fault:?} {sasl:?}").contains("s3cret"));
        assert!(fault.is_config());

        let (mut login, _) = Login::again(&sasl, "n".to_owned(), 2).unwrap();
        let fault = login.answer(handshake(ErrorCode::UNSUPPORTED_SASL_MECHANISM)).unwrap_err();
        let said = fault.to_string();
        assert!(said.contains("`sasl.mechanism`") && said.contains("offers SCRAM-SHA-512"), "{said}");

        let (mut login, _) = Login::again(&sasl, "n".to_owned(), 2).unwrap();
        let said = login.answer(handshake(ErrorCode::ILLEGAL_SASL_STATE)).unwrap_err().to_string();
        assert!(said.contains("`security.protocol`"), "{said}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_login_panic(
            answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..6), which in 0usize..3,
        ) {
            let sasl = sasl(Mechanism::ALL[which]);
            let (mut login, _) = Login::begin(&sasl, "n".to_owned()).unwrap();
            let _ = login.answer(versions(2));
            let _ = login.answer(handshake(ErrorCode::NONE));
            for answer in answers {
                let _ = login.answer(answer.into());
            }
        }
    }
}
