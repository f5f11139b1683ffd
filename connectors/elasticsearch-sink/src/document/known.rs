//! What has been prepared on the server: data streams that are there, mappings that hold all fields of a schema.

use std::collections::HashMap;
use std::sync::Arc;

use connector_api::data::Schema;

/// Something that must be on the server before documents are sent.
#[derive(Clone, Debug)]
pub struct Need {
    /// The index, alias or data stream.
    pub index: Arc<str>,
    /// The schema whose fields its mapping must hold; `None` where it just has to be there.
    pub schema: Option<Arc<Schema>>,
}

/// What is known, by index and the schema's address: schemas are shared by the records of one shape.
#[derive(Debug, Default)]
pub struct Known(HashMap<(Arc<str>, usize), Entry>);

#[derive(Debug)]
struct Entry {
    /// Keeps the address in use.
    _schema: Option<Arc<Schema>>,
    fits: Result<(), String>,
}

impl Known {
    /// The most pairs of index and schema that are remembered; what is forgotten is looked up again.
    const MOST: usize = 1000;

    /// Whether documents of that schema may be sent to that index; `None` if it has not been prepared.
    pub fn get(&self, index: &Arc<str>, schema: Option<&Arc<Schema>>) -> Option<&Result<(), String>> {
        self.0.get(&(index.clone(), address(schema))).map(|entry| &entry.fits)
    }

    /// The need has been seen to; the error says why no document of the schema fits.
    pub fn put(&mut self, need: Need, fits: Result<(), String>) {
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        let place = (need.index, address(need.schema.as_ref()));
        self.0.insert(place, Entry { _schema: need.schema, fits });
    }
}

fn address(schema: Option<&Arc<Schema>>) -> usize {
    schema.map_or(0, |schema| Arc::as_ptr(schema) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schema_is_known_for_each_index_and_memory_is_bounded() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let schema = Arc::new(Schema::string());
        let other = Arc::new(Schema::string());
        let mut known = Known::default();
        let need = |index: &Arc<str>, schema: &Arc<Schema>| Need { index: index.clone(), schema: Some(schema.clone()) };
        known.put(need(&a, &schema), Err("no".to_owned()));
        assert_eq!(known.get(&a, Some(&schema)), Some(&Err("no".to_owned())));
        assert_eq!(
            (known.get(&b, Some(&schema)), known.get(&a, Some(&other)), known.get(&a, None)),
            (None, None, None)
        );
        for number in 0..5000 {
            known.put(Need { index: number.to_string().into(), schema: None }, Ok(()));
            assert!(known.0.len() <= Known::MOST);
        }
    }
}
