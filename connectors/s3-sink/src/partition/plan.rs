//! Cuts that were decided in an earlier life.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::journal::Cut;

/// What is known of the cuts above the offset at which reading began.
#[derive(Debug, Default)]
pub(crate) struct Plan(HashMap<Arc<str>, BTreeMap<i64, Planned>>);

/// A cut that was decided.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// The offset in the object's name.
    pub start: i64,
    /// The last offset in it.
    pub end: i64,
    /// Who decided it.
    pub writer: Arc<str>,
    /// Whether the object is stored, so that its records are passed over.
    pub stored: bool,
}

impl Plan {
    /// Adds a cut. The newer of two of one name wins.
    pub fn add(&mut self, cut: &Cut, stored: bool) {
        let planned = Planned { start: cut.start, end: cut.end, writer: cut.writer.clone(), stored };
        self.0.entry(cut.path.clone()).or_default().insert(cut.start, planned);
    }

    /// The cut that has the record at that offset in that path.
    pub fn covering(&self, path: &str, offset: i64) -> Option<&Planned> {
        if self.0.is_empty() {
            return None;
        }
        let (_, cut) = self.0.get(path)?.range(..=offset).next_back()?;
        (cut.end >= offset).then_some(cut)
    }
}
