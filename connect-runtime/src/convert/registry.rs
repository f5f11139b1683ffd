//! The converters that are built in, by their class names.

use connector_api::config::ConfigDef;
use connector_api::{ConverterPlugin, Error, Result};

use super::bytes::ByteArrayConverter;
use super::json::JsonConverterPlugin;
use super::number::{NumberConverter, NumberKind};
use super::string::StringConverterPlugin;

const ALL: &[&(dyn ConverterPlugin + 'static)] = &[
    &JsonConverterPlugin,
    &StringConverterPlugin,
    &ByteArrayConverter,
    &NumberConverter(NumberKind::Short),
    &NumberConverter(NumberKind::Integer),
    &NumberConverter(NumberKind::Long),
    &NumberConverter(NumberKind::Float),
    &NumberConverter(NumberKind::Double),
    &NumberConverter(NumberKind::Boolean),
];

/// Reads header values as text. Kafka Connect guesses a type from the text; here text stays text.
pub(crate) const SIMPLE_HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// The class names of all converters.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|plugin| plugin.class())
}

/// The converter of that class: the full name, the name without its package, or that name without `Converter`.
pub fn find_converter(class: &str) -> Result<&'static dyn ConverterPlugin> {
    if class == SIMPLE_HEADER_CONVERTER || class == "SimpleHeaderConverter" {
        return Ok(&StringConverterPlugin);
    }
    ALL.iter().copied().find(|plugin| answers_to(plugin.class(), class)).ok_or_else(|| {
        let known = names().map(|name| name.rsplit('.').next().unwrap_or(name)).collect::<Vec<_>>().join(", ");
        Error::fatal(format!("no converter has the class `{class}`")).remedy(format!("Known are: {known}."))
    })
}

fn answers_to(full: &str, asked: &str) -> bool {
    let simple = full.rsplit('.').next().unwrap_or(full);
    asked == full || asked == simple || simple.strip_suffix("Converter") == Some(asked)
}

/// The keys of the converter of that class; none if there is no such converter.
pub fn converter_keys(class: &str) -> ConfigDef {
    find_converter(class).map(ConverterPlugin::config).unwrap_or_default()
}
