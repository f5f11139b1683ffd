//! The position: a cursor, and how many items behind it have been taken.
//!
//! The count is there for pages that are larger than a batch, and for last pages, behind which the API may not have a
//! cursor yet.

use connector_api::{Error, Position, Result, SourceOffset, SourcePartition};

/// Where the next item is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The cursor; `None` for the first page.
    pub after: Option<String>,
    /// How many items of the page are behind us.
    pub taken: usize,
}

impl Place {
    /// The stream that positions belong to.
    pub fn partition(url: &str) -> SourcePartition {
        SourcePartition::of("url", url)
    }

    /// As it was stored.
    pub fn of(offset: &SourceOffset) -> Place {
        let taken = offset.number("taken").and_then(|taken| usize::try_from(taken).ok());
        Place { after: offset.text("after").map(str::to_owned), taken: taken.unwrap_or(0) }
    }

    /// For the store.
    pub fn offset(&self) -> SourceOffset {
        let taken = SourceOffset::of("taken", self.taken);
        match &self.after {
            Some(after) => taken.with("after", after.as_str()),
            None => taken,
        }
    }

    /// Whether a position that a user wants to store makes sense.
    pub fn check(position: &Position, url: &str) -> Result<()> {
        if position.partition != Place::partition(url) {
            return Err(Error::fatal(format!("the partition of this connector is {{\"url\": \"{url}\"}}")));
        }
        let known = |(name, value): (&String, &serde_json::Value)| match name.as_str() {
            "after" => value.is_string(),
            "taken" => value.is_u64(),
            _ => false,
        };
        match &position.offset {
            Some(offset) if !offset.0.iter().all(known) => Err(Error::fatal(format!(
                "an offset of {url} is {{\"after\": CURSOR as text, \"taken\": how many items behind it are done}}"
            ))),
            _ => Ok(()),
        }
    }
}
