//! Why a transform cannot take a record.

use connector_api::Error;

/// What is wrong with a record, without a word of what it holds: names and types alone.
#[derive(Debug)]
pub(crate) struct Refusal {
    what: String,
    remedy: Option<&'static str>,
}

impl Refusal {
    /// A refusal for that reason, a sentence without its full stop.
    pub fn new(what: impl Into<String>) -> Refusal {
        Refusal { what: what.into(), remedy: None }
    }

    /// One that concerns a field. `what` goes on after "the field `name` ".
    pub fn field(name: &str, what: impl std::fmt::Display) -> Refusal {
        Refusal::new(format!("the field `{name}` {what}"))
    }

    /// The same with what the user should do.
    pub fn remedy(mut self, remedy: &'static str) -> Refusal {
        self.remedy = Some(remedy);
        self
    }

    /// The error for the worker, which names the class and the topic.
    pub fn into_error(self, class: &str, topic: &str) -> Error {
        let error = Error::reject(format!("{class}, in a record of topic `{topic}`: {}", self.what));
        match self.remedy {
            Some(remedy) => error.remedy(remedy),
            None => error,
        }
    }
}
