//! Where documents go.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use connector_api::{Error, Result, SinkRecord};

use super::expression::Expression;
use super::index_name;

/// What names the index, alias or data stream of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The topic; for some topics an index of their own.
    Topic {
        /// Topics and their indexes.
        own: HashMap<String, String>,
    },
    /// `index.name.format`.
    Expression(Expression),
    /// `topic.to.external.resource.mapping`: what is there already, and no other topics.
    Resources {
        /// Topics and what they are written to.
        names: HashMap<String, String>,
    },
    /// A data stream for each topic, or one for all.
    Stream {
        /// Before the first hyphen.
        kind: String,
        /// Between the hyphens; `${topic}` stands for the topic.
        dataset: String,
        /// Behind the second hyphen; `${topic}` stands for the topic.
        namespace: String,
    },
}

/// Names that were made, to share their memory.
#[derive(Debug, Default)]
pub struct Names {
    of_topics: HashMap<Arc<str>, Result<Arc<str>, String>>,
    made: HashSet<Arc<str>>,
}

impl Names {
    /// Names that are remembered; transforms and expressions may make any number of them.
    const MOST: usize = 1000;

    /// The name for a record. `json` is its document, where there is one.
    pub fn of(&mut self, target: &Target, record: &SinkRecord, json: &[u8]) -> Result<Arc<str>> {
        match target {
            Target::Expression(expression) if !expression.is_of_topic() => {
                let text = expression.of(record, json, index_name::clean)?;
                let name = index_name::of_expression(&text)
                    .map_err(|why| unnamed(why).remedy("Correct `index.name.format` or the data."))?;
                Ok(self.shared(name))
            }
            _ => self.of_topic(target, record),
        }
    }

    fn of_topic(&mut self, target: &Target, record: &SinkRecord) -> Result<Arc<str>> {
        if self.of_topics.len() >= Self::MOST && !self.of_topics.contains_key(&record.topic) {
            self.of_topics.clear();
        }
        let name = || name_of_topic(target, record).map(Arc::from);
        let name = self.of_topics.entry(record.topic.clone()).or_insert_with(name);
        name.clone().map_err(|why| {
            unnamed(why).remedy(match target {
                Target::Resources { .. } => {
                    "Name the topic in `topic.to.external.resource.mapping`, or set `drop.invalid.message` to true."
                }
                _ => {
                    "Name another index in `index.name.format` or `topic.index.map`, or take the topic out of `topics`."
                }
            })
        })
    }

    fn shared(&mut self, name: String) -> Arc<str> {
        if let Some(known) = self.made.get(name.as_str()) {
            return known.clone();
        }
        if self.made.len() >= Self::MOST {
            self.made.clear();
        }
        let name: Arc<str> = name.into();
        self.made.insert(name.clone());
        name
    }
}

fn name_of_topic(target: &Target, record: &SinkRecord) -> Result<String, String> {
    let topic = &*record.topic;
    match target {
        Target::Topic { own } => own.get(topic).cloned().map_or_else(|| index_name::of_topic(topic), Ok),
        Target::Expression(expression) => {
            let text = expression.of(record, b"", |value| Cow::Borrowed(value)).map_err(|why| why.to_string())?;
            index_name::of_expression(&text)
        }
        Target::Resources { names } => {
            names.get(topic).cloned().ok_or_else(|| format!("the topic `{topic}` is written to nothing"))
        }
        Target::Stream { kind, dataset, namespace } => {
            let part = |text: &str| index_name::stream_part(text, topic);
            index_name::of_expression(&format!("{kind}-{}-{}", part(dataset), part(namespace)))
        }
    }
}

fn unnamed(why: String) -> Error {
    Error::reject(why)
}
