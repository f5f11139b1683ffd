//! Which worker answers what: reads are answered everywhere, changes by the leader, restarts by whoever runs what is
//! restarted. What is another's is passed on as it came, and its reply as it comes.

use std::time::Duration;

use axum::RequestExt;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::RestState;
use super::actions::is_of_the_connector_alone;
use super::error::{RestError, RestResult};
use crate::herd::assignment::Item;
use crate::herd::{Herd, Peer, Standing};
use crate::peers::{Failure, MOST_HOPS, Outgoing, Passed};

/// How long another worker may take: less than the limit of a request, so that there is time to say so.
const CALL_LIMIT: Duration = Duration::from_secs(85);

/// How long reading what the leader has changed may take.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// The reply's headers that are passed on.
const REPLY_HEADERS: [header::HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::RETRY_AFTER];

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Whoever is asked.
    Anyone,
    /// The leader.
    Leader,
    /// Whoever runs the connector; the leader if its tasks are meant too.
    Connector,
    /// Whoever runs the task.
    Task,
}

/// Who answers what, beside `GET`, which anyone answers.
const TABLE: &[(&str, &str, By)] = &[
    ("POST", "/connectors", By::Leader),
    ("DELETE", "/connectors/{connector}", By::Leader),
    ("PUT", "/connectors/{connector}/config", By::Leader),
    ("PATCH", "/connectors/{connector}/config", By::Leader),
    ("PUT", "/connectors/{connector}/pause", By::Leader),
    ("PUT", "/connectors/{connector}/resume", By::Leader),
    ("PUT", "/connectors/{connector}/stop", By::Leader),
    ("POST", "/connectors/{connector}/restart", By::Connector),
    ("POST", "/connectors/{connector}/tasks/{task}/restart", By::Task),
    ("PATCH", "/connectors/{connector}/offsets", By::Leader),
    ("DELETE", "/connectors/{connector}/offsets", By::Leader),
    ("PUT", "/connector-plugins/{plugin}/config/validate", By::Anyone),
    ("POST", "/admin/plugins/rescan", By::Anyone),
    ("PUT", "/internal/connectors/{connector}/tasks", By::Leader),
    ("PUT", "/internal/connectors/{connector}/fence", By::Leader),
];

fn by(method: &str, route: &str) -> By {
    let found = TABLE.iter().find(|(known, path, _)| *known == method && *path == route);
    found.map_or(By::Anyone, |(_, _, by)| *by)
}

/// Who is to answer one request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Anyone,
    Leader,
    Runner(Item),
}

/// Answers here, or passes on.
pub async fn pass(State(state): State<RestState>, mut request: Request, next: Next) -> Response {
    let Ok(herd) = state.herd() else { return next.run(request).await };
    let target = target(&mut request).await;
    let hops = request.extensions().get::<Passed>().map_or(0, |passed| passed.hops);
    let standing = herd.parts().place.now();
    let target = if is_known(herd, &target) { target } else { Target::Leader };
    match destination(standing.as_deref(), &target, hops) {
        Ok(None) => next.run(request).await,
        Ok(Some(peer)) => {
            let passed = pass_on(herd, &state, peer, request, hops).await;
            if target == Target::Leader && passed.as_ref().is_ok_and(|reply| reply.status().is_success()) {
                // Whoever has changed something sees it, asking the same worker.
                let _ = tokio::time::timeout(READ_LIMIT, herd.parts().configs.catch_up()).await;
            }
            passed.unwrap_or_else(IntoResponse::into_response)
        }
        Err(refused) => refused.into_response(),
    }
}

async fn target(request: &mut Request) -> Target {
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let by = by(request.method().as_str(), route.as_deref().unwrap_or_default());
    match by {
        By::Anyone => return Target::Anyone,
        By::Leader => return Target::Leader,
        By::Connector if !is_of_the_connector_alone(request.uri().query()) => return Target::Leader,
        By::Connector | By::Task => {}
    }
    let Ok(params) = request.extract_parts::<RawPathParams>().await else { return Target::Anyone };
    let find = |name| params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    let connector = find("connector").unwrap_or_default();
    match by {
        By::Connector => Target::Runner(Item::Connector(connector)),
        // What is no number is refused by whoever is asked.
        _ => match find("task").and_then(|task| task.parse().ok()) {
            Some(task) => Target::Runner(Item::Task(connector, task)),
            None => Target::Anyone,
        },
    }
}

/// Whether this worker has read of the item. The leader has, if there is one.
fn is_known(herd: &Herd, target: &Target) -> bool {
    let Target::Runner(item) = target else { return true };
    herd.parts().configs.has(item)
}

/// The peer that is to answer; `None` if it is this worker.
fn destination<'a>(standing: Option<&'a Standing>, target: &Target, hops: u8) -> RestResult<Option<&'a Peer>> {
    if *target == Target::Anyone {
        return Ok(None);
    }
    let standing = standing.ok_or_else(conflict)?;
    let peer = match target {
        Target::Anyone => return Ok(None),
        Target::Leader if standing.is_leader() => return Ok(None),
        Target::Leader => standing.leader(),
        Target::Runner(item) if standing.is_mine(item) => return Ok(None),
        Target::Runner(item) => standing.owner(item),
    };
    // Workers that disagree about who answers are in the middle of a change.
    peer.filter(|_| hops < MOST_HOPS).map(Some).ok_or_else(conflict)
}

