//! Kafka Connect's schemas as Parquet's, lists and maps in the three levels of the format's own rules.

use std::sync::Arc;

use ::parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::schema::types::Type;
use connector_api::data::{Field, Kind, Schema, logical};

use crate::file::avro::precision;

/// The schema of a file whose records are structs of that schema. The error says what Parquet cannot hold.
pub(super) fn message(schema: &Schema) -> Result<Type, String> {
    let name = schema.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("ConnectDefault");
    built(Type::group_type_builder(name).with_fields(fields(schema.fields())?).build())
}

fn fields(fields: &[Field]) -> Result<Vec<Arc<Type>>, String> {
    if fields.is_empty() {
        return Err("a struct without fields has no columns".to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = fields.iter().find(|field| !seen.insert(&field.name)) {
        return Err(format!("it has two fields `{}`", twice.name));
    }
    fields.iter().map(|field| of(&field.name, &field.schema)).collect()
}

fn of(name: &str, schema: &Schema) -> Result<Arc<Type>, String> {
    let repetition = if schema.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let group = |fields| Type::group_type_builder(name).with_repetition(repetition).with_fields(fields);
    let built = match &schema.kind {
        Kind::Struct(inner) => built(group(fields(inner)?).build()),
        Kind::Array(item) => {
            let list = repeated("list", vec![of("element", item)?])?;
            let whole = group(vec![list]).with_logical_type(Some(LogicalType::List));
            built(whole.with_converted_type(ConvertedType::LIST).build())
        }
        Kind::Map(key, value) => {
            if key.optional {
                return Err(format!("keys of the map `{name}` may be nothing"));
            }
            let entries = repeated("key_value", vec![of("key", key)?, of("value", value)?])?;
            let whole = group(vec![entries]).with_logical_type(Some(LogicalType::Map));
            built(whole.with_converted_type(ConvertedType::MAP).build())
        }
        _ => single(name, schema, repetition),
    };
    Ok(Arc::new(built?))
}

fn repeated(name: &str, fields: Vec<Arc<Type>>) -> Result<Arc<Type>, String> {
    let group = Type::group_type_builder(name).with_repetition(Repetition::REPEATED).with_fields(fields);
    Ok(Arc::new(built(group.build())?))
}

fn single(name: &str, schema: &Schema, repetition: Repetition) -> Result<Type, String> {
    let (physical, meaning) = match (&schema.kind, schema.name.as_deref()) {
        (Kind::Boolean, _) => (Physical::BOOLEAN, None),
        (Kind::Int32, Some(logical::DATE)) => (Physical::INT32, Some(LogicalType::Date)),
        (Kind::Int32, Some(logical::TIME)) => (Physical::INT32, Some(LogicalType::time(true, TimeUnit::MILLIS))),
        (Kind::Int64, Some(logical::TIMESTAMP)) => {
            (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
        }
        (Kind::Int64, _) => (Physical::INT64, None),
        (Kind::Float32, _) => (Physical::FLOAT, None),
        (Kind::Float64, _) => (Physical::DOUBLE, None),
        (Kind::String, _) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        (Kind::Bytes, Some(logical::DECIMAL)) => {
            let (scale, precision) = (signed(schema.scale())?, signed(precision(schema))?);
            (Physical::BYTE_ARRAY, Some(LogicalType::decimal(scale, precision)))
        }
        (Kind::Bytes, _) => (Physical::BYTE_ARRAY, None),
        _ => (Physical::INT32, None),
    };
    let mut column = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    if let Some(LogicalType::Decimal(decimal)) = &meaning {
        column = column.with_scale(decimal.scale).with_precision(decimal.precision);
    }
    built(column.with_logical_type(meaning).build())
}

fn signed(number: u32) -> Result<i32, String> {
    i32::try_from(number).map_err(|_| "a decimal has too many places".to_owned())
}

fn built(kind: Result<Type, ::parquet::errors::ParquetError>) -> Result<Type, String> {
    kind.map_err(|why| why.to_string())
}
