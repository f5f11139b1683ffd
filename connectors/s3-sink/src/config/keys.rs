//! The keys: those of the original, each of which works, or says that it has no effect, or is refused where leaving it
//! out would change what the user gets; and a few of our own.

use connector_api::config::ConfigType::{Boolean, Class, Int, List, Long, Password, String as Text};
use connector_api::config::{Check, ConfigDef, ConfigKey, ConfigType, Importance, Width};

use super::{checks, tagging};

/// The largest object that rules may ask for, in bytes.
pub(super) const LARGEST: i64 = 40 * 1024 * 1024 * 1024;
/// The least size of a part that S3 takes, in bytes.
pub(crate) const LEAST_PART: usize = 5 * 1024 * 1024;

/// All keys.
pub(crate) fn definition() -> ConfigDef {
    store()
        .grouped("Store")
        .and(&layout().grouped("Folders and names"))
        .and(&cuts().grouped("Cuts"))
        .and(&content().grouped("Content"))
        .and(&limits().grouped("Limits"))
        .and(&elsewhere().grouped("Not here"))
}

fn store() -> ConfigDef {
    let bucket = ConfigKey::required("s3.bucket.name", Text)
        .check(Check::By(checks::bucket))
        .doc("The bucket. It must be there already.");
    ConfigDef::new()
        .key(bucket)
        .key(preset("s3.region", Text, "us-west-2", "The bucket's region.").check(Check::By(checks::region)))
        .key(optional("store.url", Text, "The address of another S3 server, such as `http://host:9000`; AWS if not set.")
            .check(Check::By(checks::url)).width(Width::Long))
        .key(preset("s3.path.style.access.enabled", Boolean, "true",
            "Whether the bucket is named in the path and not in the host name, for other servers than AWS."))
        .key(optional("aws.access.key.id", Text,
            "The access key. Without it: the environment, the profile, web identity, the container's or machine's role.")
            .check(Check::By(checks::plain)))
        .key(optional("aws.secret.access.key", Password, "The secret that belongs to `aws.access.key.id`.")
            .check(Check::By(checks::plain)))
        .key(optional("aws.session.token", Password, "The session token of temporary keys.").check(Check::By(checks::plain)))
        .key(optional("aws.profile", Text, "The profile in the shared AWS configuration files."))
        .key(optional("s3.ssea.name", Text, "Encryption on the server: `AES256` or `aws:kms`.")
            .check(Check::By(checks::encryption)))
        .key(optional("s3.sse.kms.key.id", Text, "The key of `aws:kms`.").check(Check::By(checks::plain)))
        .key(optional("s3.acl.canned", Text, "The canned ACL of objects, such as `bucket-owner-full-control`.")
            .check(Check::By(checks::acl)))
        .key(preset("s3.object.tagging", Boolean, "false",
            "Whether objects get the tags `startOffset`, `endOffset` and `recordCount`. They go with the upload; an object of \
             several parts, whose end is not known when it is begun, costs one request more."))
        .key(optional("s3.object.tagging.key.value.pairs", List, "Further tags, as `name:value`.")
            .check(Check::By(tagging::pairs)))
        .key(preset("s3.object.behavior.on.tagging.error", Text, "ignore",
            "What a server does that refuses tags: `ignore`: the object is stored without them, with a warning; `fail`: the \
             task fails.").check(Check::OneOf(&["ignore", "fail"])))
        .key(preset("s3.payload.signing", Text, "without.tls",
            "When signatures cover what objects hold: `without.tls`: only where nothing else protects it on its way; `always`; \
             `never`. A CRC32 goes with it in any case.").check(Check::OneOf(&["without.tls", "always", "never"])))
        .key(preset("s3.part.retries", Int, "3",
            "How often the client repeats a request by itself before the task reports trouble. The request is tried on.")
            .check(Check::Between(0, 20)))
        .key(preset("s3.retry.backoff.ms", Long, "200",
            "The first delay before a request is repeated, in milliseconds; it doubles up to 20 seconds.")
            .check(Check::Between(1, 20_000)))
        .key(preset("s3.request.timeout.ms", Long, "60000", "How long one try of a request may take, in milliseconds.")
            .check(Check::Between(100, 600_000)))
}

