//! Which schema and which decoder a column's type gets. The choice follows Debezium's type mapping.

use std::sync::Arc;

use connector_api::data::{Field, Kind, Schema, logical};

use super::Decoder;
use super::geometry::Shape;
use super::time::{DateForm, TimeForm, TimestampForm};
use crate::catalog::pg_type::{TypeKind, Types, id};
use crate::config::modes::{BinaryMode, DecimalMode, Modes, TimeMode};

/// What a column becomes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The schema of its field.
    pub schema: Arc<Schema>,
    /// How its text is read.
    pub decoder: Decoder,
}

/// Kafka Connect's name of a decimal's number of digits in schemas.
const PRECISION: &str = "connect.decimal.precision";

/// Plans a column. `None` if no form for its type is known and unknown types are left out.
pub fn plan(types: &Types, type_id: u32, modifier: i32, optional: bool, modes: &Modes) -> Option<Plan> {
    let planner = Planner { types, modes };
    let (base, modifier) = types.resolve(type_id, modifier);
    planner.known(base, modifier, optional).or_else(|| modes.include_unknown.then(|| planner.unknown(base, optional)))
}

struct Planner<'a> {
    types: &'a Types,
    modes: &'a Modes,
}

/// Puts a schema and its decoder together.
fn done(schema: Schema, optional: bool, decoder: impl FnOnce(Arc<Schema>) -> Decoder) -> Plan {
    let schema = Arc::new(if optional { schema.optional() } else { schema });
    Plan { decoder: decoder(schema.clone()), schema }
}

fn named(kind: Kind, name: &str) -> Schema {
    Schema::new(kind).named(name).version(1)
}

/// The schema of numbers that bring their own scale.
pub fn variable_decimal() -> Schema {
    let fields = vec![Field::new("scale", Schema::new(Kind::Int32)), Field::new("value", Schema::new(Kind::Bytes))];
    let schema = Schema::structure(fields).named("io.debezium.data.VariableScaleDecimal").version(1);
    schema.doc("Variable scaled decimal")
}

