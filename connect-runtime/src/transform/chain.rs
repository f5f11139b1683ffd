//! THE way of a batch through all steps.

use connector_api::{Decision, Error, Result, TransformRecord};
use tokio::time::Instant;

use super::patience::{Patience, RetryPolicy};
use super::step::Step;
use crate::task::Calls;

/// Where a record was found to be no good. The names are Kafka Connect's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its key cannot be read, or written.
    KeyConverter,
    /// The same of its value.
    ValueConverter,
    /// The same of its headers.
    HeaderConverter,
    /// A transform cannot take it.
    Transformation,
    /// The sink rejects it.
    TaskPut,
}

impl Stage {
    /// As it stands in the header of a dead letter.
    pub fn name(self) -> &'static str {
        match self {
            Stage::KeyConverter => "KEY_CONVERTER",
            Stage::ValueConverter => "VALUE_CONVERTER",
            Stage::HeaderConverter => "HEADER_CONVERTER",
            Stage::Transformation => "TRANSFORMATION",
            Stage::TaskPut => "TASK_PUT",
        }
    }
}

/// The steps of a task.
pub struct Chain {
    steps: Vec<Step>,
    patience: Patience,
    calls: Calls,
}

/// A batch on its way.
pub struct Work {
    records: Vec<TransformRecord>,
    /// Dropped or failed, by the places of the records.
    gone: Vec<bool>,
    /// The step that it is at, and the places that are still to go through it; all if none are named.
    step: usize,
    left: Option<Vec<usize>>,
    failures: Vec<Failure>,
}

/// A record that a step could not take.
pub struct Failure {
    /// Its place in the batch.
    pub place: usize,
    /// Which step.
    pub stage: Stage,
    /// The step's class, if it has one.
    pub class: Option<String>,
    /// Why, with the step named.
    pub why: Error,
}

/// How far a batch has come.
pub enum Way {
    /// Through all steps.
    Through,
    /// Not yet: some records are to be tried again then.
    Again(Instant, String),
}

impl Chain {
    /// These steps, in this order.
    pub fn new(steps: Vec<Step>, retry: RetryPolicy, calls: Calls) -> Chain {
        Chain { steps, patience: Patience::new(retry), calls }
    }

    /// Whether batches stay as they are.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Goes on with a batch. An error is not about a record: the task cannot go on.
    pub async fn go_on(&mut self, work: &mut Work) -> Result<Way> {
        while let Some(step) = self.steps.get_mut(work.step) {
            let at = work.left.take().unwrap_or_else(|| work.there());
            let done = self.calls.bounded(&step.what, step.action.act(&mut work.records, &at)).await?;
            done.dropped.into_iter().for_each(|place| work.gone[place] = true);
            let now = Instant::now();
            let (again, failed) = done.failed.into_iter().partition(|(_, why)| self.patience.allows(why, now));
            work.fail(step, failed);
            let (left, errors): (Vec<usize>, Vec<Error>) = Vec::into_iter(again).unzip();
            if let Some(why) = errors.first().map(|why| format!("{}: {why}", step.what)) {
                work.left = Some(left);
                return Ok(Way::Again(self.patience.next(&errors, now), why));
            }
            self.patience.reset();
            work.step += 1;
        }
        Ok(Way::Through)
    }
}

impl Work {
    /// A batch at its beginning.
    pub fn new(records: Vec<TransformRecord>) -> Work {
        let gone = vec![false; records.len()];
        Work { records, gone, step: 0, left: None, failures: Vec::new() }
    }

    /// What is to be looked at before the first step.
    pub fn records_mut(&mut self) -> &mut [TransformRecord] {
        &mut self.records
    }

    /// A record cannot go on.
    pub fn refuse(&mut self, failure: Failure) {
        self.gone[failure.place] = true;
        self.failures.push(failure);
    }

    /// Records that nobody waits for any more.
    pub fn forget(&mut self, is: impl Fn(usize) -> bool) {
        let gone = &mut self.gone;
        gone.iter_mut().enumerate().filter(|(place, _)| is(*place)).for_each(|(_, gone)| *gone = true);
        if let Some(left) = &mut self.left {
            left.retain(|place| !gone[*place]);
        }
        self.failures.retain(|failure| !is(failure.place));
    }

    /// The records in their places, `None` where one is dropped or has failed; and those that have failed, in order.
    pub fn into_parts(mut self) -> (Vec<Option<TransformRecord>>, Vec<Failure>) {
        self.failures.sort_by_key(|failure| failure.place);
        let records = self.records.into_iter().zip(self.gone).map(|(record, gone)| (!gone).then_some(record));
        (records.collect(), self.failures)
    }

    fn there(&self) -> Vec<usize> {
        self.gone.iter().enumerate().filter(|(_, gone)| !**gone).map(|(place, _)| place).collect()
    }