fn layout() -> ConfigDef {
    ConfigDef::new()
        .key(preset("topics.dir", Text, "topics", "The folder of all objects; empty for none."))
        .key(preset("directory.delim", Text, "/", "What stands between folders.").check(Check::NonEmpty))
        .key(preset("file.delim", Text, "+", "What stands between the parts of a file name."))
        .key(preset("filename.offset.zero.pad.width", Int, "10",
            "To how many digits the start offset is filled up with zeros.").check(Check::Between(0, 20)))
        .key(preset("partitioner.class", Class, "DefaultPartitioner",
            "How records are spread over folders: `DefaultPartitioner` (by partition), `FieldPartitioner`, \
             `TimeBasedPartitioner`, `HourlyPartitioner`, `DailyPartitioner`; the package before the name may stay away.")
            .check(Check::By(checks::partitioner)).width(Width::Long))
        .key(optional("partition.field.name", List,
            "For `FieldPartitioner`: fields of the value, with dots into inner ones. Each makes a folder `field=value`."))
        .key(optional("path.format", Text,
            "For `TimeBasedPartitioner`: the folder of a time, in y, M, d, D, H, m, s, S and quoted text. By default \
             `'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH`.").check(Check::By(checks::path_format)).width(Width::Long))
        .key(preset("partition.duration.ms", Long, "3600000",
            "For `TimeBasedPartitioner`: times are cut down to whole durations of that many milliseconds.")
            .check(Check::AtLeast(1)))
        .key(preset("locale", Text, "en-US", "The language of month names.").check(Check::By(checks::locale)))
        .key(preset("timezone", Text, "UTC", "The time zone of folders and of `rotate.schedule.interval.ms`.")
            .check(Check::By(checks::zone)))
        .key(preset("timestamp.extractor", Class, "Record",
            "Where a record's time is from: `Record`, `RecordField`, or `Wallclock` (the original's default), which puts a \
             record elsewhere when it is read again and therefore needs `exactly.once` to be `false`.")
            .check(Check::By(checks::extractor)))
        .key(preset("timestamp.field", Text, "timestamp",
            "For `RecordField`: the field, in milliseconds since 1970 or ISO 8601.").check(Check::NonEmpty))
}

fn cuts() -> ConfigDef {
    ConfigDef::new()
        .key(optional("flush.size", Int, "A file ends after that many records.").check(Check::AtLeast(1))
            .importance(Importance::High))
        .key(optional("rotate.bytes", Long,
            "A file ends after that many bytes, before compression. 67108864 if `flush.size` is not set either.")
            .check(Check::Between(1, LARGEST)))
        .key(preset("rotate.interval.ms", Long, "-1",
            "A file ends before a record whose own time is that many milliseconds after the file's first; -1 for never.")
            .check(Check::By(checks::millis_or_off)))
        .key(preset("rotate.schedule.interval.ms", Long, "-1",
            "Files end when the clock passes a multiple of that many milliseconds, counted from midnight in `timezone`; -1 \
             for never. Looked at when records come and at the commit interval.").check(Check::By(checks::millis_or_off)))
        .key(preset("rotate.idle.ms", Long, "300000",
            "A file ends when no record came for that many milliseconds; -1 for never. Looked at when records come and at \
             the commit interval.").check(Check::By(checks::millis_or_off)))
        .key(preset("exactly.once", Boolean, "true",
            "Whether each record is stored exactly once, whatever happens. `false` needs no conditional writes and allows \
             `Wallclock`; after a crash some records are then stored twice."))
        .key(preset("journal.dir", Text, "_naru",
            "The folder of the journals: one small object for each topic partition says what is cut where, so that a \
             successor repeats the same cuts. Not written where cuts depend on the records alone.").check(Check::NonEmpty))
}

fn content() -> ConfigDef {
    ConfigDef::new()
        .key(preset("format.class", Class, "JsonFormat",
            "`JsonFormat` (one line for each record), `AvroFormat`, `ParquetFormat` (both need records with schemas) or \
             `ByteArrayFormat`; the package before the name may stay away.")
            .check(Check::By(checks::format)).width(Width::Long))
        .key(preset("store.kafka.keys", Boolean, "false",
            "Whether records' keys are stored beside the values, in the same order: in an object of the same name with \
             `.keys` before its ending. A record without a key is then rejected."))
        .key(preset("keys.format.class", Class, "AvroFormat", "The format of keys.")
            .check(Check::By(checks::format)).width(Width::Long))
        .key(preset("store.kafka.headers", Boolean, "false",
            "Whether records' headers are stored beside the values, in the same order: in an object of the same name with \
             `.headers` before its ending, each a list of `key` and `value` (as text). A record without headers is then \
             rejected."))
        .key(preset("headers.format.class", Class, "AvroFormat", "The format of headers; not `ByteArrayFormat`.")
            .check(Check::By(checks::headers_format)).width(Width::Long))
        .key(preset("avro.codec", Text, "null", "How blocks of Avro are compressed: `null`, `deflate`, `snappy`, `zstandard`.")
            .check(Check::By(checks::avro_codec)))
        .key(preset("parquet.codec", Text, "snappy",
            "How pages of Parquet are compressed: `none`, `snappy`, `gzip`, `lz4` (raw), `zstd`.")
            .check(Check::By(checks::parquet_codec)))
        .key(preset("parquet.row.group.bytes", Long, "16777216",
            "A row group of Parquet is written when its columns hold that many bytes, before encoding. They stay in memory \
             until then.").check(Check::Between(64 * 1024, 1024 * 1024 * 1024)))
        .key(preset("format.bytearray.extension", Text, ".bin", "What the names of `ByteArrayFormat` end in."))
        .key(optional("format.bytearray.separator", Text,
            "What follows each record of `ByteArrayFormat`; `\\n`, `\\r`, `\\t` and `\\\\` are known. A line end if not set."))
        .key(preset("s3.compression.type", Text, "none",
            "`none`, `gzip` or `zstd`, for `JsonFormat` and `ByteArrayFormat`.")
            .check(Check::OneOf(&["none", "gzip", "zstd"])))
        .key(preset("s3.compression.level", Int, "-1", "gzip: 0 to 9; zstd: 1 to 22; -1 for 6 and 3.")
            .check(Check::Between(-1, 22)))
        .key(preset("behavior.on.null.values", Text, "fail", "`fail`, or `ignore`: records without a value are left out.")
            .check(Check::By(checks::null_values)))
}

