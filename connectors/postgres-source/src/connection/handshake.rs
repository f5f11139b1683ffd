//! From a socket to a session that is ready for queries: TLS, start-up message, login.

use bytes::{Buf, BytesMut};
use postgres_protocol::authentication::{md5_hash, sasl};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::tls::{self, SslMode};
use super::{Fault, Purpose, ServerError, Session, Socket, Target, frames};
use crate::replication::Malformed;

/// Settings of every session, so that the text of values does not depend on the server's configuration.
const SESSION_SETTINGS: &[(&str, &str)] = &[
    ("application_name", "naru"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("lc_monetary", "C"),
    ("idle_in_transaction_session_timeout", "0"),
    ("lock_timeout", "0"),
];

impl Session {
    /// Connects, turns on TLS as far as wanted, and logs in.
    pub async fn connect(target: &Target, purpose: Purpose) -> Result<Session, Fault> {
        let limit = super::address::CONNECT_TIMEOUT;
        let opened = tokio::time::timeout(limit, open(target, purpose)).await.unwrap_or_else(|_| {
            let source = std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {limit:?}"));
            Err(Fault::Unreachable { address: target.address.to_string(), source })
        });
        let mut session = opened?;
        if let (Purpose::Sql, Some(statements)) = (purpose, &target.initial_statements) {
            session.query(statements).await?;
        }
        Ok(session)
    }
}

async fn open(target: &Target, purpose: Purpose) -> Result<Session, Fault> {
    let socket = target.address.connect(target.keepalive).await?;
    let mut session = Session::new(encrypt(target, socket).await?);
    session.send(startup(target, purpose)?).await?;
    log_in(&mut session, target).await?;
    session.until_ready().await?;
    Ok(session)
}

/// Asks for TLS where the mode wants it. The answer is one letter, before any other byte.
async fn encrypt(target: &Target, mut socket: Box<dyn Socket>) -> Result<Box<dyn Socket>, Fault> {
    if target.tls.mode == SslMode::Disable || target.address.is_unix() {
        return Ok(socket);
    }
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    socket.write_all(&request).await?;
    match socket.read_u8().await? {
        b'S' => tls::wrap(&target.tls, &target.address, socket).await,
        b'N' if target.tls.mode == SslMode::Prefer => Ok(socket),
        b'N' => Err(Fault::Tls {
            key: "database.sslmode",
            why: format!(
                "the server at {} does not offer TLS; turn `ssl` on there, or set `database.sslmode` to prefer or \
                 disable",
                target.address
            ),
        }),
        _ => Err(Malformed("an answer to the TLS request that is neither S nor N").into()),
    }
}

fn startup(target: &Target, purpose: Purpose) -> Result<BytesMut, Fault> {
    let timeout = if purpose == Purpose::Sql { target.query_timeout_ms } else { 0 }.to_string();
    let mut parameters = vec![("user", target.user.as_str()), ("database", target.database.as_str())];
    parameters.extend(SESSION_SETTINGS);
    parameters.push(("statement_timeout", &timeout));
    if purpose == Purpose::Replication {
        parameters.push(("replication", "database"));
    }
    let mut message = BytesMut::new();
    let wrong = |_| Fault::Login { key: "database.user", why: "the user or database name holds a zero byte".into() };
    frontend::startup_message(parameters, &mut message).map_err(wrong)?;
    Ok(message)
}

async fn log_in(session: &mut Session, target: &Target) -> Result<(), Fault> {
    let mut scram = None;
    loop {
        let (tag, mut body) = session.message().await?;
        match tag {
            b'R' if body.len() >= 4 => {
                let request = body.get_u32();
                if request == 0 {
                    return Ok(());
                }
                let answer = answer(request, &body, target, &mut scram)?;
                session.send(answer).await?;
            }
            b'E' => return Err(Fault::Server(Box::new(ServerError::read(&body)))),
            b'N' | b'v' => {}
            _ => return Err(Malformed("a message that does not belong into a login").into()),
        }
    }
}

/// Our answer to an authentication request (PostgreSQL documentation, "Message Formats", Authentication*).
fn answer(
    request: u32,
    body: &[u8],
    target: &Target,
    scram: &mut Option<sasl::ScramSha256>,
) -> Result<BytesMut, Fault> {
    let mut out = BytesMut::new();
    let refused = |why: String| Fault::Login { key: "database.password", why };
    let broken = |error: std::io::Error| refused(format!("the login failed: {error}"));
    match request {
        3 => frontend::password_message(password(target)?, &mut out).map_err(broken)?,
        5 => {
            let salt: [u8; 4] = body.try_into().map_err(|_| Malformed("an MD5 salt that is not 4 bytes long"))?;
            let hash = md5_hash(target.user.as_bytes(), password(target)?, salt);
            frontend::password_message(hash.as_bytes(), &mut out).map_err(broken)?;
        }
        10 => {
            if !body.split(|byte| *byte == 0).any(|name| name == sasl::SCRAM_SHA_256.as_bytes()) {
                return Err(refused("the server offers no login method that is known here".into()));
            }
            let state = sasl::ScramSha256::new(password(target)?, sasl::ChannelBinding::unsupported());
            frontend::sasl_initial_response(sasl::SCRAM_SHA_256, state.message(), &mut out).map_err(broken)?;
            *scram = Some(state);
        }
        11 => {
            let state = scram.as_mut().ok_or(Malformed("a SCRAM challenge without a start"))?;
            state.update(body).map_err(broken)?;
            frontend::sasl_response(state.message(), &mut out).map_err(broken)?;
        }
        12 => scram.as_mut().ok_or(Malformed("a SCRAM end without a start"))?.finish(body).map_err(broken)?,
        other => return Err(refused(format!("the server asks for login method {other}, which is not known here"))),
    }
    Ok(out)
}

fn password(target: &Target) -> Result<&[u8], Fault> {
    let missing = || Fault::Login {
        key: "database.password",
        why: format!("the server asks for the password of `{}`, and `database.password` is not set", target.user),
    };
    target.password.as_ref().map(|secret| secret.reveal().as_bytes()).ok_or_else(missing)
}

/// Cuts the next message out of the buffer of a session, if it is there as a whole.
pub(super) fn cut(buffer: &mut BytesMut) -> Result<Option<(u8, BytesMut)>, Malformed> {
    match frames::header(buffer)? {
        Some((tag, length)) if buffer.len() >= length => {
            let mut message = buffer.split_to(length);
            message.advance(frames::HEADER);
            Ok(Some((tag, message)))
        }
        _ => Ok(None),
    }
}
