//! `/connector-plugins`.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connector_api::config::{ConfigDef, ConfigKey, ConfigType, Issue, Preset, RawConfig};
use serde_json::{Value as Json, json};

use super::RestState;
use super::body::{Body, config, object};
use super::connectors::query_values;
use super::error::{RestError, RestResult, json_reply};
use crate::config::connector::all_keys;
use crate::plugins::Refused;
use crate::secrets::is_secret;

/// `GET /connector-plugins`: connectors, each version of them; with `connectorsOnly=false` transforms, predicates and converters too.
pub async fn list(State(state): State<RestState>, RawQuery(query): RawQuery) -> RestResult<Response> {
    let known = state.herd()?.parts().plugins.all();
    let all = query_values(query.as_deref(), "connectorsOnly").last().is_some_and(|word| word == "false");
    let mut shown: Vec<Json> = known
        .iter()
        .filter(|known| all || known.connector().is_some())
        .map(|known| plugin_info(known.definition.class, known.kind.name(), known.definition.version, known.location()))
        .collect();
    shown.sort_by(|one, other| one["class"].as_str().cmp(&other["class"].as_str()));
    Ok(json_reply(StatusCode::OK, &Json::Array(shown)))
}

/// What Kafka Connect calls PluginInfo, with the file that a plugin comes from.
fn plugin_info(class: &str, kind: &str, version: &str, location: &str) -> Json {
    json!({ "class": class, "type": kind, "version": version, "location": location })
}

/// `POST /admin/plugins/rescan`: looks for new libraries in `plugin.path`. What runs goes on as it is.
pub async fn rescan(State(state): State<RestState>) -> RestResult<Response> {
    let scanned = state.herd()?.rescan_plugins().await?;
    let loaded: Vec<Json> = scanned
        .loaded
        .iter()
        .map(|(class, version, location)| json!({ "class": class, "version": version, "location": location }))
        .collect();
    Ok(json_reply(StatusCode::OK, &json!({ "loaded": loaded, "refused": refused_infos(&scanned.refused) })))
}

/// `GET /admin/plugins/refused`: libraries in `plugin.path` that are not loaded, and why.
pub async fn refused(State(state): State<RestState>) -> RestResult<Response> {
    let refused = state.herd()?.parts().plugins.refused();
    Ok(json_reply(StatusCode::OK, &refused_infos(&refused)))
}

fn refused_infos(refused: &[Refused]) -> Json {
    refused.iter().map(|one| json!({ "location": one.location, "reason": one.reason })).collect()
}

/// `GET /connector-plugins/{plugin}/config` (KIP-769): the keys of a connector, transform, predicate or converter.
pub async fn keys(State(state): State<RestState>, Path(class): Path<String>) -> RestResult<Response> {
    let plugins = &state.herd()?.parts().plugins;
    let def = match plugins.find(&class) {
        Ok(plugin) => all_keys(&plugin, &RawConfig::new(), plugins),
        Err(why) => match plugins.any_part(&class) {
            Some(part) => part.definition.config,
            None => return Err(RestError::not_found(format!("Unknown plugin {class}. {why}"))),
        },
    };
    let shown: Vec<Json> = shown_keys(&def).map(|(order, key)| definition(order, key)).collect();
    Ok(json_reply(StatusCode::OK, &Json::Array(shown)))
}

