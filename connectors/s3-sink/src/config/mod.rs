//! The keys, and what they mean.

mod checks;
mod keys;
mod outputs;
mod tagging;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use connector_api::config::{Config, Issue, Secret};
use connector_api::{Error, Result};
use jiff::tz::TimeZone;

pub(crate) use keys::{LEAST_PART, definition};
pub(crate) use outputs::formats;
pub(crate) use tagging::Tagging;

use crate::file::{Output, Rules};
use crate::layout::{HIVE_DAY, HIVE_HOUR, Names, Partitioner, Pattern, TimeSource};
use crate::store::Store;

/// What ends a file if the user says nothing about it: 64 MiB.
const BYTES: u64 = 64 * 1024 * 1024;
const HOUR: i64 = 3_600_000;

/// How to reach the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub bucket: String,
    pub region: String,
    pub url: Option<String>,
    pub path_style: bool,
    pub keys: Option<(String, Secret, Option<Secret>)>,
    pub profile: Option<String>,
    pub encryption: Option<String>,
    pub kms_key: Option<String>,
    pub acl: Option<String>,
    pub tagging: Option<Tagging>,
    pub signing: Signing,
    pub retries: u32,
    pub backoff: Duration,
    pub timeout: Duration,
}

/// `s3.payload.signing`: when signatures cover what objects hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    Always,
    Never,
    WithoutTls,
}

/// What the task follows.
#[derive(Debug)]
pub(crate) struct Settings {
    pub access: Access,
    pub names: Names,
    pub partitioner: Partitioner,
    /// Where the times that `rotate.interval.ms` compares are from.
    pub time: TimeSource,
    pub rules: Rules,
    /// What objects each file becomes: the values first.
    pub outputs: Arc<[Output]>,
    pub ignore_nulls: bool,
    pub exactly_once: bool,
    pub journal_dir: String,
    pub part_size: usize,
    pub buffered: usize,
    pub in_flight: usize,
    pub max_cuts: usize,
}

impl Settings {
    /// Whether cuts depend on more than the records of one file after another, so that they have to be written down.
    pub fn needs_journal(&self) -> bool {
        self.exactly_once && !(self.partitioner.is_single() && self.rules.are_deterministic())
    }
}

/// Reads the configuration; the errors name the key.
pub(crate) fn settings(config: &Config) -> Result<Settings> {
    let delimiter = config.text("directory.delim");
    let root = config.text("topics.dir");
    let names = Names {
        root: if root.is_empty() { String::new() } else { format!("{root}{delimiter}") },
        directory_delimiter: delimiter.to_owned(),
        file_delimiter: config.text("file.delim").to_owned(),
        pad: config.count("filename.offset.zero.pad.width"),
    };
    let time = time_source(config)?;
    Ok(Settings {
        access: access(config)?,
        names,
        partitioner: partitioner(config, &time)?,
        time,
        rules: rules(config)?,
        outputs: outputs::outputs(config)?.into(),
        ignore_nulls: config.text("behavior.on.null.values").eq_ignore_ascii_case("ignore"),
        exactly_once: config.boolean("exactly.once"),
        journal_dir: config.text("journal.dir").to_owned(),
        part_size: config.count("s3.part.size"),
        buffered: config.count("max.buffered.bytes"),
        in_flight: config.count("max.requests.in.flight"),
        max_cuts: config.count("journal.max.cuts"),
    })
}

/// What is wrong beyond single keys; last, whether the bucket can be reached.
pub(crate) async fn validate(config: &Config) -> Vec<Issue> {
    let mut issues = Vec::new();
    let settings = match settings(config) {
        Ok(settings) => settings,
        Err(error) => return vec![issue(error)],
    };
    if matches!(settings.partitioner, Partitioner::Time { .. }) && !config.raw().contains_key("timestamp.extractor") {
        let text = "`timestamp.extractor` is not set: records are placed by their own timestamps. (The original's default \
                    is the clock, which places a record elsewhere when it is read again.)";
        issues.push(Issue::warning("timestamp.extractor", text));
    }
    let store = Store::connect(&settings.access, None).await;
    const LIMIT: Duration = Duration::from_secs(10);
    match tokio::time::timeout(LIMIT, store.find_bucket()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => issues.push(issue(error)),
        Err(_) => {
            let place = settings.access.url.as_deref().unwrap_or("AWS");
            let text = format!("{place} has not answered within {} seconds.", LIMIT.as_secs());
            issues.push(Issue::error("s3.bucket.name", text));
        }
    }
    issues
}

fn issue(error: Error) -> Issue {
    match error.decision() {
        connector_api::Decision::BadConfig { key } => Issue::error(key.clone(), error.to_string()),
        _ => Issue::error("s3.bucket.name", error.to_string()),
    }
}

