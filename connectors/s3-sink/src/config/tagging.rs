//! Tags of objects.

use connector_api::config::Config;

use crate::store::Tags;

/// `s3.object.tagging` and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tagging {
    /// `s3.object.tagging.key.value.pairs`
    pub extra: Vec<(String, String)>,
    /// Whether objects may go without tags where the server refuses them.
    pub ignore_errors: bool,
}

/// What the configuration says; `None` if there are to be no tags.
pub(super) fn tagging(config: &Config) -> Option<Tagging> {
    let extra = config.list("s3.object.tagging.key.value.pairs").iter().filter_map(|pair| pair.split_once(':'));
    let extra = extra.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
    let ignore_errors = config.text("s3.object.behavior.on.tagging.error").eq_ignore_ascii_case("ignore");
    config.boolean("s3.object.tagging").then_some(Tagging { extra, ignore_errors })
}

/// The check of `s3.object.tagging.key.value.pairs`.
pub(super) fn pairs(text: &str) -> Result<(), String> {
    const MOST: usize = 7;
    let pairs: Vec<&str> = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).collect();
    if pairs.len() > MOST {
        return Err(format!("an object has ten tags at most, of which {MOST} are free"));
    }
    let good = |pair: &&str| pair.split_once(':').is_some_and(|(name, _)| !name.trim().is_empty());
    match pairs.iter().find(|pair| !good(pair)) {
        Some(pair) => Err(format!("`{pair}` must be a name and a value with a colon between them")),
        None => Ok(()),
    }
}

impl Tagging {
    /// All tags of an object. Those of our own win over the user's of the same name.
    pub fn of(&self, tags: Tags) -> Vec<(String, String)> {
        let mut all = vec![("startOffset".to_owned(), tags.start.to_string())];
        if let Some((end, records)) = tags.end {
            all.push(("endOffset".to_owned(), end.to_string()));
            all.push(("recordCount".to_owned(), records.to_string()));
        }
        for (name, value) in &self.extra {
            if !all.iter().any(|(known, _)| known == name) {
                all.push((name.clone(), value.clone()));
            }
        }
        all
    }

    /// The same as one text, in the way of a query.
    pub fn header(&self, tags: Tags) -> String {
        let pairs = self.of(tags);
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        pairs.join("&")
    }
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
