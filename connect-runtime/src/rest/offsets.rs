//! `/connectors/{connector}/offsets` (KIP-875).

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use broker_client::TopicPartition;
use connector_api::config::RawConfig;
use connector_api::{Plugin, Position, SourceOffset, SourcePartition};
use serde_json::{Map, Value as Json, json};

use super::RestState;
use super::body::{Body, object};
use super::error::{RestError, RestResult, json_reply};
use crate::herd::{Herd, OffsetChange};

/// `GET`: where a source has got to, or what of each partition a sink has committed.
pub async fn read(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    let herd = state.herd()?;
    let entry = herd.get(&name, || format!("Connector {name} not found"))?;
    let offsets = match herd.plugin(&entry)? {
        Plugin::Source(_) => source_offsets(herd, &name, &entry.config).await?,
        Plugin::Sink(_) => {
            let committed = herd.committed(&name, &entry.config).await?;
            committed.iter().map(|(partition, offset)| sink_offset(partition, *offset)).collect()
        }
    };
    Ok(json_reply(StatusCode::OK, &json!({ "offsets": offsets })))
}

async fn source_offsets(herd: &Herd, name: &str, config: &RawConfig) -> RestResult<Vec<Json>> {
    let positions = herd.positions(name, config).await?;
    let shown =
        |(partition, offset): &(SourcePartition, SourceOffset)| json!({ "partition": partition.0, "offset": offset.0 });
    Ok(positions.iter().map(shown).collect())
}

fn sink_offset(partition: &TopicPartition, offset: i64) -> Json {
    json!({
        "partition": { "kafka_topic": &*partition.topic, "kafka_partition": partition.partition },
        "offset": { "kafka_offset": offset },
    })
}

/// `PATCH`: changes where a stopped connector goes on. Partitions that are not named stay where they are; an offset of
/// null forgets one.
pub async fn alter(
    State(state): State<RestState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> RestResult<Response> {
    let herd = state.herd()?;
    let entries = entries(&object(&headers, body)?)?;
    let entry = herd.get(&name, || format!("Connector {name} not found"))?;
    let change = match herd.plugin(&entry)? {
        Plugin::Source(_) => OffsetChange::Source(entries.into_iter().map(position).collect()),
        Plugin::Sink(_) => OffsetChange::Sink(entries.into_iter().map(committed).collect::<RestResult<_>>()?),
    };
    herd.change_offsets(&name, change).await?;
    let message = "The offsets for this connector have been altered successfully";
    Ok(json_reply(StatusCode::OK, &json!({ "message": message })))
}

/// `DELETE`: a stopped connector starts from the beginning.
pub async fn reset(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    state.herd()?.change_offsets(&name, OffsetChange::Reset).await?;
    let message = "The offsets for this connector have been reset successfully";
    Ok(json_reply(StatusCode::OK, &json!({ "message": message })))
}

type Entry = (Map<String, Json>, Option<Map<String, Json>>);

/// `{"offsets": [{"partition": {..}, "offset": {..} or null}]}`, with plain values.
fn entries(body: &Map<String, Json>) -> RestResult<Vec<Entry>> {
    let shape = || {
        RestError::bad_request(
            "The body must be `{\"offsets\": [{\"partition\": {..}, \"offset\": {..} or null}]}` with at least one entry.",
        )
    };
    if let Some(unknown) = body.keys().find(|key| *key != "offsets") {
        return Err(RestError::bad_request(format!("The body has an unknown field `{unknown}`.")));
    }
    let listed = body.get("offsets").and_then(Json::as_array).filter(|listed| !listed.is_empty()).ok_or_else(shape)?;
    let entry = |entry: &Json| {
        let partition = plain(&entry["partition"]).ok_or_else(shape)?;
        match entry.get("offset").ok_or_else(shape)? {
            Json::Null => Ok((partition, None)),
            offset => Ok((partition, Some(plain(offset).ok_or_else(shape)?))),
        }
    };
    listed.iter().map(entry).collect()
}

/// An object of plain values.
fn plain(value: &Json) -> Option<Map<String, Json>> {
    let object = value.as_object()?;
    (!object.values().any(|value| value.is_object() || value.is_array())).then(|| object.clone())
}

fn position((partition, offset): Entry) -> Position {
    Position { partition: SourcePartition(partition), offset: offset.map(SourceOffset) }
}

/// A partition of a topic, and the offset of the next record; numbers may come as text.
fn committed((partition, offset): Entry) -> RestResult<(TopicPartition, Option<i64>)> {
    let wrong = || {
        RestError::bad_request(
            "An entry of a sink must be `{\"partition\": {\"kafka_topic\": \"t\", \"kafka_partition\": 0}, \"offset\": \
             {\"kafka_offset\": 5}}`, with numbers from 0.",
        )
    };
    let number = |object: &Map<String, Json>, key: &str| match object.get(key)? {
        Json::Number(number) => number.as_i64().filter(|number| *number >= 0),
        Json::String(text) => text.trim().parse().ok().filter(|number: &i64| *number >= 0),
        _ => None,
    };
    let topic = partition.get("kafka_topic").and_then(Json::as_str).ok_or_else(wrong)?;
    let index = number(&partition, "kafka_partition").and_then(|index| i32::try_from(index).ok()).ok_or_else(wrong)?;
    let offset = offset.map(|offset| number(&offset, "kafka_offset").ok_or_else(wrong)).transpose()?;
    Ok((TopicPartition { topic: topic.into(), partition: index }, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Json) -> RestResult<Vec<Entry>> {
        entries(body.as_object().unwrap())
    }

    #[test]
    fn only_the_documented_shape_is_taken() {
        let good = json!({ "offsets": [{ "partition": { "a": 1 }, "offset": { "b": "2" } }, { "partition": {}, "offset": null }] });
        assert_eq!(read(good).unwrap().len(), 2);
        for bad in [
            json!({}),
            json!({ "offsets": [] }),
            json!({ "offsets": [{}] }),
            json!({ "offsets": [{ "partition": { "a": 1 } }] }),
            json!({ "offsets": [{ "partition": null, "offset": null }] }),
            json!({ "offsets": [{ "partition": { "a": [] }, "offset": null }] }),
            json!({ "offsets": [{ "partition": {}, "offset": 5 }] }),
            json!({ "offsets": [{ "partition": {}, "offset": null }], "more": 1 }),
        ] {
            assert_eq!(read(bad.clone()).unwrap_err().status, StatusCode::BAD_REQUEST, "{bad}");
        }
    }

    #[test]
    fn offsets_of_sinks_are_numbers_from_zero() {
        let entry = |partition: Json, offset: Json| {
            let object = |value: Json| value.as_object().cloned();
            committed((object(partition).unwrap(), object(offset)))
        };
        let partition = json!({ "kafka_topic": "t", "kafka_partition": "3" });
        let expected = TopicPartition { topic: "t".into(), partition: 3 };
        assert_eq!(entry(partition.clone(), json!({ "kafka_offset": 7 })).unwrap(), (expected.clone(), Some(7)));
        assert_eq!(entry(partition.clone(), Json::Null).unwrap(), (expected, None));
        for (partition, offset) in [
            (json!({ "kafka_topic": "t" }), json!({ "kafka_offset": 7 })),
            (json!({ "kafka_topic": "t", "kafka_partition": -1 }), json!({ "kafka_offset": 7 })),
            (partition.clone(), json!({ "kafka_offset": -7 })),
            (partition, json!({ "offset": 7 })),
        ] {
            assert!(entry(partition, offset).is_err());
        }
    }
}
