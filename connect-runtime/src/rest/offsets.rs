//! `/connectors/{connector}/offsets` (KIP-875).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use broker_client::offsets::committed;
use connector_api::Plugin;
use serde_json::{Value as Json, json};

use super::RestState;
use super::error::{RestError, RestResult, json_reply};
use crate::config::client::consumer_settings;
use crate::herd::{Herd, HerdError};

/// `GET`: where a source has got to, or what of each partition a sink has committed.
pub async fn read(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Response> {
    let herd = state.herd()?;
    let entry = herd.get(&name, || format!("Connector {name} not found"))?;
    let class = entry.config.get("connector.class").map_or("", String::as_str);
    let plugin = herd.parts().plugins.find(class).map_err(RestError::bad_request)?;
    let offsets = match plugin {
        Plugin::Source(_) => source_offsets(herd, &name).await,
        Plugin::Sink(_) => sink_offsets(herd, &name, &entry.config).await,
    };
    Ok(json_reply(StatusCode::OK, &json!({ "offsets": offsets.map_err(HerdError::from)? })))
}

async fn source_offsets(herd: &Herd, name: &str) -> broker_client::Result<Vec<Json>> {
    let positions = herd.parts().offsets.positions(name).await?;
    let shown = |(partition, offset): &(connector_api::SourcePartition, connector_api::SourceOffset)| json!({ "partition": partition.0, "offset": offset.0 });
    Ok(positions.iter().map(shown).collect())
}

async fn sink_offsets(
    herd: &Herd,
    name: &str,
    config: &connector_api::config::RawConfig,
) -> broker_client::Result<Vec<Json>> {
    let own = consumer_settings(&herd.parts().config.raw, config).group;
    let group = own.unwrap_or_else(|| format!("connect-{name}"));
    let client = herd.parts().link.client("worker-offsets");
    let offsets = committed(&client, &group, None).await?;
    let shown = |(partition, offset): (&broker_client::TopicPartition, &i64)| {
        json!({
            "partition": { "kafka_topic": &*partition.topic, "kafka_partition": partition.partition },
            "offset": { "kafka_offset": offset },
        })
    };
    Ok(offsets.iter().map(shown).collect())
}
