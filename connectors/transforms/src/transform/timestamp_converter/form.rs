//! The forms that a moment can have.

use std::sync::Arc;

use connector_api::data::{Kind, Schema, Value, logical};

use crate::java::date::{Century, DAY, Pattern};
use crate::part::kind_of;

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As text of a pattern.
    Text,
    /// As a number since 1970 in a unit of the user's.
    Unix,
    /// As days since 1970.
    Date,
    /// As milliseconds of a day.
    Time,
    /// As milliseconds since 1970.
    Timestamp,
}

/// The unit of [`Form::Unix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

pub(super) const FORMS: [&str; 5] = ["string", "unix", "Date", "Time", "Timestamp"];
pub(super) const PRECISIONS: [&str; 4] = ["seconds", "milliseconds", "microseconds", "nanoseconds"];

/// What forms need to be read and written.
pub(super) struct Settings {
    pub pattern: Option<Pattern>,
    pub precision: Precision,
    pub century: Century,
}

impl Form {
    pub fn named(name: &str) -> Form {
        match name {
            "unix" => Form::Unix,
            "Date" => Form::Date,
            "Time" => Form::Time,
            "Timestamp" => Form::Timestamp,
            _ => Form::Text,
        }
    }

    /// The form that a schema tells of.
    pub fn of_schema(schema: &Schema) -> Option<Form> {
        match (schema.name.as_deref(), &schema.kind) {
            (Some(logical::TIMESTAMP), _) => Some(Form::Timestamp),
            (Some(logical::DATE), _) => Some(Form::Date),
            (Some(logical::TIME), _) => Some(Form::Time),
            (_, Kind::String) => Some(Form::Text),
            (_, Kind::Int64) => Some(Form::Unix),
            _ => None,
        }
    }

    /// The form of a value without a schema.
    pub fn of_value(value: &Value) -> Option<Form> {
        match value {
            Value::String(_) => Some(Form::Text),
            Value::Int64(_) => Some(Form::Unix),
            _ => None,
        }
    }

    /// The schema of values in that form.
    pub fn schema(self, optional: bool) -> Arc<Schema> {
        let schema = match self {
            Form::Text => Schema::string(),
            Form::Unix => Schema::new(Kind::Int64),
            Form::Date => Schema::new(Kind::Int32).named(logical::DATE).version(1),
            Form::Time => Schema::new(Kind::Int32).named(logical::TIME).version(1),
            Form::Timestamp => Schema::new(Kind::Int64).named(logical::TIMESTAMP).version(1),
        };
        Arc::new(Schema { optional, ..schema })
    }

    /// Milliseconds since 1970. The error goes on after "the field ...".
    pub fn read(self, value: &Value, settings: &Settings) -> Result<i64, String> {
        let millis = match (self, value) {
            (Form::Text, Value::String(text)) => {
                let pattern = settings.pattern.as_ref().ok_or("holds text, for which `format` is not set")?;
                return pattern
                    .parse(text, settings.century)
                    .ok_or_else(|| "holds text that does not follow `format`".to_owned());
            }
            (Form::Unix, Value::Int64(number)) => Some(settings.precision.to_millis(*number)),
            (Form::Date, Value::Int32(days)) => Some(i64::from(*days) * DAY),
            (Form::Time | Form::Timestamp, value) => value.as_i64(),
            _ => None,
        };
        millis.ok_or_else(|| format!("holds {}, which is no time", kind_of(value)))
    }

    /// A moment in that form. The error goes on after "the field ...".
    pub fn write(self, millis: i64, settings: &Settings) -> Result<Value, String> {
        let far = || "holds a time out of the calendar".to_owned();
        Ok(match self {
            Form::Text => {
                let mut text = String::new();
                let pattern = settings.pattern.as_ref().ok_or("needs `format` to become text")?;
                if !pattern.print(millis, &mut text) {
                    return Err(far());
                }
                Value::String(text.into())
            }
            Form::Unix => Value::Int64(settings.precision.of_millis(millis)),
            Form::Date => Value::Int32(i32::try_from(millis.div_euclid(DAY)).map_err(|_| far())?),
            Form::Time => Value::Int32(i32::try_from(millis.rem_euclid(DAY)).map_err(|_| far())?),
            Form::Timestamp => Value::Int64(millis),
        })
    }

    /// The same where no schema can tell days and times of day from other numbers: those are milliseconds since 1970 too.
    pub fn write_plain(self, millis: i64, settings: &Settings) -> Result<Value, String> {
        match self {
            Form::Date => Ok(Value::Int64(millis.div_euclid(DAY).saturating_mul(DAY))),
            Form::Time => Ok(Value::Int64(millis.rem_euclid(DAY))),
            form => form.write(millis, settings),
        }
    }
}

impl Precision {
    pub fn named(name: &str) -> Precision {
        match name {
            "seconds" => Precision::Seconds,
            "microseconds" => Precision::Microseconds,
            "nanoseconds" => Precision::Nanoseconds,
            _ => Precision::Milliseconds,
        }
    }

    /// Parts of a millisecond are lost; what is too large becomes the largest number.
    fn to_millis(self, number: i64) -> i64 {
        match self {
            Precision::Seconds => number.saturating_mul(1000),
            Precision::Milliseconds => number,
            Precision::Microseconds => number / 1000,
            Precision::Nanoseconds => number / 1_000_000,
        }
    }

    fn of_millis(self, millis: i64) -> i64 {
        match self {
            Precision::Seconds => millis / 1000,
            Precision::Milliseconds => millis,
            Precision::Microseconds => millis.saturating_mul(1000),
            Precision::Nanoseconds => millis.saturating_mul(1_000_000),
        }
    }
}
