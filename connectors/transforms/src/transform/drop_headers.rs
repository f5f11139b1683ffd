//! `DropHeaders`: headers go by name.

use connector_api::config::{Config, ConfigDef};
use connector_api::{Fate, Result, TransformRecord};

use crate::class::Step;
use crate::keys;
use crate::refusal::Refusal;

pub(crate) struct DropHeaders {
    names: Vec<String>,
}

impl Step for DropHeaders {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.DropHeaders";
    const DOC: &'static str = "Removes headers.";

    fn keys() -> ConfigDef {
        ConfigDef::new().key(keys::names("headers").doc("The names of the headers to remove."))
    }

    fn new(config: &Config) -> Result<DropHeaders> {
        Ok(DropHeaders { names: config.list("headers").to_vec() })
    }

    fn take(&mut self, record: &mut TransformRecord) -> Result<Fate, Refusal> {
        record.headers.retain(|header| !self.names.iter().any(|name| **name == *header.name));
        Ok(Fate::Keep)
    }
}
