//! The converters that are built in.

use connector_api::config::ConfigDef;
use connector_api::{Definition, Export};

use super::bytes::ByteArrayConverter;
use super::json::JsonConverterPlugin;
use super::number::{NumberConverter, NumberKind};
use super::string::{SimpleHeaderConverter, StringConverterPlugin};

/// All of them.
pub fn builtin() -> Vec<Export> {
    let numbers = [
        NumberKind::Short,
        NumberKind::Integer,
        NumberKind::Long,
        NumberKind::Float,
        NumberKind::Double,
        NumberKind::Boolean,
    ];
    let mut all = vec![
        Export::converter(JsonConverterPlugin),
        Export::converter(StringConverterPlugin),
        Export::converter(SimpleHeaderConverter),
        Export::converter(ByteArrayConverter),
    ];
    all.extend(numbers.map(|kind| Export::converter(NumberConverter(kind))));
    all
}

/// Of a converter of this worker.
pub(super) fn built_in(class: &'static str, doc: &'static str, config: ConfigDef) -> Definition {
    Definition { class, aliases: &[], version: env!("CARGO_PKG_VERSION"), doc, config }
}
