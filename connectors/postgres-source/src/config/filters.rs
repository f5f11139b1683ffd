//! Which schemas, tables and columns are captured: Debezium's lists of regular expressions.
//!
//! An expression must match the whole name, in any case of letters. Commas stand between expressions; a comma inside
//! one is written `\,`.

use connector_api::config::Config;
use fancy_regex::Regex;

/// Expressions of which one must match.
#[derive(Clone, Debug, Default)]
pub struct Patterns(Vec<Regex>);

impl Patterns {
    /// Reads a list with commas.
    pub fn new(list: &str) -> Result<Patterns, String> {
        Patterns::separated(list, ',')
    }

    fn separated(list: &str, separator: char) -> Result<Patterns, String> {
        let items = split(list, separator);
        items.iter().map(|item| pattern(item)).collect::<Result<_, _>>().map(Patterns)
    }

    /// Whether one of them matches the whole name. One that takes too long to tell does not match.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_match(name).unwrap_or(false))
    }
}

fn pattern(text: &str) -> Result<Regex, String> {
    const LIMIT: usize = 4_000;
    if text.len() > LIMIT {
        return Err(format!("an expression is longer than {LIMIT} letters"));
    }
    Regex::new(&format!("(?i)^(?:{text})$")).map_err(|error| format!("`{text}` is not a regular expression: {error}"))
}