fn access(config: &Config) -> Result<Access> {
    let set = |key| config.optional(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let secret = config.password("aws.secret.access.key").filter(|secret| !secret.reveal().is_empty());
    let keys = match (set("aws.access.key.id"), secret) {
        (Some(id), Some(secret)) => Some((id, secret.clone(), config.password("aws.session.token").cloned())),
        (None, None) => None,
        (Some(_), None) => return Err(half("aws.secret.access.key", "aws.access.key.id")),
        (None, Some(_)) => return Err(half("aws.access.key.id", "aws.secret.access.key")),
    };
    Ok(Access {
        bucket: config.text("s3.bucket.name").to_owned(),
        region: config.text("s3.region").to_owned(),
        url: set("store.url"),
        path_style: config.boolean("s3.path.style.access.enabled"),
        keys,
        profile: set("aws.profile"),
        encryption: set("s3.ssea.name"),
        kms_key: set("s3.sse.kms.key.id"),
        acl: set("s3.acl.canned"),
        tagging: tagging::tagging(config),
        signing: match config.text("s3.payload.signing").to_ascii_lowercase().as_str() {
            "always" => Signing::Always,
            "never" => Signing::Never,
            _ => Signing::WithoutTls,
        },
        retries: config.number("s3.part.retries").and_then(|count| u32::try_from(count).ok()).unwrap_or(3),
        backoff: config.millis("s3.retry.backoff.ms"),
        timeout: config.millis("s3.request.timeout.ms"),
    })
}

fn half(missing: &str, other: &str) -> Error {
    Error::bad_config(missing, format!("`{missing}` is not set, but `{other}` is.")).remedy("Set both or none.")
}

fn time_source(config: &Config) -> Result<TimeSource> {
    let field = config.text("timestamp.field").to_owned();
    match checks::simple(config.text("timestamp.extractor")) {
        "RecordField" if !outputs::has_fields(config) => Err(needs_json("timestamp.extractor", "`RecordField`")),
        "RecordField" => Ok(TimeSource::Field(field)),
        "Wallclock" if config.boolean("exactly.once") => Err(Error::bad_config(
            "timestamp.extractor",
            "`Wallclock` puts a record elsewhere when it is read again, so no record could be promised exactly once",
        )
        .remedy("Set `Record` or `RecordField`, or `exactly.once` to `false`.")),
        "Wallclock" => Ok(TimeSource::WallClock),
        _ => Ok(TimeSource::Record),
    }
}

fn needs_json(key: &str, what: &str) -> Error {
    Error::bad_config(key, format!("{what} reads fields, which values of `ByteArrayFormat` do not have."))
        .remedy("Set `format.class` to `JsonFormat`, `AvroFormat` or `ParquetFormat`.")
}

fn partitioner(config: &Config, time: &TimeSource) -> Result<Partitioner> {
    let hive = |format: &str| {
        // The formats say `/` before text; the folders are made with the configured delimiter.
        format.replace("/'", &format!("'{}", config.text("directory.delim").replace('\'', "''")))
    };
    let timed = |format: String, duration: i64| {
        let zone = zone(config)?;
        let pattern = Pattern::new(&format, zone, duration);
        let pattern =
            pattern.map_err(|why| Error::bad_config("path.format", format!("`path.format` is wrong: {why}.")))?;
        Ok(Partitioner::Time { source: time.clone(), pattern })
    };
    match checks::simple(config.text("partitioner.class")) {
        "FieldPartitioner" if !outputs::has_fields(config) => {
            Err(needs_json("partitioner.class", "`FieldPartitioner`"))
        }
        "FieldPartitioner" => {
            let fields = config.list("partition.field.name").to_vec();
            if fields.is_empty() {
                let text = "`FieldPartitioner` needs `partition.field.name`, which is not set.";
                return Err(Error::bad_config("partition.field.name", text));
            }
            Ok(Partitioner::Field { fields, delimiter: config.text("directory.delim").to_owned() })
        }
        "HourlyPartitioner" => timed(hive(HIVE_HOUR), HOUR),
        "DailyPartitioner" => timed(hive(HIVE_DAY), 24 * HOUR),
        "TimeBasedPartitioner" => {
            let format = config.optional("path.format").map(str::to_owned).unwrap_or_else(|| hive(HIVE_HOUR));
            timed(format, config.number("partition.duration.ms").unwrap_or(HOUR))
        }
        _ => Ok(Partitioner::Default),
    }
}

fn zone(config: &Config) -> Result<TimeZone> {
    let name = config.text("timezone");
    TimeZone::get(name).map_err(|_| Error::bad_config("timezone", format!("`{name}` is no time zone.")))
}

fn rules(config: &Config) -> Result<Rules> {
    let positive = |key: &str| config.number(key).filter(|number| *number > 0);
    let records = positive("flush.size").map(i64::unsigned_abs);
    let largest = if records.is_some() { keys::LARGEST.unsigned_abs() } else { BYTES };
    Ok(Rules {
        records,
        bytes: positive("rotate.bytes").map_or(largest, i64::unsigned_abs),
        interval: positive("rotate.interval.ms"),
        schedule: positive("rotate.schedule.interval.ms"),
        idle: positive("rotate.idle.ms"),
        zone: zone(config)?,
    })
}
