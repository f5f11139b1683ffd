//! What workers and leader tell each other, as bytes: JSON, compressed, since the log keeps all of it in one record.
//!
//! Items are an object by connector; in it the weights by task, and by `-1` that of the connector itself, as Kafka
//! Connect numbers them.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde_json::{Map, Value as Json, json};

use super::{Item, Items};

/// The most that a message may grow to when it is unpacked: 64 MiB, hundreds of thousands of tasks.
const MOST_UNPACKED: u64 = 64 << 20;

/// Packs a message.
pub fn pack(message: &Json) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = packed.write_all(message.to_string().as_bytes());
    packed.finish().unwrap_or_default()
}

/// Unpacks a message; `None` if it makes no sense.
pub fn unpack(bytes: &[u8]) -> Option<Json> {
    let mut text = Vec::new();
    ZlibDecoder::new(bytes).take(MOST_UNPACKED).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Items as JSON. Weights are rounded to hundredths.
pub fn items_to_json(items: &Items) -> Json {
    let mut connectors = Map::new();
    for (item, weight) in items {
        let number = match item {
            Item::Connector(_) => "-1".to_owned(),
            Item::Task(_, task) => task.to_string(),
        };
        let tasks = connectors.entry(item.connector()).or_insert_with(|| json!({}));
        tasks[number] = json!((weight * 100.0).round() / 100.0);
    }
    Json::Object(connectors)
}

/// Items out of JSON. What makes no sense is left out.
pub fn items_of_json(json: Option<&Json>) -> Items {
    let connectors = json.and_then(Json::as_object).into_iter().flatten();
    let item = |name: &String, number: &String, weight: &Json| {
        let item = match number.as_str() {
            "-1" => Item::Connector(name.clone()),
            number => Item::Task(name.clone(), number.parse().ok()?),
        };
        let weight = weight.as_f64().filter(|weight| weight.is_finite() && *weight >= 0.0);
        Some((item.clone(), weight.unwrap_or_else(|| item.base_weight())))
    };
    let all = connectors.flat_map(|(name, tasks)| {
        let tasks = tasks.as_object().into_iter().flatten();
        tasks.filter_map(move |(number, weight)| item(name, number, weight)).collect::<Vec<_>>()
    });
    all.collect()
}

/// A text out of an object; empty if it is not there.
pub fn text(json: &Json, name: &str) -> String {
    json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned()
}