    fn fail(&mut self, step: &Step, failed: Vec<(usize, Error)>) {
        for (place, why) in failed {
            // A start anew may heal what was to be tried again.
            let decision = match why.decision() {
                Decision::Retry { .. } | Decision::Fail => Decision::Fail,
                _ => Decision::Fatal,
            };
            let topic = self.records.get(place).map_or("", |record| &record.topic);
            let why = Error::new(decision, format!("{} cannot take a record of {topic}", step.what)).caused_by(why);
            let (stage, class) = (step.stage, Some(step.class.clone()));
            self.refuse(Failure { place, stage, class, why });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use connector_api::data::Payload;
    use connector_api::{Fate, Predicate, SourceRecord, Transform};
    use proptest::prelude::*;

    use super::*;
    use crate::plugins::part::Opened;
    use crate::task::{MemoryBudget, TaskId, TaskView};
    use crate::transform::step::Action;

    /// Appends a letter to the topic; drops, refuses or puts off records of which the topic holds another one.
    struct Letter {
        letter: char,
        drops: char,
        refuses: char,
        later: (char, u32),
    }

    impl Transform for Letter {
        fn apply(&mut self, record: &mut TransformRecord) -> Result<Fate> {
            if record.topic.contains(self.refuses) {
                return Err(Error::reject("no"));
            }
            if record.topic.contains(self.later.0) && self.later.1 > 0 {
                self.later.1 -= 1;
                return Err(Error::retry("later"));
            }
            if record.topic.contains(self.drops) {
                return Ok(Fate::Drop);
            }
            record.topic = format!("{}{}", record.topic, self.letter).into();
            Ok(Fate::Keep)
        }
    }

    struct Has(char);

    impl Predicate for Has {
        fn test(&mut self, record: &TransformRecord) -> Result<bool> {
            Ok(record.topic.contains(self.0))
        }
    }

    fn letter(letter: char) -> Letter {
        Letter { letter, drops: '-', refuses: '-', later: ('-', 0) }
    }

    fn step(letter: Letter, condition: Option<(char, bool)>) -> Step {
        let condition = condition.map(|(has, negate)| (Opened::Here(Box::new(Has(has)) as _), negate));
        let what = format!("transform `{}`", letter.letter);
        let action = Action::Transform(Opened::Here(Box::new(letter)), condition);
        Step { what, stage: Stage::Transformation, class: "Letter".to_owned(), action }
    }

    fn chain(steps: Vec<Step>, timeout_ms: u64) -> Chain {
        let id = TaskId { connector: "c".into(), task: 0 };
        let view = TaskView::new(id, MemoryBudget::new(1 << 20));
        let (timeout, delay_max) = (Some(Duration::from_millis(timeout_ms)), Duration::from_secs(60));
        Chain::new(steps, RetryPolicy { timeout, delay_max }, Calls { limit: Duration::from_secs(60), view })
    }

    fn work(topics: &[String]) -> Work {
        let record = |topic: &String| SourceRecord::new(topic.as_str(), Payload::Null, Payload::Null);
        Work::new(topics.iter().map(record).map(TransformRecord::of_source).collect())
    }

    /// The topics of what comes through, and the places of what fails.
    async fn through(chain: &mut Chain, topics: &[String]) -> (Vec<Option<String>>, Vec<usize>) {
        let mut work = work(topics);
        while let Way::Again(when, _) = chain.go_on(&mut work).await.unwrap() {
            tokio::time::sleep_until(when).await;
        }
        let (records, failures) = work.into_parts();
        let topics = records.into_iter().map(|record| record.map(|record| record.topic.to_string()));
        (topics.collect(), failures.into_iter().map(|failure| failure.place).collect())
    }

    proptest! {
        /// A batch comes out as its records would one by one.
        #[test]
        fn a_batch_is_its_records_one_by_one(
            topics in prop::collection::vec("[abcd]{1,3}", 0..12),
            conditions in prop::collection::vec(prop::option::of((prop::sample::select(vec!['a', 'b', 'x']), any::<bool>())), 1..4),
        ) {
            let steps = || conditions.iter().enumerate().map(|(number, condition)| {
                let letter = Letter { letter: char::from(b'x' + number as u8), drops: 'c', refuses: 'd', later: ('-', 0) };
                step(letter, *condition)
            }).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let whole = runtime.block_on(through(&mut chain(steps(), 0), &topics));
            let mut alone = chain(steps(), 0);
            for (place, topic) in topics.iter().enumerate() {
                let (one, failed) = runtime.block_on(through(&mut alone, std::slice::from_ref(topic)));
                prop_assert_eq!(&whole.0[place], &one[0]);
                prop_assert_eq!(whole.1.contains(&place), !failed.is_empty());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_taken_later_comes_again_alone() {
        let later = Letter { later: ('b', 2), ..letter('x') };
        let topics = ["a", "b", "c"].map(str::to_owned);
        let mut chain = chain(vec![step(later, None), step(letter('y'), None)], 60_000);
        let (through, failed) = through(&mut chain, &topics).await;
        assert_eq!(through, ["axy", "bxy", "cxy"].map(|topic| Some(topic.to_owned())));
        assert_eq!(failed, Vec::<usize>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_what_is_forgotten_is_not_waited_for() {
        let later = || Letter { later: ('b', u32::MAX), ..letter('x') };
        let topics = ["a", "b"].map(str::to_owned);
        let (through, failed) = through(&mut chain(vec![step(later(), None)], 1000), &topics).await;
        assert_eq!((through, failed), (vec![Some("ax".to_owned()), None], vec![1]));
        let (mut chain, mut work) = (chain(vec![step(later(), None)], 1000), work(&topics));
        assert!(matches!(chain.go_on(&mut work).await, Ok(Way::Again(..))));
        work.forget(|place| place == 1);
        assert!(matches!(chain.go_on(&mut work).await, Ok(Way::Through)));
        assert!(work.into_parts().1.is_empty());
    }
}
