//! What has to be on the server before documents are sent: data streams, fields of mappings, and what the user has named.

use std::time::Duration;

use connector_api::{Error, Result, SinkRecord};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::config::{Documents, Resource};
use crate::document::target::Target;
use crate::document::{Need, Planner};
use crate::mapping::{Difference, difference, properties};
use crate::send::client::{Client, Reply, Silence};
use crate::send::verdict::{bad_login, failure, forbidden};

/// How often a mapping is read anew when somebody else changes it at the same time.
const ROUNDS: usize = 3;

/// How long one call may prepare: an expression may name hundreds of new indexes at once. What is done is remembered.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sees to what these records' documents need. An error of `Retry` says that the server cannot be asked now.
pub async fn prepare(planner: &mut Planner, client: &Client, records: &[SinkRecord]) -> Result<()> {
    let began = Instant::now();
    for need in planner.needs(records) {
        if began.elapsed() > PATIENCE {
            return Err(Error::retry("more indexes have to be prepared than a call has time for; it goes on"));
        }
        let mut fits = Ok(());
        if planner.settings().makes_streams() {
            make_stream(client, &need.index).await?;
        }
        if let Some(schema) = &need.schema {
            let wanted = properties(schema, planner.settings().compact_maps);
            let may_make = planner.settings().resource.is_none() && !planner.settings().is_stream();
            fits = add_fields(client, &need, &wanted, may_make).await?;
        }
        planner.prepared(need, fits);
    }
    Ok(())
}

/// What the user has named and is not there: the key and a sentence.
pub async fn missing(client: &Client, documents: &Documents, pipeline: Option<&str>) -> Result<Option<Error>> {
    if let Some(name) = pipeline
        && is_absent(client, &["_ingest", "pipeline", name]).await?
    {
        let what = format!("There is no ingest pipeline `{name}`: make it, or correct `ingest.pipeline.name`.");
        return Ok(Some(Error::bad_config("ingest.pipeline.name", what)));
    }
    let (Target::Resources { names }, Some(resource)) = (&documents.target, documents.resource) else {
        return Ok(None);
    };
    for (topic, name) in names {
        let (what, path) = match resource {
            Resource::Index => ("index", vec![name.as_str(), "_mapping"]),
            Resource::DataStream => ("data stream", vec!["_data_stream", name]),
            Resource::Alias => ("alias", vec!["_alias", name]),
        };
        if is_absent(client, &path).await? {
            let what = format!("There is no {what} `{name}` for the topic `{topic}`: make it, or correct the mapping.");
            return Ok(Some(Error::bad_config("topic.to.external.resource.mapping", what)));
        }
    }
    Ok(None)
}

/// Whether the server says that there is no such thing. A login that may write need not have the right to ask.
async fn is_absent(client: &Client, path: &[&str]) -> Result<bool> {
    let reply = reply_to(client, Method::GET, path, None).await?;
    if reply.status == 403 && !is_blocked(&reply) {
        return Ok(false);
    }
    about(reply, path).map(|reply| reply.status == 404)
}

async fn make_stream(client: &Client, name: &str) -> Result<()> {
    let reply = ask(client, Method::PUT, &["_data_stream", name], None).await?;
    match (reply.status, said(&reply)) {
        (200..=299, _) => Ok(()),
        (_, (kind, _)) if kind == "resource_already_exists_exception" => Ok(()),
        (_, (_, why)) => Err(Error::fatal(format!("the server does not make the data stream {name}: {why}")).remedy(
            "A data stream needs an index template with `data_stream` whose patterns match its name. Make one, or correct \
             `data.stream.dataset` and `data.stream.namespace`; then restart the task.",
        )),
    }
}

