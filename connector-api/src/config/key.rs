//! One key of a configuration.

use std::borrow::Cow;

/// How a value is written. The names are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean,
    /// Text.
    String,
    /// 32 bits, signed.
    Int,
    /// 16 bits, signed.
    Short,
    /// 64 bits, signed.
    Long,
    /// A decimal number.
    Double,
    /// Items with commas between them; spaces around an item do not count.
    List,
    /// The name of a class or one of its short names.
    Class,
    /// Text that is never shown.
    Password,
}

impl ConfigType {
    /// Kafka's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            ConfigType::Boolean => "BOOLEAN",
            ConfigType::String => "STRING",
            ConfigType::Int => "INT",
            ConfigType::Short => "SHORT",
            ConfigType::Long => "LONG",
            ConfigType::Double => "DOUBLE",
            ConfigType::List => "LIST",
            ConfigType::Class => "CLASS",
            ConfigType::Password => "PASSWORD",
        }
    }
}

/// How soon a user needs to know the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Nearly everybody sets it.
    High,
    /// Many set it.
    Medium,
    /// Few ever set it.
    Low,
}

impl Importance {
    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Importance::High => "HIGH",
            Importance::Medium => "MEDIUM",
            Importance::Low => "LOW",
        }
    }
}

/// How wide a form shows the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// No opinion.
    None,
    /// A number or a word.
    Short,
    /// A name.
    Medium,
    /// A list, a path, an address.
    Long,
}

impl Width {
    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Width::None => "NONE",
            Width::Short => "SHORT",
            Width::Medium => "MEDIUM",
            Width::Long => "LONG",
        }
    }
}

/// What holds where the user sets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The user must set it.
    Required,
    /// Nothing.
    Null,
    /// This value, written as a user would.
    Value(Cow<'static, str>),
}

/// What a value must be beyond its type.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Anything of the type.
    Any,
    /// Not empty.
    NonEmpty,
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A number from the first to the second, both allowed.
    Between(i64, i64),
    /// At least that number.
    AtLeast(i64),
    /// What the function says; its error completes the sentence "The value `value` of `key` is wrong: ...". The value of
    /// a password is left out of it. A value that only may hold a secret, such as an address with a password in it, is
    /// better checked in `validate`, whose messages are the connector's own.
    By(fn(&str) -> Result<(), String>),
}

/// Whether a known key does anything here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what its documentation says.
    Full,
    /// Known from elsewhere and taken, but without effect, for this reason.
    None(&'static str),
    /// Known from elsewhere; setting it to anything but these values is an error, since leaving it out would change
    /// what the user gets. The reason says what to do instead.
    Only(&'static [&'static str], &'static str),
}

/// A key: its name, type, default and documentation.
#[derive(Clone, Debug)]
pub struct ConfigKey {
    /// The name. A `*` stands for any text, for families of keys such as `topic.creation.*.partitions`.
    pub name: Cow<'static, str>,
    /// How the value is written.
    pub kind: ConfigType,
    /// What holds where the user sets nothing.
    pub preset: Preset,
    /// How soon a user needs to know it.
    pub importance: Importance,
    /// What it does, in a sentence or two, with unit and limits.
    pub doc: Cow<'static, str>,
    /// The group under which forms show it.
    pub group: Cow<'static, str>,
    /// How wide a form shows it.
    pub width: Width,
    /// The name that forms show; the key's name where empty.
    pub display_name: Cow<'static, str>,
    /// Keys that depend on this one.
    pub dependents: Vec<&'static str>,
    /// What the value must be.
    pub check: Check,
    /// Whether it does anything here.
    pub effect: Effect,
}

impl ConfigKey {
    /// A key that the user must set.
    pub fn required(name: impl Into<Cow<'static, str>>, kind: ConfigType) -> ConfigKey {
        ConfigKey::with_preset(name, kind, Preset::Required).importance(Importance::High)
    }

    /// A key that may be left out.
    pub fn optional(name: impl Into<Cow<'static, str>>, kind: ConfigType) -> ConfigKey {
        ConfigKey::with_preset(name, kind, Preset::Null)
    }

    /// A key with a default.
    pub fn preset(
        name: impl Into<Cow<'static, str>>,
        kind: ConfigType,
        value: impl Into<Cow<'static, str>>,
    ) -> ConfigKey {
        ConfigKey::with_preset(name, kind, Preset::Value(value.into()))
    }

    fn with_preset(name: impl Into<Cow<'static, str>>, kind: ConfigType, preset: Preset) -> ConfigKey {
        ConfigKey {
            name: name.into(),
            kind,
            preset,
            importance: Importance::Medium,
            doc: "".into(),
            group: "".into(),
            width: Width::Medium,
            display_name: "".into(),
            dependents: Vec::new(),
            check: Check::Any,
            effect: Effect::Full,
        }
    }

    /// The same with its documentation.
    pub fn doc(mut self, doc: impl Into<Cow<'static, str>>) -> ConfigKey {
        self.doc = doc.into();
        self
    }

    /// The same with another importance.
    pub fn importance(mut self, importance: Importance) -> ConfigKey {
        self.importance = importance;
        self
    }

    /// The same in a group.
    pub fn group(mut self, group: impl Into<Cow<'static, str>>) -> ConfigKey {
        self.group = group.into();
        self
    }

    /// The same with another width.
    pub fn width(mut self, width: Width) -> ConfigKey {
        self.width = width;
        self
    }

    /// The same with a name for forms.
    pub fn display_name(mut self, name: impl Into<Cow<'static, str>>) -> ConfigKey {
        self.display_name = name.into();
        self
    }

    /// The same with a check on its value.
    pub fn check(mut self, check: Check) -> ConfigKey {
        self.check = check;
        self
    }

    /// The same, taken but without effect, for that reason.
    pub fn no_effect(mut self, reason: &'static str) -> ConfigKey {
        self.effect = Effect::None(reason);
        self
    }

    /// The same, but every value other than these is refused with that sentence.
    pub fn only(mut self, values: &'static [&'static str], reason: &'static str) -> ConfigKey {
        self.effect = Effect::Only(values, reason);
        self
    }

    /// Whether a name as the user wrote it is this key.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.name.split('*');
        let Some(mut rest) = parts.next().and_then(|head| name.strip_prefix(head)) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.len() > part.len() && rest.ends_with(part);
            }
            let Some(at) = rest.find(part).filter(|at| *at > 0) else { return false };
            rest = &rest[at + part.len()..];
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_but_none() {
        let key = ConfigKey::optional("topic.creation.*.partitions", ConfigType::Int);
        assert!(key.matches("topic.creation.default.partitions"));
        assert!(key.matches("topic.creation.a.b.partitions"));
        assert!(!key.matches("topic.creation..partitions"));
        assert!(!key.matches("topic.creation.default.partition"));
        let tail = ConfigKey::optional("snapshot.overrides.*", ConfigType::String);
        assert!(tail.matches("snapshot.overrides.public.t"));
        assert!(!tail.matches("snapshot.overrides."));
        assert!(ConfigKey::optional("file", ConfigType::String).matches("file"));
        assert!(!ConfigKey::optional("file", ConfigType::String).matches("files"));
    }
}