/// `PUT /connector-plugins/{plugin}/config/validate`: 200 also if the configuration is wrong.
pub async fn validate(
    State(state): State<RestState>,
    Path(class): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> RestResult<Response> {
    let herd = state.herd()?;
    let config = config(&object(&headers, body)?)?;
    let plugin = herd.parts().plugins.find(&class).map_err(RestError::not_found)?;
    let named = config.get("connector.class").map_or("", String::as_str);
    if named.is_empty() {
        let message = "Connector config {} contains no connector type: set `connector.class`.";
        return Err(RestError::bad_request(message));
    }
    if !plugin.definition().answers_to(named.trim()) {
        let message = format!("Included connector type {named} does not match request type {class}");
        return Err(RestError::bad_request(message));
    }
    let name = config.get("name").map_or("", String::as_str);
    let found = herd.validate(name, &config).await.map_err(RestError::bad_request)?;
    let body = config_infos(
        plugin.definition().class,
        &all_keys(&found.plugin, &config, &herd.parts().plugins),
        &config,
        &found.issues,
    );
    Ok(json_reply(StatusCode::OK, &body))
}

/// Keys that stand for themselves, with their place; families of keys show only where they are used.
fn shown_keys(def: &ConfigDef) -> impl Iterator<Item = (usize, &ConfigKey)> {
    def.keys().iter().filter(|key| !key.name.contains('*')).enumerate()
}

/// What Kafka Connect calls ConfigInfos, with warnings beside the errors.
fn config_infos(class: &str, def: &ConfigDef, config: &RawConfig, issues: &[Issue]) -> Json {
    let mut groups: Vec<&str> = Vec::new();
    for (_, key) in shown_keys(def) {
        if !groups.contains(&&*key.group) {
            groups.push(&key.group);
        }
    }
    let value = |name: &str, key: Option<&ConfigKey>| {
        let given = config.get(name).map(String::as_str).or(key.and_then(preset));
        let hidden = given.is_some() && is_secret(def, name);
        let texts = |errors: bool| -> Vec<&str> {
            let of_it = issues.iter().filter(|issue| issue.key == name && issue.is_error() == errors);
            of_it.map(|issue| issue.message.as_str()).collect()
        };
        json!({
            "name": name,
            "value": if hidden { Some("[hidden]") } else { given },
            "recommended_values": key.map(recommended).unwrap_or_default(),
            "errors": texts(true),
            "warnings": texts(false),
            "visible": true,
        })
    };
    let mut configs: Vec<Json> = shown_keys(def)
        .map(|(order, key)| json!({ "definition": definition(order, key), "value": value(&key.name, Some(key)) }))
        .collect();
    let known = |name: &str| shown_keys(def).any(|(_, key)| key.name == name);
    let mut others: Vec<&str> = config.keys().map(String::as_str).collect();
    others.extend(issues.iter().map(|issue| issue.key.as_str()));
    others.sort_unstable();
    others.dedup();
    for name in others.into_iter().filter(|name| !known(name)) {
        configs.push(json!({ "definition": null, "value": value(name, None) }));
    }
    let errors = issues.iter().filter(|issue| issue.is_error()).count();
    json!({ "name": class, "error_count": errors, "groups": groups, "configs": configs })
}

fn definition(order: usize, key: &ConfigKey) -> Json {
    json!({
        "name": key.name,
        "type": key.kind.name(),
        "required": key.preset == Preset::Required,
        "default_value": preset(key),
        "importance": key.importance.name(),
        "documentation": documentation(key),
        "group": key.group,
        "width": key.width.name(),
        "display_name": if key.display_name.is_empty() { &key.name } else { &key.display_name },
        "dependents": key.dependents,
        "order": order + 1,
    })
}

fn documentation(key: &ConfigKey) -> String {
    use connector_api::config::Effect;
    match &key.effect {
        Effect::Full => key.doc.to_string(),
        Effect::None(reason) => format!("Taken without effect: {reason}. {}", key.doc),
        Effect::Only(values, reason) => format!("{} Only `{}`: {reason}.", key.doc, values.join("`, `")),
    }
}

fn preset(key: &ConfigKey) -> Option<&str> {
    match &key.preset {
        Preset::Value(_) if key.kind == ConfigType::Password => None,
        Preset::Value(value) => Some(value),
        Preset::Required | Preset::Null => None,
    }
}

fn recommended(key: &ConfigKey) -> Vec<&'static str> {
    use connector_api::config::{Check, Effect};
    match (&key.check, &key.effect) {
        (_, Effect::Only(values, _)) => values.to_vec(),
        (Check::OneOf(words), _) => words.to_vec(),
        _ => Vec::new(),
    }
}
