//! The transforms, one file each.

mod cast;
mod drop_headers;
mod extract_field;
mod filter;
mod flatten;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod mask_field;
mod regex_router;
mod replace_field;
mod set_schema_metadata;
mod timestamp_converter;
mod timestamp_router;
mod value_to_key;

pub(crate) use cast::Cast;
pub(crate) use drop_headers::DropHeaders;
pub(crate) use extract_field::ExtractField;
pub(crate) use filter::Filter;
pub(crate) use flatten::Flatten;
pub(crate) use header_from::HeaderFrom;
pub(crate) use hoist_field::HoistField;
pub(crate) use insert_field::InsertField;
pub(crate) use insert_header::InsertHeader;
pub(crate) use mask_field::MaskField;
pub(crate) use regex_router::RegexRouter;
pub(crate) use replace_field::ReplaceField;
pub(crate) use set_schema_metadata::SetSchemaMetadata;
pub(crate) use timestamp_converter::TimestampConverter;
pub(crate) use timestamp_router::TimestampRouter;
pub(crate) use value_to_key::ValueToKey;
