//! Which objects a file becomes, and in which formats.

use connector_api::config::Config;
use connector_api::data::Format;
use connector_api::{Error, Formats, Result};

use super::checks::simple;
use crate::file::{AvroCodec, Codec, Output, ParquetCodec, ParquetSettings, Shape, Side};

/// A class of formats, by the last part of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Json,
    Bytes,
    Avro,
    Parquet,
}

fn class(config: &Config, key: &str) -> Class {
    match simple(config.text(key)) {
        "ByteArrayFormat" => Class::Bytes,
        "AvroFormat" => Class::Avro,
        "ParquetFormat" => Class::Parquet,
        _ => Class::Json,
    }
}

fn format_key(side: Side) -> &'static str {
    match side {
        Side::Values => "format.class",
        Side::Keys => "keys.format.class",
        Side::Headers => "headers.format.class",
    }
}

/// Whether values have fields that can be read.
pub(super) fn has_fields(config: &Config) -> bool {
    class(config, "format.class") != Class::Bytes
}

/// In which form values and keys are wanted.
pub(crate) fn formats(config: &Config) -> Formats {
    let format = |side| match class(config, format_key(side)) {
        Class::Json => Format::Json,
        Class::Bytes => Format::Bytes,
        Class::Avro | Class::Parquet => Format::Structured,
    };
    let key = if config.boolean("store.kafka.keys") { format(Side::Keys) } else { Format::Bytes };
    Formats { key, value: format(Side::Values) }
}

/// The objects that each file becomes: the values first.
pub(super) fn outputs(config: &Config) -> Result<Vec<Output>> {
    let mut sides = vec![Side::Values];
    sides.extend(config.boolean("store.kafka.keys").then_some(Side::Keys));
    sides.extend(config.boolean("store.kafka.headers").then_some(Side::Headers));
    sides.into_iter().map(|side| output(config, side)).collect()
}

fn output(config: &Config, side: Side) -> Result<Output> {
    let codec = codec(config)?;
    let compressed = match codec {
        Codec::None => "",
        Codec::Gzip(_) => ".gz",
        Codec::Zstd(_) => ".zst",
    };
    let (shape, ending) = match class(config, format_key(side)) {
        Class::Json => (Shape::JsonLines(codec), format!(".json{compressed}")),
        Class::Bytes => {
            let ending = format!("{}{compressed}", config.text("format.bytearray.extension"));
            (Shape::Bytes(separator(config), codec), ending)
        }
        Class::Avro => (Shape::Avro(avro_codec(config)), ".avro".to_owned()),
        Class::Parquet => {
            let (codec, name) = parquet_codec(config);
            let envelope = match side {
                Side::Values => None,
                Side::Keys => Some(("RecordKey", "key")),
                Side::Headers => Some(("RecordHeaders", "headers")),
            };
            let group = config.count("parquet.row.group.bytes");
            (Shape::Parquet(ParquetSettings { codec, group, envelope }), format!("{name}.parquet"))
        }
    };
    let side_ending = match side {
        Side::Values => "",
        Side::Keys => ".keys",
        Side::Headers => ".headers",
    };
    Ok(Output { side, shape, ending: format!("{side_ending}{ending}") })
}

fn avro_codec(config: &Config) -> AvroCodec {
    match config.text("avro.codec").to_ascii_lowercase().as_str() {
        "deflate" => AvroCodec::Deflate,
        "snappy" => AvroCodec::Snappy,
        "zstandard" => AvroCodec::Zstandard,
        _ => AvroCodec::Null,
    }
}

fn parquet_codec(config: &Config) -> (ParquetCodec, &'static str) {
    match config.text("parquet.codec").to_ascii_lowercase().as_str() {
        "gzip" => (ParquetCodec::Gzip, ".gz"),
        "lz4" => (ParquetCodec::Lz4, ".lz4"),
        "zstd" => (ParquetCodec::Zstd, ".zstd"),
        "snappy" => (ParquetCodec::Snappy, ".snappy"),
        _ => (ParquetCodec::None, ""),
    }
}

fn separator(config: &Config) -> Vec<u8> {
    // Spaces around a value do not count elsewhere; a separator may be made of them.
    let written = config.raw().get("format.bytearray.separator").map_or("\\n", String::as_str);
    let plain = written.replace("\\\\", "\0").replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t");
    plain.replace('\0', "\\").into_bytes()
}

fn codec(config: &Config) -> Result<Codec> {
    let level = config.number("s3.compression.level").unwrap_or(-1);
    let within = |low: i64, high: i64, preset: i64| match level {
        -1 => Ok(preset),
        level if (low..=high).contains(&level) => Ok(level),
        _ => Err(Error::bad_config(
            "s3.compression.level",
            format!("`s3.compression.level` is {level}, but must be from {low} to {high} here, or -1."),
        )),
    };
    Ok(match config.text("s3.compression.type").to_ascii_lowercase().as_str() {
        "gzip" => Codec::Gzip(u32::try_from(within(0, 9, 6)?).unwrap_or(6)),
        "zstd" => Codec::Zstd(i32::try_from(within(1, 22, 3)?).unwrap_or(3)),
        _ => Codec::None,
    })
}