impl Planner<'_> {
    fn known(&self, type_id: u32, modifier: i32, optional: bool) -> Option<Plan> {
        let plain = |kind, decoder| Some(done(Schema::new(kind), optional, |_| decoder));
        let text = |name: &str| Some(done(named(Kind::String, name), optional, |_| Decoder::Text));
        match type_id {
            id::BOOL => plain(Kind::Boolean, Decoder::Boolean),
            id::INT2 => plain(Kind::Int16, Decoder::Int16),
            id::INT4 => plain(Kind::Int32, Decoder::Int32),
            id::INT8 | id::OID => plain(Kind::Int64, Decoder::Int64),
            id::FLOAT4 => plain(Kind::Float32, Decoder::Float32),
            id::FLOAT8 => plain(Kind::Float64, Decoder::Float64),
            id::TEXT | id::VARCHAR | id::BPCHAR | id::CHAR | id::NAME | id::INET | id::CIDR => {
                plain(Kind::String, Decoder::Text)
            }
            id::MACADDR
            | id::MACADDR8
            | id::INT4RANGE
            | id::INT8RANGE
            | id::NUMRANGE
            | id::TSRANGE
            | id::TSTZRANGE
            | id::DATERANGE => plain(Kind::String, Decoder::Text),
            id::UUID => text("io.debezium.data.Uuid"),
            id::JSON | id::JSONB => text("io.debezium.data.Json"),
            id::XML => text("io.debezium.data.Xml"),
            id::TSVECTOR => text("io.debezium.data.Tsvector"),
            id::NUMERIC => Some(self.numeric(modifier, optional)),
            id::MONEY => Some(self.money(optional)),
            id::DATE => Some(self.date(optional)),
            id::TIME => Some(self.time(modifier, optional)),
            id::TIMESTAMP => Some(self.timestamp(modifier, optional)),
            id::TIMESTAMPTZ => {
                let digits = precision(modifier);
                let schema = named(Kind::String, "io.debezium.time.ZonedTimestamp");
                Some(done(schema, optional, |_| Decoder::ZonedTimestamp(digits)))
            }
            id::TIMETZ => {
                Some(done(named(Kind::String, "io.debezium.time.ZonedTime"), optional, |_| Decoder::ZonedTime))
            }
            id::INTERVAL => Some(self.interval(optional)),
            id::BYTEA => {
                let mode = self.modes.binary;
                Some(done(binary_schema(mode), optional, |_| Decoder::Binary(mode)))
            }
            id::BIT | id::VARBIT => Some(bits(modifier, type_id == id::BIT, optional)),
            id::POINT => Some(shape(Shape::Point, optional)),
            id::BOX => Some(shape(Shape::Box, optional)),
            id::LSEG => Some(shape(Shape::Segment, optional)),
            id::PATH => Some(shape(Shape::Path, optional)),
            id::POLYGON => Some(shape(Shape::Polygon, optional)),
            id::CIRCLE => Some(shape(Shape::Circle, optional)),
            id::LINE => Some(shape(Shape::Line, optional)),
            _ => self.by_catalog(type_id, modifier, optional),
        }
    }

    /// Types that are told apart by what the catalog says: enums, arrays, and those of extensions by their names.
    fn by_catalog(&self, type_id: u32, modifier: i32, optional: bool) -> Option<Plan> {
        let info = self.types.get(type_id)?;
        match &info.kind {
            TypeKind::Enum(labels) => {
                let schema = named(Kind::String, "io.debezium.data.Enum").parameter("allowed", labels.join(","));
                Some(done(schema, optional, |_| Decoder::Text))
            }
            TypeKind::Array { element, delimiter } => {
                let element = self.element(*element, modifier)?;
                Some(array(element, *delimiter, optional))
            }
            TypeKind::Domain { .. } => None,
            TypeKind::Base => match info.name.as_str() {
                "citext" | "isbn" => Some(done(Schema::string(), optional, |_| Decoder::Text)),
                "ltree" => Some(done(named(Kind::String, "io.debezium.data.Ltree"), optional, |_| Decoder::Text)),
                "hstore" => Some(self.hstore(optional)),
                _ => None,
            },
        }
    }

    /// Elements of arrays, as far as Debezium knows them; the others count as unknown.
    fn element(&self, type_id: u32, modifier: i32) -> Option<Plan> {
        const LEFT_OUT: &[u32] = &[
            id::MONEY,
            id::NAME,
            id::INTERVAL,
            id::VARBIT,
            id::BIT,
            id::XML,
            id::POINT,
            id::LSEG,
            id::PATH,
            id::BOX,
            id::POLYGON,
            id::LINE,
            id::CIRCLE,
            id::TSVECTOR,
        ];
        let known = !LEFT_OUT.contains(&type_id) && self.types.get(type_id).is_none_or(|info| info.name != "isbn");
        if known { self.known(type_id, modifier, true) } else { None }
    }

    fn unknown(&self, type_id: u32, optional: bool) -> Plan {
        let mode = self.modes.binary;
        let element = |optional| done(binary_schema(mode), optional, |_| Decoder::TextAsBinary(mode));
        match self.types.get(type_id).map(|info| &info.kind) {
            Some(TypeKind::Array { delimiter, .. }) => array(element(true), *delimiter, optional),
            _ => element(optional),
        }
    }

    fn numeric(&self, modifier: i32, optional: bool) -> Plan {
        let declared = (modifier >= 4).then(|| ((modifier - 4) >> 16 & 0xffff, scale(modifier)));
        let digits = declared.map(|(_, scale)| scale);
        match (self.modes.decimal, declared) {
            (DecimalMode::Double, _) => done(Schema::new(Kind::Float64), optional, |_| Decoder::DecimalDouble),
            (DecimalMode::String, _) => done(Schema::string(), optional, |_| Decoder::DecimalText(digits)),
            (DecimalMode::Precise, None) => done(variable_decimal(), optional, Decoder::VariableDecimal),
            (DecimalMode::Precise, Some((precision, scale))) => {
                let schema = Schema::decimal(scale).parameter(PRECISION, precision.to_string());
                done(schema, optional, |_| Decoder::Decimal)
            }
        }
    }

    fn money(&self, optional: bool) -> Plan {
        let digits = self.modes.money_digits;
        let (schema, form) = match self.modes.decimal {
            DecimalMode::Double => (Schema::new(Kind::Float64), Decoder::DecimalDouble),
            DecimalMode::String => (Schema::string(), Decoder::DecimalText(Some(digits))),
            DecimalMode::Precise => (Schema::decimal(digits), Decoder::Decimal),
        };
        done(schema, optional, |_| Decoder::Money(Box::new(form), digits))
    }

    fn date(&self, optional: bool) -> Plan {
        let (schema, form) = match self.modes.time {
            TimeMode::Connect => (named(Kind::Int32, logical::DATE), DateForm::Days),
            TimeMode::IsoString => (named(Kind::String, "io.debezium.time.IsoDate"), DateForm::Iso),
            _ => (named(Kind::Int32, "io.debezium.time.Date"), DateForm::Days),
        };
        done(schema, optional, |_| Decoder::Date(form))
    }

    fn time(&self, modifier: i32, optional: bool) -> Plan {
        let (kind, name, form) = match self.modes.time {
            TimeMode::Connect => (Kind::Int32, logical::TIME, TimeForm::Millis),
            TimeMode::IsoString => (Kind::String, "io.debezium.time.IsoTime", TimeForm::Iso),
            TimeMode::Nanoseconds => (Kind::Int64, "io.debezium.time.NanoTime", TimeForm::Nanos),
            TimeMode::Adaptive if precision(modifier) <= 3 => (Kind::Int32, "io.debezium.time.Time", TimeForm::Millis),
            _ => (Kind::Int64, "io.debezium.time.MicroTime", TimeForm::Micros),
        };
        done(named(kind, name), optional, |_| Decoder::Time(form))
    }

    fn timestamp(&self, modifier: i32, optional: bool) -> Plan {
        let coarse = precision(modifier) <= 3;
        let (kind, name, form) = match self.modes.time {
            TimeMode::Connect => (Kind::Int64, logical::TIMESTAMP, TimestampForm::Millis),
            TimeMode::IsoString => (Kind::String, "io.debezium.time.IsoTimestamp", TimestampForm::Iso),
            TimeMode::Nanoseconds => (Kind::Int64, "io.debezium.time.NanoTimestamp", TimestampForm::Nanos),
            TimeMode::Adaptive | TimeMode::AdaptiveTimeMicroseconds if coarse => {
                (Kind::Int64, "io.debezium.time.Timestamp", TimestampForm::Millis)
            }
            _ => (Kind::Int64, "io.debezium.time.MicroTimestamp", TimestampForm::Micros),
        };
        done(named(kind, name), optional, |_| Decoder::Timestamp(form))
    }

    fn interval(&self, optional: bool) -> Plan {
        if self.modes.interval_text {
            done(named(Kind::String, "io.debezium.time.Interval"), optional, |_| Decoder::IntervalText)
        } else {
            done(named(Kind::Int64, "io.debezium.time.MicroDuration"), optional, |_| Decoder::IntervalMicros)
        }
    }

    fn hstore(&self, optional: bool) -> Plan {
        if self.modes.hstore_map {
            let (key, value) = (Arc::new(Schema::string()), Arc::new(Schema::string().optional()));
            done(Schema::new(Kind::Map(key, value)), optional, |_| Decoder::HstoreMap)
        } else {
            done(named(Kind::String, "io.debezium.data.Json"), optional, |_| Decoder::HstoreJson)
        }
    }
}

