//! `spec`: which fields become which types.

use connector_api::data::{Kind, Text};

/// The types that values can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
}

/// What is cast.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spec {
    /// The key or value as a whole.
    Whole(Target),
    /// Fields by their names.
    Fields(Vec<(Text, Target)>),
}

const TARGETS: [(&str, Target); 8] = [
    ("int8", Target::Int8),
    ("int16", Target::Int16),
    ("int32", Target::Int32),
    ("int64", Target::Int64),
    ("float32", Target::Float32),
    ("float64", Target::Float64),
    ("boolean", Target::Boolean),
    ("string", Target::String),
];

impl Target {
    fn named(name: &str) -> Result<Target, String> {
        let found = TARGETS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
        let names: Vec<&str> = TARGETS.iter().map(|(known, _)| *known).collect();
        found.map(|(_, target)| *target).ok_or_else(|| format!("`{name}` is none of the types {}", names.join(", ")))
    }

    /// Its name, as configurations write it.
    pub fn name(self) -> &'static str {
        TARGETS.iter().find(|(_, target)| *target == self).map_or("", |(name, _)| name)
    }

    /// The type in schemas.
    pub fn kind(self) -> Kind {
        match self {
            Target::Int8 => Kind::Int8,
            Target::Int16 => Kind::Int16,
            Target::Int32 => Kind::Int32,
            Target::Int64 => Kind::Int64,
            Target::Float32 => Kind::Float32,
            Target::Float64 => Kind::Float64,
            Target::Boolean => Kind::Boolean,
            Target::String => Kind::String,
        }
    }
}

impl Spec {
    /// Reads the items of the list. Of several for one field the last counts.
    pub fn read<'i>(items: impl Iterator<Item = &'i str>) -> Result<Spec, String> {
        let items: Vec<&str> = items.map(str::trim).filter(|item| !item.is_empty()).collect();
        let mut fields: Vec<(Text, Target)> = Vec::new();
        for item in &items {
            match item.split(':').collect::<Vec<_>>()[..] {
                [target] if items.len() == 1 => return Ok(Spec::Whole(Target::named(target)?)),
                [_] => return Err(format!("`{item}` names no field and is not alone")),
                [field, target] => {
                    let (field, target) = (Text::from(field.trim()), Target::named(target)?);
                    fields.retain(|(known, _)| *known != field);
                    fields.push((field, target));
                }
                _ => return Err(format!("`{item}` is no pair `field:type`")),
            }
        }
        if fields.is_empty() { Err("it must name at least one".to_owned()) } else { Ok(Spec::Fields(fields)) }
    }

    /// Whether a list can be read.
    pub fn check(text: &str) -> Result<(), String> {
        Spec::read(text.split(',')).map(|_| ())
    }
}
