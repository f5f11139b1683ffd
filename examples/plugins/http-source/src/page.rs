//! What an answer says. Items stay the bytes that came.

use std::collections::HashMap;

use bytes::Bytes;
use connector_api::data::Payload;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::settings::Settings;

/// Fields of an object, unread.
type Fields<'a> = HashMap<String, &'a RawValue>;

/// Items in order, and the cursor behind them.
pub struct Page {
    /// Keys and values of records.
    pub items: Vec<(Payload, Bytes)>,
    /// `None` where the API does not know one yet.
    pub next: Option<String>,
    /// How much memory it keeps.
    pub size: usize,
}

impl Page {
    /// Reads an answer; an error says what is wrong with it.
    pub fn read(body: &Bytes, settings: &Settings) -> Result<Page, String> {
        let fields: Fields = serde_json::from_slice(body).map_err(|why| why.to_string())?;
        let Some(list) = fields.get(&settings.items_field) else {
            return Err(format!("it has no field `{}`", settings.items_field));
        };
        let list: Vec<&RawValue> =
            serde_json::from_str(list.get()).map_err(|why| format!("`{}`: {why}", settings.items_field))?;
        let item = |(index, item): (usize, &&RawValue)| {
            let key = key(item, settings.key_field.as_deref()).map_err(|why| format!("item {index}: {why}"))?;
            Ok((key, body.slice_ref(item.get().as_bytes())))
        };
        let items = list.iter().enumerate().map(item).collect::<Result<_, String>>()?;
        Ok(Page { items, next: next(&fields, &settings.next_field)?, size: body.len() })
    }
}

fn key(item: &RawValue, field: Option<&str>) -> Result<Payload, String> {
    let Some(field) = field else { return Ok(Payload::Null) };
    let fields: Fields = serde_json::from_str(item.get()).map_err(|why| why.to_string())?;
    match plain(fields.get(field).copied())? {
        Some(text) => Ok(Payload::text(text)),
        None => Err(format!("it has no field `{field}`, or null there")),
    }
}

fn next(fields: &Fields, field: &str) -> Result<Option<String>, String> {
    plain(fields.get(field).copied()).map_err(|why| format!("`{field}`: {why}"))
}

/// Text, a number or a boolean, as text; none for null.
fn plain(value: Option<&RawValue>) -> Result<Option<String>, String> {
    let Some(value) = value else { return Ok(None) };
    match serde_json::from_str(value.get()) {
        Ok(Json::Null) => Ok(None),
        Ok(Json::String(text)) => Ok(Some(text)),
        // As it was written: a large number must not lose digits.
        Ok(Json::Number(_) | Json::Bool(_)) => Ok(Some(value.get().to_owned())),
        Ok(_) => Err("an object or a list, where text or a number should be".to_owned()),
        Err(why) => Err(why.to_string()),
    }
}