fn array(element: Plan, delimiter: u8, optional: bool) -> Plan {
    let Plan { schema, decoder } = element;
    done(Schema::new(Kind::Array(schema)), optional, |_| Decoder::Array(Box::new(decoder), delimiter))
}

fn shape(shape: Shape, optional: bool) -> Plan {
    done(shape.schema(), optional, |schema| Decoder::Geometry(shape, schema))
}

fn binary_schema(mode: BinaryMode) -> Schema {
    if mode == BinaryMode::Bytes { Schema::new(Kind::Bytes) } else { Schema::string() }
}

/// One bit is a boolean. `bit` without a length has one bit, `varbit` without one has no limit.
fn bits(modifier: i32, fixed: bool, optional: bool) -> Plan {
    let length = match modifier {
        1.. => modifier,
        _ if fixed => 1,
        _ => i32::MAX,
    };
    if length == 1 {
        return done(Schema::new(Kind::Boolean), optional, |_| Decoder::Bit);
    }
    let schema = named(Kind::Bytes, "io.debezium.data.Bits").parameter("length", length.to_string());
    done(schema, optional, |_| Decoder::Bits)
}

/// How many digits behind the second a column keeps; 6 where it does not say.
fn precision(modifier: i32) -> u32 {
    u32::try_from(modifier).unwrap_or(6).min(6)
}

/// The scale of a numeric column: 11 bits with a sign. Scales below zero are shown as 0, which loses nothing.
fn scale(modifier: i32) -> u32 {
    let scale = ((modifier - 4) & 0x7ff) as u32;
    if scale > 1023 { 0 } else { scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_modifiers_are_precision_and_scale() {
        let modifier = |precision: i32, scale: i32| (precision << 16 | scale & 0x7ff) + 4;
        assert_eq!(scale(modifier(10, 2)), 2);
        assert_eq!(scale(modifier(5, -2)), 0);
        assert_eq!(scale(modifier(1000, 1000)), 1000);
        assert_eq!((precision(-1), precision(0), precision(3)), (6, 0, 3));
    }
}
