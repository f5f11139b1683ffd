//! A small HTTP API on 127.0.0.1: `GET /items?after=CURSOR&limit=N`.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What every request has to carry.
pub const TOKEN: &str = "Bearer canary-5d1e";

/// What the API holds and has been asked.
#[derive(Default)]
pub struct State {
    pub items: Vec<String>,
    /// Whole answers that are given first, before any true one.
    pub canned: VecDeque<String>,
    /// Request lines.
    pub asked: Vec<String>,
    /// Whether there is a cursor behind the last page too.
    pub always_next: bool,
    /// How long it thinks.
    pub slow: Duration,
    /// Whether requests without the token are refused.
    pub guarded: bool,
}

pub struct Api {
    state: Arc<Mutex<State>>,
    port: u16,
}

impl Api {
    pub fn start() -> Api {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || serve(stream, &state));
            }
        });
        Api { state, port }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/items", self.port)
    }
}

/// An answer with that status line, further headers and body.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let line = lines.next()?.ok()?;
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let authorized = head.iter().any(|line| line.eq_ignore_ascii_case(&format!("authorization: {TOKEN}")));
    let (reply, slow) = {
        let mut state = state.lock().unwrap();
        let true_answer = page(&state, &line, authorized);
        state.asked.push(line);
        (state.canned.pop_front().unwrap_or(true_answer), state.slow)
    };
    thread::sleep(slow);
    stream.write_all(reply.as_bytes()).ok()
}

fn page(state: &State, line: &str, authorized: bool) -> String {
    if state.guarded && !authorized {
        return answer("401 Unauthorized", "", "{}");
    }
    let query = line.split(' ').nth(1).and_then(|path| path.split_once('?')).map_or("", |(_, query)| query);
    let number = |name: &str| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
        pair.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let begin: usize = usize::min(number("after="), state.items.len());
    let end = begin.saturating_add(number("limit=")).min(state.items.len());
    let next = if end < state.items.len() || state.always_next { end.to_string() } else { "null".to_owned() };
    let items = state.items[begin..end].join(", ");
    answer("200 OK", "", &format!("{{\"next\": {next}, \"more\": [1], \"items\": [ {items} ]}}"))
}