fn limits() -> ConfigDef {
    ConfigDef::new()
        .key(preset("s3.part.size", Int, "26214400",
            "The size of the parts of large objects, in bytes. What is smaller is one request.")
            .check(Check::Between(LEAST_PART as i64, 1024 * 1024 * 1024)))
        .key(preset("max.buffered.bytes", Long, "67108864",
            "How many bytes a task keeps of all its files, open and on their way. Beyond it parts are sent sooner (from 5 \
             MiB on) and the largest files are cut early. Where there is no journal, no file is cut early, and the limit is \
             5 MiB for each partition if that is more. All tasks of a worker together keep no more than its \
             `worker.memory.bytes`, and 5 MiB each.").check(Check::AtLeast(LEAST_PART as i64)))
        .key(preset("max.requests.in.flight", Int, "8", "How many uploads of a task are on their way at a time.")
            .check(Check::Between(1, 256)))
        .key(optional("rate.limit.requests.per.second", Long,
            "The most requests that each task sends in a second. Can be changed while tasks run.").check(Check::AtLeast(1)))
        .key(preset("journal.max.cuts", Int, "1000",
            "How many objects of a partition may be stored while an older file is open. Beyond it that file is cut.")
            .check(Check::Between(10, 100_000)))
}

fn elsewhere() -> ConfigDef {
    const NO_SCHEMAS: &str = "a record of another schema than the file's begins a new file";
    const AVRO: &str = "schemas are written one way";
    const BY_BYTES: &str = "memory is bounded by `max.buffered.bytes`";
    let only = |name, value: &'static str, values, why| preset(name, Text, value, "Not here.").only(values, why);
    ConfigDef::new()
        .key(optional("s3.sse.customer.key", Password, "Not here.").check(Check::By(checks::refuse_customer_key)))
        .key(
            optional("s3.credentials.provider.class", Class, "The default chain alone.")
                .check(Check::By(checks::credentials_class)),
        )
        .key(optional("s3.credentials.provider.*", Password, "Not here.").check(Check::By(checks::refuse_provider)))
        .key(only("s3.wan.mode", "false", &["false"], "accelerated end points are not offered; set `store.url`"))
        .key(optional("s3.proxy.url", Text, "Not here.").check(Check::By(checks::refuse_proxy)))
        .key(idle("s3.proxy.user", Text, "there is no proxy"))
        .key(optional("s3.proxy.password", Password, "").no_effect("there is no proxy"))
        .key(only("s3.schema.partition.affix.type", "NONE", &["NONE"], "folders do not name schemas"))
        .key(only("schema.compatibility", "NONE", &["NONE"], NO_SCHEMAS))
        .key(idle("schema.cache.size", Int, "an open file keeps its schema alone"))
        .key(idle("enhanced.avro.schema.support", Boolean, AVRO))
        .key(idle("connect.meta.data", Boolean, AVRO))
        .key(idle("schema.generator.class", Class, AVRO))
        .key(idle("allow.optional.map.keys", Boolean, "maps are written as their schema says"))
        .key(idle("storage.class", Class, "the store is S3"))
        .key(idle("retry.backoff.ms", Long, "the worker repeats and restarts by its own settings"))
        .key(idle("shutdown.timeout.ms", Long, "the worker bounds how long stopping takes"))
        .key(idle("s3.http.send.expect.continue", Boolean, "requests never wait for a `100 Continue`"))
        .key(idle("s3.elastic.buffer.enable", Boolean, BY_BYTES))
        .key(idle("s3.elastic.buffer.init.capacity", Int, BY_BYTES))
        .key(idle("max.open.files.per.partition", Int, BY_BYTES))
        .key(idle("send.digest", Boolean, "every request carries a CRC32 of its content"))
        .key(only("report.null.records.to.dlq", "false", &["false"], "set `behavior.on.null.values` to `fail` for it"))
        .key(idle("tombstone.encoded.partition", Text, "records without a value are not written"))
}

fn optional(name: &'static str, kind: ConfigType, doc: &'static str) -> ConfigKey {
    ConfigKey::optional(name, kind).doc(doc)
}

fn preset(name: &'static str, kind: ConfigType, value: &'static str, doc: &'static str) -> ConfigKey {
    ConfigKey::preset(name, kind, value).doc(doc)
}

fn idle(name: &'static str, kind: ConfigType, reason: &'static str) -> ConfigKey {
    ConfigKey::optional(name, kind).no_effect(reason).importance(Importance::Low)
}
