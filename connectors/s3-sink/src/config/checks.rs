//! What values must be beyond their types. Each error completes the sentence "the value of `key` is wrong: ...".

use aws_sdk_s3::types::ObjectCannedAcl;
use jiff::tz::TimeZone;

use crate::layout::Pattern;

/// The last part of a class name.
pub(super) fn simple(class: &str) -> &str {
    class.trim().rsplit(['.', '$']).next().unwrap_or_default()
}

pub(super) fn bucket(name: &str) -> Result<(), String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let name = name.trim();
    if (3..=63).contains(&name.len()) && name.bytes().all(good) {
        return Ok(());
    }
    Err("it must be 3 to 63 letters, digits, `.`, `-` or `_`".into())
}

/// For what goes into the head of a request.
pub(super) fn plain(text: &str) -> Result<(), String> {
    const LONGEST: usize = 8192;
    if text.len() <= LONGEST && text.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(format!("it must be at most {LONGEST} letters, digits and signs, without spaces between them"))
}

pub(super) fn region(text: &str) -> Result<(), String> {
    let good = text.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if good && (1..=63).contains(&text.trim().len()) {
        return Ok(());
    }
    Err("it must be a region such as `eu-central-1`".into())
}

pub(super) fn url(text: &str) -> Result<(), String> {
    let rest = text.trim().strip_prefix("http://").or_else(|| text.trim().strip_prefix("https://"));
    let host = rest.map(|rest| rest.trim_end_matches('/')).filter(|host| !host.is_empty());
    let plain = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]/".contains(&byte));
    if host.is_some_and(plain) { Ok(()) } else { Err("it must be `http://host:port` or `https://host:port`".into()) }
}

pub(super) fn encryption(text: &str) -> Result<(), String> {
    match text.trim() {
        "" | "AES256" | "aws:kms" => Ok(()),
        _ => Err("it must be `AES256` or `aws:kms`; keys of one's own (SSE-C) are not offered".into()),
    }
}

pub(super) fn acl(text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() || ObjectCannedAcl::values().contains(&text) {
        return Ok(());
    }
    Err(format!("it must be one of `{}`", ObjectCannedAcl::values().join("`, `")))
}

pub(super) fn partitioner(class: &str) -> Result<(), String> {
    match simple(class) {
        "DefaultPartitioner"
        | "FieldPartitioner"
        | "TimeBasedPartitioner"
        | "HourlyPartitioner"
        | "DailyPartitioner" => Ok(()),
        _ => {
            Err("it must be `DefaultPartitioner`, `FieldPartitioner`, `TimeBasedPartitioner`, `HourlyPartitioner` or \
                  `DailyPartitioner`; Java classes cannot be loaded"
                .into())
        }
    }
}

pub(super) fn path_format(text: &str) -> Result<(), String> {
    Pattern::check(text.trim())
}

pub(super) fn locale(text: &str) -> Result<(), String> {
    match text.trim().split(['-', '_']).next() {
        Some(language) if language.eq_ignore_ascii_case("en") || language.is_empty() => Ok(()),
        _ => Err("names of months are English; set `en-US`, and months as numbers where that does not do".into()),
    }
}

pub(super) fn zone(text: &str) -> Result<(), String> {
    TimeZone::get(text.trim()).map(|_| ()).map_err(|_| "it must be a time zone such as `Europe/Berlin` or `UTC`".into())
}

pub(super) fn extractor(class: &str) -> Result<(), String> {
    match simple(class) {
        "Record" | "RecordField" | "Wallclock" => Ok(()),
        _ => Err("it must be `Record`, `RecordField` or `Wallclock`".into()),
    }
}

pub(super) fn millis_or_off(text: &str) -> Result<(), String> {
    match text.trim().parse::<i64>() {
        Ok(-1) => Ok(()),
        Ok(millis) if millis > 0 => Ok(()),
        _ => Err("it must be milliseconds above 0, or -1 for never".into()),
    }
}

pub(super) fn format(class: &str) -> Result<(), String> {
    match simple(class) {
        "JsonFormat" | "ByteArrayFormat" | "AvroFormat" | "ParquetFormat" => Ok(()),
        _ => Err("it must be `JsonFormat`, `AvroFormat`, `ParquetFormat` or `ByteArrayFormat`".into()),
    }
}

pub(super) fn headers_format(class: &str) -> Result<(), String> {
    match simple(class) {
        "JsonFormat" | "AvroFormat" | "ParquetFormat" => Ok(()),
        _ => Err("it must be `JsonFormat`, `AvroFormat` or `ParquetFormat`".into()),
    }
}

pub(super) fn avro_codec(name: &str) -> Result<(), String> {
    match name.trim().to_ascii_lowercase().as_str() {
        "null" | "deflate" | "snappy" | "zstandard" => Ok(()),
        "bzip2" => Err("bzip2 is not offered; set `deflate` or `zstandard`".into()),
        _ => Err("it must be `null`, `deflate`, `snappy` or `zstandard`".into()),
    }
}

pub(super) fn parquet_codec(name: &str) -> Result<(), String> {
    match name.trim().to_ascii_lowercase().as_str() {
        "none" | "snappy" | "gzip" | "lz4" | "zstd" => Ok(()),
        "brotli" | "lzo" => Err("brotli and lzo are not offered; set `zstd` or `snappy`".into()),
        _ => Err("it must be `none`, `snappy`, `gzip`, `lz4` or `zstd`".into()),
    }
}

pub(super) fn null_values(text: &str) -> Result<(), String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "fail" | "ignore" => Ok(()),
        "write" => Err("records without a value cannot be written here; set `ignore` or `fail`".into()),
        _ => Err("it must be `fail` or `ignore`".into()),
    }
}

pub(super) fn credentials_class(class: &str) -> Result<(), String> {
    match simple(class) {
        "" | "DefaultAWSCredentialsProviderChain" => Ok(()),
        _ => Err("Java classes cannot be loaded; leave it out, and set keys, `aws.profile` or the environment".into()),
    }
}

fn refuse(text: &str, why: &str) -> Result<(), String> {
    if text.trim().is_empty() { Ok(()) } else { Err(why.to_owned()) }
}

pub(super) fn refuse_provider(text: &str) -> Result<(), String> {
    refuse(text, "providers have no settings here; a role to assume is set in a profile, which `aws.profile` names")
}

pub(super) fn refuse_customer_key(text: &str) -> Result<(), String> {
    refuse(text, "keys of one's own (SSE-C) are not offered; set `s3.ssea.name` to `aws:kms`")
}

pub(super) fn refuse_proxy(text: &str) -> Result<(), String> {
    refuse(text, "proxies are not offered; set `store.url` to a way that needs none")
}