/// The text is Kafka Connect's.
fn conflict() -> RestError {
    let message =
        "Cannot complete request because of a conflicting operation (e.g. worker rebalance). Ask again in a moment.";
    RestError { retry_after_s: Some(1), ..RestError::new(StatusCode::CONFLICT, message) }
}

async fn pass_on(herd: &Herd, state: &RestState, peer: &Peer, request: Request, hops: u8) -> RestResult<Response> {
    let (parts, body) = request.into_parts();
    let max = state.body_max_bytes();
    let body = to_bytes(body, max).await.map_err(|_| RestError::too_large())?;
    let call = Outgoing {
        path: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        method: parts.method,
        hops: hops + 1,
        content_type: parts.headers.get(header::CONTENT_TYPE).cloned(),
        body,
        limit: CALL_LIMIT,
    };
    let reply = herd.parts().caller.call(&peer.peer_url, &call).await.map_err(|failure| no_reply(peer, failure))?;
    let mut headers = HeaderMap::new();
    for name in REPLY_HEADERS {
        if let Some(value) = reply.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    Ok((reply.status, headers, Body::from(reply.body)).into_response())
}

fn no_reply(peer: &Peer, failure: Failure) -> RestError {
    let (worker, url) = (&peer.worker_id, &peer.peer_url);
    let message = match failure {
        Failure::NotDone(why) => format!(
            "Worker {worker}, whose answer it is, could not be asked at {url}: {why}. Nothing was done. Ask again in a moment; if \
             it stays so, see whether that address is reached from this worker (`peer.advertised.host.name`)."
        ),
        Failure::Unknown(why) => format!(
            "Worker {worker}, whose answer it is, was asked at {url} and gave none: {why}. It may have done it: look, and ask again."
        ),
    };
    RestError { retry_after_s: Some(1), ..RestError::new(StatusCode::SERVICE_UNAVAILABLE, message) }
}

#[cfg(test)]
mod tests {
    use super::super::router::{INTERNAL_ROUTES, ROUTES};
    use super::*;

    #[test]
    fn it_is_said_of_each_change_who_answers() {
        for (method, route) in ROUTES.iter().chain(INTERNAL_ROUTES) {
            let listed = TABLE.iter().any(|(known, path, _)| known == method && path == route);
            assert_eq!(listed, *method != "GET", "{method} {route}");
        }
        assert!(
            TABLE.iter().all(|(method, route, _)| ROUTES
                .iter()
                .chain(INTERNAL_ROUTES)
                .any(|known| known == &(*method, *route)))
        );
    }

    /// Three workers; `me` is asked, the first leads, the last runs the connector `a` and its task.
    fn standing(me: usize) -> Standing {
        let peer = |number| Peer {
            worker_id: format!("w{number}"),
            peer_url: format!("http://w{number}:1"),
            seal_id: String::new(),
        };
        let mut standing = Standing::alone(peer(0));
        standing.members = (0..3).map(peer).collect();
        standing.me = me;
        standing.ownership = crate::herd::assignment::Ownership::of(3);
        standing.ownership.give(connector(), 2, 1.0);
        standing
    }

    fn connector() -> Item {
        Item::Connector("a".to_owned())
    }

    fn asked(standing: &Standing, target: &Target, hops: u8) -> Result<Option<String>, StatusCode> {
        let found = destination(Some(standing), target, hops).map_err(|refused| refused.status)?;
        Ok(found.map(|peer| peer.worker_id.clone()))
    }

    #[test]
    fn what_is_another_s_goes_there_and_no_further_than_two_hops() {
        let runner = Target::Runner(connector());
        let to = |worker: &str| Ok(Some(worker.to_owned()));
        for hops in 0..=MOST_HOPS {
            assert_eq!(asked(&standing(1), &Target::Anyone, hops), Ok(None));
            assert_eq!(asked(&standing(0), &Target::Leader, hops), Ok(None));
            assert_eq!(asked(&standing(2), &runner, hops), Ok(None));
        }
        for hops in 0..MOST_HOPS {
            assert_eq!(asked(&standing(1), &Target::Leader, hops), to("w0"));
            assert_eq!(asked(&standing(1), &runner, hops), to("w2"));
        }
        for target in [Target::Leader, runner] {
            assert_eq!(asked(&standing(1), &target, MOST_HOPS), Err(StatusCode::CONFLICT));
        }
    }

    #[test]
    fn without_a_leader_or_a_runner_one_is_told_to_ask_again() {
        let refused = destination(None, &Target::Leader, 0).unwrap_err();
        assert_eq!((refused.status, refused.retry_after_s), (StatusCode::CONFLICT, Some(1)));
        assert!(refused.message.contains("Ask again"));
        let nobody_s = Target::Runner(Item::Task("a".to_owned(), 0));
        assert_eq!(asked(&standing(1), &nobody_s, 0), Err(StatusCode::CONFLICT));
        assert!(destination(None, &Target::Anyone, 0).is_ok());
    }
}
