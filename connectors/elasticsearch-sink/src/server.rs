//! Which server answers at an address.

use std::time::Duration;

use connector_api::{Error, Result};
use serde_json::Value;

use crate::send::client::{Client, Reply, Silence};
use crate::send::verdict::{bad_login, forbidden, is_bad_signature};

/// How long an address has to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an address says.
#[derive(Debug)]
pub struct Found {
    /// Something to warn of.
    pub warning: Option<String>,
}

/// Asks an address which server it is, and says whether the connector can write to it.
pub async fn look(client: &Client, address: usize) -> Result<Found> {
    match tokio::time::timeout(PATIENCE, ask(client, address)).await {
        Ok(found) => found,
        Err(_) => Err(unreachable(format!("a server in `connection.url` has not said who it is within {PATIENCE:?}"))),
    }
}

async fn ask(client: &Client, address: usize) -> Result<Found> {
    let reply = get(client, address, "").await?;
    match reply.status {
        200 => judge(&reply.url, &read(&reply)),
        403 if is_bad_signature(&String::from_utf8_lossy(&reply.body)) => {
            Err(forbidden("ask", &String::from_utf8_lossy(&reply.body)))
        }
        404 if client.is_serverless() => Ok(Found { warning: None }),
        // It may write all the same: the right to ask is another one.
        403 => Ok(Found { warning: None }),
        401 => Err(bad_login(&reply.url)),
        // Servers without their main module do not answer here.
        405 => {
            let reply = get(client, address, "_nodes/_local?filter_path=nodes.*.version").await?;
            let nodes = read(&reply);
            let node = nodes["nodes"].as_object().and_then(|nodes| nodes.values().next()).cloned();
            match (node.as_ref().and_then(|node| node["version"].as_str()), reply.status) {
                (Some(number), _) => judge_version(&reply.url, None, number),
                (None, 401) => Err(bad_login(&reply.url)),
                (None, 403) => Ok(Found { warning: None }),
                (None, _) => Err(strange(&reply.url)),
            }
        }
        429 | 500.. => Err(unreachable(format!("{} is not ready (status {})", reply.url, reply.status))),
        _ => Err(strange(&reply.url)),
    }
}

async fn get(client: &Client, address: usize, path: &str) -> Result<Reply> {
    client.get(address, path).await.map_err(|silence| match silence {
        Silence::Later(why) | Silence::TooSlow(why) => unreachable(why),
        Silence::Refused(error) => error,
    })
}

fn read(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_default()
}

fn judge(url: &str, answer: &Value) -> Result<Found> {
    match answer["version"]["number"].as_str() {
        Some(number) => judge_version(url, answer["version"]["distribution"].as_str(), number),
        None => Err(strange(url)),
    }
}

/// A server without its main module does not say its name; then 1 to 3 is OpenSearch.
fn judge_version(url: &str, distribution: Option<&str>, number: &str) -> Result<Found> {
    let major: u32 = number.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    let is_opensearch = distribution.map_or((1..=3).contains(&major), |name| name == "opensearch");
    let (name, oldest, newest) = if is_opensearch { ("OpenSearch", 1, 3) } else { ("Elasticsearch", 7, 9) };
    if major < oldest {
        return Err(Error::fatal(format!("{url} is {name} {number}, which is too old"))
            .remedy("The connector writes to Elasticsearch 7 to 9 and OpenSearch 1 to 3."));
    }
    let warning = (major > newest).then(|| {
        format!("{url} is {name} {number}; the connector is made for Elasticsearch 7 to 9 and OpenSearch 1 to 3")
    });
    Ok(Found { warning })
}

fn unreachable(what: String) -> Error {
    Error::fail(what).remedy("Check `connection.url`, and that the server runs.")
}

fn strange(url: &str) -> Error {
    Error::fatal(format!("{url} answers, but not as Elasticsearch or OpenSearch"))
        .remedy("Correct `connection.url`; a path that a proxy needs belongs to it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_judged() {
        let said = |distribution: Option<&str>, number: &str| match judge_version("u", distribution, number) {
            Ok(Found { warning: None }) => "good".to_owned(),
            Ok(Found { warning: Some(text) }) => text,
            Err(error) => error.to_string(),
        };
        for (distribution, number) in
            [(Some("opensearch"), "1.3.0"), (Some("opensearch"), "3.6.0"), (None, "7.10.2"), (None, "9.1.0")]
        {
            assert_eq!(said(distribution, number), "good", "{number}");
        }
        assert!(said(None, "6.8.1").contains("Elasticsearch 6.8.1, which is too old"));
        assert!(said(Some("opensearch"), "4.0.0").contains("made for"));
        assert!(said(None, "10.0.0").contains("made for"));
        assert!(judge("u", &json!({"hello": 1})).unwrap_err().to_string().contains("not as Elasticsearch"));
    }
}
