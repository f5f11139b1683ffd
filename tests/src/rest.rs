//! A client of the worker's REST.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::wait::patiently;

/// A reply: its status code and body.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body; null if there is none.
    pub body: Json,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
}

/// A worker's REST.
#[derive(Clone, Debug)]
pub struct Rest {
    base: String,
    agent: ureq::Agent,
}

impl Rest {
    /// At that port of 127.0.0.1.
    pub fn at(port: u16) -> Rest {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(100)))
            .build();
        Rest { base: format!("http://127.0.0.1:{port}"), agent: config.into() }
    }

    /// `GET`. `None` if nobody answers.
    pub fn try_get(&self, path: &str) -> Option<Reply> {
        self.agent.get(format!("{}{path}", self.base)).call().ok().map(read)
    }

    /// `GET`.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn get(&self, path: &str) -> Reply {
        self.try_get(path).unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    /// `POST`, `PUT` or `PATCH` with a body, as JSON text or anything else.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn send(&self, method: &str, path: &str, content_type: Option<&str>, body: &str) -> Reply {
        let url = format!("{}{path}", self.base);
        let request = match method {
            "POST" => self.agent.post(url),
            "PUT" => self.agent.put(url),
            "PATCH" => self.agent.patch(url),
            other => panic!("no method {other} with a body"),
        };
        let request = match content_type {
            Some(kind) => request.header("Content-Type", kind),
            None => request,
        };
        read(request.send(body).unwrap_or_else(|why| panic!("no answer to {method} {path}: {why}")))
    }

    /// `POST` of JSON.
    pub fn post(&self, path: &str, body: &Json) -> Reply {
        self.send("POST", path, Some("application/json"), &body.to_string())
    }

    /// `PUT` of JSON.
    pub fn put(&self, path: &str, body: &Json) -> Reply {
        self.send("PUT", path, Some("application/json"), &body.to_string())
    }

    /// `PATCH` of JSON.
    pub fn patch(&self, path: &str, body: &Json) -> Reply {
        self.send("PATCH", path, Some("application/json"), &body.to_string())
    }

    /// `DELETE`.
    ///
    /// # Panics
    /// Nobody answers.
    pub fn delete(&self, path: &str) -> Reply {
        let answer = self.agent.delete(format!("{}{path}", self.base)).call();
        read(answer.unwrap_or_else(|why| panic!("no answer to DELETE {path}: {why}")))
    }

    /// Creates a connector.
    ///
    /// # Panics
    /// The worker does not take it.
    pub fn create(&self, name: &str, config: Json) {
        let reply = self.post("/connectors", &json!({ "name": name, "config": config }));
        assert_eq!(reply.status, 201, "creating {name}: {}", reply.body);
    }

    /// The state of a connector's task, with why it failed.
    pub fn task_state(&self, name: &str, task: u32) -> Option<(String, String)> {
        let reply = self.try_get(&format!("/connectors/{name}/tasks/{task}/status"))?;
        let text = |field: &str| reply.body[field].as_str().unwrap_or_default().to_owned();
        (reply.status == 200).then(|| (text("state"), text("trace")))
    }

    /// Waits until a task is in a state; returns why it failed, if it did.
    ///
    /// # Panics
    /// It does not get there.
    pub fn wait_for_task(&self, name: &str, task: u32, state: &str) -> String {
        patiently(|| match self.task_state(name, task) {
            Some((found, trace)) if found == state => Ok(trace),
            other => Err(format!("{name}-{task} is not {state} but {other:?}")),
        })
    }
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> Reply {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (location, retry_after) = (header("location"), header("retry-after"));
    let text = answer.body_mut().read_to_string().unwrap_or_default();
    let body = if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap_or(Json::String(text)) };
    Reply { status: answer.status().as_u16(), body, location, retry_after }
}

/// A configuration with further keys.
///
/// # Panics
/// One of them is no object.
pub fn with(mut config: Json, more: Json) -> Json {
    let (Some(keys), Json::Object(more)) = (config.as_object_mut(), more) else { panic!("not objects") };
    keys.extend(more);
    config
}
