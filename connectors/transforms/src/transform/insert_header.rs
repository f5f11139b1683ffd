//! `InsertHeader`: a fixed header more.

use std::sync::Arc;

use connector_api::config::{Config, ConfigDef};
use connector_api::data::Payload;
use connector_api::{Fate, Header, Result, TransformRecord};

use crate::class::Step;
use crate::java::literal;
use crate::keys;
use crate::refusal::Refusal;

pub(crate) struct InsertHeader {
    name: Arc<str>,
    value: Payload,
}

impl Step for InsertHeader {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.InsertHeader";
    const DOC: &'static str = "Adds a header of the same value to each record.";

    fn keys() -> ConfigDef {
        ConfigDef::new().key(keys::text("header").doc("The name of the header.")).key(keys::text("value.literal").doc(
            "Its value. The type is inferred: `null`, `true`, `false`, the narrowest number, dates and times of ISO 8601, arrays and \
             maps like those of JSON; everything else is text.",
        ))
    }

    fn new(config: &Config) -> Result<InsertHeader> {
        let value = literal::parse(config.text("value.literal")).into_payload();
        Ok(InsertHeader { name: config.text("header").into(), value })
    }

    fn take(&mut self, record: &mut TransformRecord) -> Result<Fate, Refusal> {
        record.headers.push(Header { name: self.name.clone(), value: self.value.clone() });
        Ok(Fate::Keep)
    }
}
