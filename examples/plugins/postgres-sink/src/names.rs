//! Tables: their names and definitions.

use connector_api::{Error, Result};

/// The longest name that PostgreSQL keeps; it cuts longer ones, so that two topics might end in one table.
const LONGEST: usize = 63;

/// A table's name, quoted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Table(pub String);

impl Table {
    /// The table that `key` names, for that topic. A dot in it ends the schema; a dot in the topic's name does not.
    pub fn of(key: &str, pattern: &str, topic: &str) -> Result<Table> {
        let named = |part: &str| quoted(key, &part.replace("${topic}", topic));
        Ok(Table(match pattern.split_once('.') {
            Some((schema, name)) => format!("{}.{}", named(schema)?, named(name)?),
            None => named(pattern)?,
        }))
    }

    /// Makes a table of records.
    pub fn records(&self) -> String {
        format!(
            "CREATE TABLE {} (key text, value jsonb, topic text NOT NULL, partition int NOT NULL, \
             kafka_offset bigint NOT NULL, PRIMARY KEY (topic, partition, kafka_offset))",
            self.0
        )
    }

    /// Makes the table of offsets. An offset is null until something has been written.
    pub fn offsets(&self) -> String {
        format!(
            "CREATE TABLE {} (connector text NOT NULL, topic text NOT NULL, partition int NOT NULL, \
             next_offset bigint, PRIMARY KEY (connector, topic, partition))",
            self.0
        )
    }
}

fn quoted(key: &str, name: &str) -> Result<String> {
    if name.is_empty() || name.len() > LONGEST {
        let remedy =
            format!("Set `{key}` to a name of 1 to {LONGEST} bytes, or shorten the topic's name by a transform.");
        return Err(Error::fatal(format!("`{key}` leads to the name `{name}`, of {} bytes", name.len())).remedy(remedy));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_never_cut() {
        let of = |pattern: &str, topic: &str| Table::of("table", pattern, topic).map(|table| table.0);
        assert_eq!(of("${topic}", "shop.orders").unwrap(), "\"shop.orders\"");
        assert_eq!(of("raw.t_${topic}", "a.b").unwrap(), "\"raw\".\"t_a.b\"");
        assert_eq!(of("a\"b", "t").unwrap(), "\"a\"\"b\"");
        let error = of("${topic}", &"x".repeat(64)).unwrap_err();
        assert!(error.to_string().contains("of 64 bytes. Set `table`"), "{error}");
        assert!(of("raw.", "t").is_err());
    }
}
