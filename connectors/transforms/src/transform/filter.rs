//! `Filter`: records go.

use connector_api::config::{Config, ConfigDef};
use connector_api::{Fate, Result, TransformRecord};

use crate::class::Step;
use crate::refusal::Refusal;

pub(crate) struct Filter;

impl Step for Filter {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.Filter";
    const DOC: &'static str = "Drops records: all that it sees, so it is used with a predicate.";

    fn keys() -> ConfigDef {
        ConfigDef::new()
    }

    fn new(_config: &Config) -> Result<Filter> {
        Ok(Filter)
    }

    fn take(&mut self, _record: &mut TransformRecord) -> Result<Fate, Refusal> {
        Ok(Fate::Drop)
    }
}
