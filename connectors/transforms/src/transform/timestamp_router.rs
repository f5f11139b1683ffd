//! `TimestampRouter`: another topic, by the record's time.

use connector_api::config::{Check, Config, ConfigDef, ConfigKey, ConfigType, Importance};
use connector_api::{Fate, Result, Topic, TransformRecord};

use crate::class::Step;
use crate::java::date::Pattern;
use crate::keys;
use crate::refusal::Refusal;

pub(crate) struct TimestampRouter {
    pieces: Vec<Piece>,
    pattern: Pattern,
    /// The time of the record at hand, printed.
    time: String,
    last: Option<Last>,
}

/// What the last record led to: mostly the next one is of the same topic and day.
struct Last {
    from: Topic,
    time: String,
    to: Topic,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Topic,
    Time,
}

impl Step for TimestampRouter {
    const CLASS: &'static str = "org.apache.kafka.connect.transforms.TimestampRouter";
    const DOC: &'static str = "Puts the record's timestamp into its topic.";

    fn keys() -> ConfigDef {
        let text = |name, preset: &'static str| {
            ConfigKey::preset(name, ConfigType::String, preset).importance(Importance::High)
        };
        ConfigDef::new()
            .key(
                text("topic.format", "${topic}-${timestamp}")
                    .doc("The new topic; `${topic}` and `${timestamp}` are filled in."),
            )
            .key(
                text("timestamp.format", "yyyyMMdd")
                    .check(Check::By(Pattern::check))
                    .doc("The pattern of the timestamp, as in Java's `SimpleDateFormat`, in UTC and English."),
            )
    }

    fn new(config: &Config) -> Result<TimestampRouter> {
        let pattern = Pattern::new(config.text("timestamp.format"));
        let pattern = pattern.map_err(|why| keys::wrong("timestamp.format", why))?;
        Ok(TimestampRouter { pieces: pieces(config.text("topic.format")), pattern, time: String::new(), last: None })
    }

    fn take(&mut self, record: &mut TransformRecord) -> Result<Fate, Refusal> {
        let Some(millis) = record.timestamp else {
            return Err(Refusal::new("it has no timestamp").remedy("Use a predicate to pass such records by."));
        };
        self.time.clear();
        if !self.pattern.print(millis, &mut self.time) {
            return Err(Refusal::new("its timestamp is out of the calendar"));
        }
        record.topic = self.topic(&record.topic);
        Ok(Fate::Keep)
    }
}

impl TimestampRouter {
    fn topic(&mut self, from: &Topic) -> Topic {
        match &self.last {
            Some(last) if last.from == *from && last.time == self.time => last.to.clone(),
            _ => {
                let parts = self.pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => text.as_str(),
                    Piece::Topic => from,
                    Piece::Time => &self.time,
                });
                let to: Topic = parts.collect::<String>().into();
                self.last = Some(Last { from: from.clone(), time: self.time.clone(), to: to.clone() });
                to
            }
        }
    }
}

fn pieces(format: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        let (piece, length) = match after {
            _ if after.starts_with("${topic}") => (Piece::Topic, "${topic}".len()),
            _ if after.starts_with("${timestamp}") => (Piece::Time, "${timestamp}".len()),
            _ => (Piece::Text("${".to_owned()), 2),
        };
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(piece);
        rest = after.get(length..).unwrap_or("");
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}