/// Adds to the index's mapping what it lacks. The inner error says why no document of the schema fits.
async fn add_fields(
    client: &Client,
    need: &Need,
    wanted: &Map<String, Value>,
    may_make: bool,
) -> Result<Result<(), String>> {
    let index = &*need.index;
    let mut why = String::new();
    for _ in 0..ROUNDS {
        let reply = ask(client, Method::GET, &[index, "_mapping"], None).await?;
        let mappings: Map<String, Value> = match reply.status {
            200 => serde_json::from_slice(&reply.body).unwrap_or_default(),
            404 if may_make => {
                // Empty, so that an index template can say what it knows better.
                let reply = ask(client, Method::PUT, &[index], Some(&json!({}))).await?;
                match (reply.status, said(&reply)) {
                    (200..=299, _) => {}
                    (_, (kind, _)) if kind == "resource_already_exists_exception" => {}
                    (_, (kind, why)) if kind == "invalid_index_name_exception" => return Ok(Err(why)),
                    (_, (_, why)) => return Err(no_mapping(index, &why)),
                }
                continue;
            }
            404 => return Err(no_resource(index)),
            _ => return Err(no_mapping(index, &said(&reply).1)),
        };
        match lacking(wanted, &mappings) {
            Difference::Nothing => return Ok(Ok(())),
            Difference::Conflict(conflict) => return Ok(Err(conflict)),
            Difference::Missing(fields) => {
                let body = json!({ "properties": fields });
                let reply = ask(client, Method::PUT, &[index, "_mapping"], Some(&body)).await?;
                if reply.status < 300 {
                    return Ok(Ok(()));
                }
                why = said(&reply).1;
            }
        }
    }
    Ok(Err(why))
}

/// What the mappings of all indexes behind a name lack together.
fn lacking(wanted: &Map<String, Value>, mappings: &Map<String, Value>) -> Difference {
    let mut all = Map::new();
    let none = Map::new();
    for index in mappings.values() {
        match difference(wanted, index["mappings"]["properties"].as_object().unwrap_or(&none)) {
            Difference::Nothing => {}
            Difference::Missing(fields) => join(&mut all, fields),
            conflict => return conflict,
        }
    }
    if all.is_empty() { Difference::Nothing } else { Difference::Missing(all) }
}

fn join(all: &mut Map<String, Value>, more: Map<String, Value>) {
    for (name, field) in more {
        match (
            all.get_mut(&name).and_then(|known| known["properties"].as_object_mut()),
            field["properties"].as_object(),
        ) {
            (Some(known), Some(inner)) => join(known, inner.clone()),
            _ => drop(all.insert(name, field)),
        }
    }
}

/// A reply that is about what was asked for; anything else is an error already.
async fn ask(client: &Client, method: Method, path: &[&str], body: Option<&Value>) -> Result<Reply> {
    about(reply_to(client, method, path, body).await?, path)
}

async fn reply_to(client: &Client, method: Method, path: &[&str], body: Option<&Value>) -> Result<Reply> {
    client.ask(method, path, body).await.map_err(|silence| match silence {
        Silence::Later(why) | Silence::TooSlow(why) => Error::retry(why),
        Silence::Refused(error) => error,
    })
}

fn is_blocked(reply: &Reply) -> bool {
    said(reply).0 == "cluster_block_exception"
}

fn about(reply: Reply, path: &[&str]) -> Result<Reply> {
    match reply.status {
        401 => Err(bad_login(&reply.url)),
        403 if is_blocked(&reply) => Err(Error::retry(format!("{} is blocked: {}", path.join("/"), said(&reply).1))
            .remedy("It goes on by itself once the block is lifted.")),
        403 => Err(forbidden(&format!("ask for {}", path.join("/")), &said(&reply).1)),
        408 | 429 | 500.. => {
            Err(Error::retry(format!("{} cannot answer (status {}): {}", reply.url, reply.status, said(&reply).1)))
        }
        _ => Ok(reply),
    }
}

/// The kind of an error, and what the server says of it.
fn said(reply: &Reply) -> (String, String) {
    let item = failure(reply.status, &String::from_utf8_lossy(&reply.body));
    (item.kind.clone(), format!("{} (status {}, {})", item.reason, item.status, item.kind))
}

fn no_mapping(index: &str, why: &str) -> Error {
    Error::fatal(format!("the server does not let the index {index} have the fields of a schema: {why}"))
        .remedy("Correct the index or its template; then restart the task.")
}

fn no_resource(index: &str) -> Error {
    Error::fatal(format!("there is no {index}, which `topic.to.external.resource.mapping` or a data stream names"))
        .remedy("Make it; then restart the task.")
}
