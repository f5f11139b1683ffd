//! DescribeConfigs: topics and this broker, with where each value comes from.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};

use crate::config::KEYS as BROKER_KEYS;
use crate::server::dispatch::{Answer, Cx};
use crate::topics::Topic;
use crate::topics::config::{KEYS as TOPIC_KEYS, Key};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const FROM_TOPIC: i8 = 1;
const FROM_BROKER: i8 = 4;
const FROM_DEFAULT: i8 = 5;

/// A topic's key and its value.
pub struct Described {
    /// The key.
    pub key: &'static Key,
    /// Its value.
    pub value: String,
    /// Where it comes from, as DescribeConfigs numbers it.
    pub source: i8,
}

pub fn handle(cx: &Cx, request: DescribeConfigsRequest) -> Answer<DescribeConfigsResponse> {
    let results = request.resources.iter().map(|resource| {
        let described = match resource.resource_type {
            TOPIC => describe_topic(cx, resource),
            BROKER => describe_broker(cx, resource),
            other => Err((ErrorCode::INVALID_REQUEST, format!("resources of type {other} have no configs here"))),
        };
        let (error_code, error_message, mut configs) = match described {
            Ok(configs) => (ErrorCode::NONE, None, configs),
            Err((code, reason)) => (code, Some(reason), Vec::new()),
        };
        for config in &mut configs {
            config.documentation.take_if(|_| !request.include_documentation);
            if !request.include_synonyms {
                config.synonyms.clear();
            }
        }
        DescribeConfigsResult {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs,
        }
    });
    Answer::Now(DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() })
}

type Configs = Result<Vec<DescribeConfigsResourceResult>, (ErrorCode, String)>;

fn describe_topic(cx: &Cx, resource: &DescribeConfigsResource) -> Configs {
    let unknown = || (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic".to_owned());
    let topic = cx.shared.registry.get(&resource.resource_name).ok_or_else(unknown)?;
    let one = |config: Described| DescribeConfigsResourceResult {
        name: config.key.name.to_owned(),
        synonyms: vec![synonym(config.key.name, &config.value, config.source)],
        value: Some(config.value),
        config_source: config.source,
        config_type: config.key.kind,
        documentation: Some(config.key.meaning.to_owned()),
        ..DescribeConfigsResourceResult::default()
    };
    Ok(topic_configs(cx, &topic).into_iter().filter(|c| is_wanted(resource, c.key.name)).map(one).collect())
}

/// Every config of a topic.
pub fn topic_configs(cx: &Cx, topic: &Topic) -> Vec<Described> {
    let one = |key: &'static Key| {
        if let Some(value) = topic.config.get(key.name) {
            return Described { key, value: value.to_owned(), source: FROM_TOPIC };
        }
        let (setting, value) = match key.name {
            "max.message.bytes" => ("message.max.bytes", cx.shared.config.log.max_message_bytes.to_string()),
            "segment.bytes" => ("log.segment.bytes", cx.shared.config.log.segment_bytes.to_string()),
            name => (name, key.default.to_owned()),
        };
        let given = cx.shared.config.given.contains_key(setting);
        Described { key, value, source: if given { FROM_BROKER } else { FROM_DEFAULT } }
    };
    TOPIC_KEYS.iter().map(one).collect()
}

fn describe_broker(cx: &Cx, resource: &DescribeConfigsResource) -> Configs {
    let config = &cx.shared.config;
    if !resource.resource_name.is_empty() && resource.resource_name != config.node_id.to_string() {
        let reason = format!("this is broker {}, not {:?}", config.node_id, resource.resource_name);
        return Err((ErrorCode::INVALID_REQUEST, reason));
    }
    let wanted = BROKER_KEYS.iter().filter(|key| is_wanted(resource, key.name));
    let one = |key: &crate::config::ConfigKey| {
        let given = config.given.get(key.name);
        let value = given.map_or(key.default, String::as_str);
        let source = if given.is_some() { FROM_BROKER } else { FROM_DEFAULT };
        DescribeConfigsResourceResult {
            name: key.name.to_owned(),
            value: Some(value.to_owned()),
            read_only: true,
            config_source: source,
            synonyms: vec![synonym(key.name, value, source)],
            config_type: 2,
            documentation: Some(key.meaning.to_owned()),
            ..DescribeConfigsResourceResult::default()
        }
    };
    Ok(wanted.map(one).collect())
}

fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    resource.configuration_keys.as_ref().is_none_or(|keys| keys.is_empty() || keys.iter().any(|key| key == name))
}

fn synonym(name: &str, value: &str, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym { name: name.to_owned(), value: Some(value.to_owned()), source }
}