/// Items between separators that no backslash precedes; spaces around them do not count.
fn split(list: &str, separator: char) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut escaped = false;
    for letter in list.chars() {
        match items.last_mut() {
            Some(item) if letter == separator && escaped => {
                item.pop();
                item.push(letter);
            }
            Some(_) if letter == separator => items.push(String::new()),
            Some(item) => item.push(letter),
            None => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// For a key's check: whether a list can be read.
pub fn check_patterns(list: &str) -> Result<(), String> {
    Patterns::new(list).map(|_| ())
}

/// An include list or an exclude list, or neither.
#[derive(Clone, Debug)]
enum Choice {
    All,
    Only(Patterns),
    AllBut(Patterns),
}

impl Choice {
    fn read(config: &Config, kind: &str) -> Result<Choice, String> {
        let list = |ending: &str| config.text(&format!("{kind}.{ending}.list")).trim().to_owned();
        match (list("include"), list("exclude")) {
            (include, exclude) if include.is_empty() && exclude.is_empty() => Ok(Choice::All),
            (include, exclude) if exclude.is_empty() => Ok(Choice::Only(Patterns::new(&include)?)),
            (include, exclude) if include.is_empty() => Ok(Choice::AllBut(Patterns::new(&exclude)?)),
            _ => Err(format!("set `{kind}.include.list` or `{kind}.exclude.list`, not both")),
        }
    }

    fn takes(&self, name: &str) -> bool {
        match self {
            Choice::All => true,
            Choice::Only(patterns) => patterns.matches(name),
            Choice::AllBut(patterns) => !patterns.matches(name),
        }
    }
}

/// All filters of a configuration.
#[derive(Clone, Debug)]
pub struct Filters {
    schemas: Choice,
    tables: Choice,
    columns: Choice,
    snapshot: Option<Patterns>,
}

impl Filters {
    /// Reads the filters; an error names the key and says what is wrong.
    pub fn new(config: &Config) -> Result<Filters, (String, String)> {
        let choice = |kind: &str| Choice::read(config, kind).map_err(|why| (format!("{kind}.exclude.list"), why));
        let snapshot = match config.text("snapshot.include.collection.list") {
            "" => None,
            list => Some(Patterns::new(list).map_err(|why| ("snapshot.include.collection.list".to_owned(), why))?),
        };
        Ok(Filters { schemas: choice("schema")?, tables: choice("table")?, columns: choice("column")?, snapshot })
    }

    /// Whether a table is captured. The server's own never are.
    pub fn takes_table(&self, schema: &str, table: &str) -> bool {
        let own = matches!(schema, "pg_catalog" | "information_schema" | "pg_toast") || schema.starts_with("pg_temp");
        !own && self.schemas.takes(schema) && self.tables.takes(&format!("{schema}.{table}"))
    }

    /// Whether a column of a captured table is part of its values.
    pub fn takes_column(&self, schema: &str, table: &str, column: &str) -> bool {
        matches!(self.columns, Choice::All) || self.columns.takes(&format!("{schema}.{table}.{column}"))
    }

    /// Whether a captured table's rows are read in the snapshot.
    pub fn takes_snapshot(&self, schema: &str, table: &str) -> bool {
        self.snapshot.as_ref().is_none_or(|patterns| patterns.matches(&format!("{schema}.{table}")))
    }
}

/// `message.key.columns`: keys that the user chooses.
#[derive(Clone, Debug, Default)]
pub struct KeyColumns(Vec<(Patterns, Vec<String>)>);

impl KeyColumns {
    /// Reads `table:column,column;table:column`, tables being expressions.
    pub fn new(text: &str) -> Result<KeyColumns, String> {
        let entry = |entry: String| {
            let (table, columns) = entry.rsplit_once(':').ok_or(format!("`{entry}` is not `table:column,column`"))?;
            let columns: Vec<String> = columns.split(',').map(|name| name.trim().to_owned()).collect();
            if columns.iter().any(String::is_empty) {
                return Err(format!("`{entry}` names no column"));
            }
            Ok((Patterns(vec![pattern(table.trim())?]), columns))
        };
        split(text, ';').into_iter().map(entry).collect::<Result<_, _>>().map(KeyColumns)
    }

    /// The key columns that the user chose for a table.
    pub fn of(&self, schema: &str, table: &str) -> Option<&[String]> {
        let name = format!("{schema}.{table}");
        self.0.iter().find(|(patterns, _)| patterns.matches(&name)).map(|(_, columns)| &columns[..])
    }
}

/// For the key's check.
pub fn check_key_columns(text: &str) -> Result<(), String> {
    KeyColumns::new(text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(list: &str, name: &str) -> bool {
        Patterns::new(list).unwrap().matches(name)
    }

    #[test]
    fn an_expression_matches_the_whole_name_in_any_case() {
        assert!(takes("public.orders", "Public.Orders"));
        assert!(!takes("public.orders", "public.orders_old"));
        assert!(!takes("orders", "public.orders"));
        assert!(takes("a.b, public\\.(orders|items)", "public.items"));
        assert!(takes("(?!public\\.audit).*", "public.orders"));
        assert!(!takes("(?!public\\.audit).*", "public.audit"));
    }

    #[test]
    fn an_escaped_comma_is_part_of_its_expression() {
        assert!(takes("public.t[0-9]{1\\,2}", "public.t12"));
        assert!(!takes("public.t[0-9]{1\\,2}", "public.t123"));
        assert_eq!(split("a, b\\,c ,,d\\\\,e", ','), ["a", "b,c", "d\\\\", "e"]);
    }

    #[test]
    fn what_is_no_expression_is_named() {
        assert!(Patterns::new("ok, (").unwrap_err().contains("`(`"));
        assert!(KeyColumns::new("public.t").is_err());
        assert!(KeyColumns::new("public.t:").is_err());
    }

    #[test]
    fn keys_are_chosen_by_the_first_table_that_matches() {
        let keys = KeyColumns::new("inventory.customers:pk1,pk2;(.*).orders:pk3 , pk4").unwrap();
        assert_eq!(keys.of("inventory", "customers"), Some(&["pk1".to_owned(), "pk2".to_owned()][..]));
        assert_eq!(keys.of("any", "orders"), Some(&["pk3".to_owned(), "pk4".to_owned()][..]));
        assert_eq!(keys.of("any", "other"), None);
    }
}
