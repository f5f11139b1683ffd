//! What has been worked out for schemas, so that records of one shape leave with one shape.

use std::sync::Arc;

use connector_api::data::Schema;

use crate::refusal::Refusal;

/// How many schemas a transform remembers, as in Kafka Connect.
pub(crate) const SCHEMAS_REMEMBERED: usize = 16;

/// Plans by the address of the schema that they are for, the one used last in front. Converters cache by address too, so a
/// schema made anew for each record would be slow. An entry keeps its schema alive: an address never means another schema.
pub(crate) struct SchemaCache<T> {
    entries: Vec<(Arc<Schema>, T)>,
}

impl<T> Default for SchemaCache<T> {
    fn default() -> SchemaCache<T> {
        SchemaCache { entries: Vec::new() }
    }
}

impl<T> SchemaCache<T> {
    /// The plan of a schema, made if it is not there. The one unused for longest is forgotten for it.
    pub fn get(
        &mut self,
        schema: &Arc<Schema>,
        make: impl FnOnce(&Arc<Schema>) -> Result<T, Refusal>,
    ) -> Result<&mut T, Refusal> {
        match self.entries.iter().position(|(known, _)| Arc::ptr_eq(known, schema)) {
            Some(0) => {}
            Some(at) => self.entries[..=at].rotate_right(1),
            None => {
                let made = make(schema)?;
                self.entries.truncate(SCHEMAS_REMEMBERED - 1);
                self.entries.insert(0, (schema.clone(), made));
            }
        }
        let front = self.entries.first_mut().map(|(_, plan)| plan);
        front.ok_or_else(|| Refusal::new("its schema cannot be remembered"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_schemas_are_kept_and_the_one_unused_for_longest_goes() {
        let schemas: Vec<Arc<Schema>> = (0..17).map(|_| Arc::new(Schema::string())).collect();
        let (mut cache, mut made) = (SchemaCache::default(), Vec::new());
        let mut ask = |number: usize| {
            let plan = cache.get(&schemas[number], |_| {
                made.push(number);
                Ok(number)
            });
            assert_eq!(*plan.unwrap(), number, "a plan is that of its schema");
        };
        (0..16).for_each(&mut ask);
        ask(0);
        ask(16);
        ask(0);
        ask(1);
        assert_eq!(made, (0..17).chain([1]).collect::<Vec<_>>());
        assert!(schemas.iter().filter(|schema| Arc::strong_count(schema) == 2).count() == SCHEMAS_REMEMBERED);
    }
}
