//! The first that is written: `move.json`, and the topics at the target.

use std::collections::BTreeMap;

use broker_client::admin::NewTopic;
use broker_client::{Client, Producer, ProducerConfig};

use super::failure::{Failure, Result};
use super::looking::Looked;
use super::move_file::{MoveFile, MovedPartition, MovedTopic};
use super::plan::SourceTopic;
use super::run::Job;
use super::survey::Survey;
use super::target;

/// Notes what is about to be made, makes it, and notes the ids.
pub async fn begin(
    job: &Job,
    target: &Client,
    file: Option<MoveFile>,
    cluster: Option<String>,
    looked: &Looked,
) -> Result<MoveFile> {
    let mut file = match file {
        Some(file) => file,
        None => {
            let producer = Producer::open(target.clone(), ProducerConfig::default()).await?;
            MoveFile::new(job.to.clone(), cluster, producer.identity().unwrap_or((-1, -1)))
        }
    };
    let there = target::topics(target, looked.topics.keys()).await?;
    for (name, topic) in &looked.topics {
        let known = file.topics.remove(name).filter(|known| {
            there.get(name).is_some_and(|there| there.id == known.id && there.ends.iter().any(|end| *end > 0))
        });
        file.topics.insert(name.clone(), merged(known.unwrap_or_default(), topic));
    }
    file.save(&job.source.data_dir).map_err(Failure::running)?;
    let new: Vec<NewTopic> = looked
        .topics
        .iter()
        .filter(|(name, _)| !there.contains_key(*name))
        .map(|(name, topic)| {
            let settings = looked.settings.get(name).map(|settings| settings.at_first.clone()).unwrap_or_default();
            new_topic(job, name, topic, settings)
        })
        .collect();
    target::make(target, &new).await?;
    for (name, settings) in looked.settings.iter().filter(|(name, _)| there.contains_key(*name)) {
        if !settings.later.is_empty() {
            let at_first = settings.at_first.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
            target::alter(target, name, &at_first).await?;
        }
    }
    for (name, there) in target::topics(target, looked.topics.keys()).await? {
        file.topics.entry(name).and_modify(|topic| topic.id = there.id);
    }
    file.save(&job.source.data_dir).map_err(Failure::running)?;
    Ok(file)
}

/// What is known of a topic from an earlier run, as far as it still holds.
fn merged(mut known: MovedTopic, topic: &SourceTopic) -> MovedTopic {
    let one = |(number, survey): (&i32, &Survey)| {
        let before = known.partitions.remove(number);
        let checked = before.as_ref().is_some_and(|before| before.checked && before.survey == *survey);
        let written = before.map_or(0, |before| before.written);
        (*number, MovedPartition { survey: survey.clone(), written, checked })
    };
    let partitions = topic.partitions.iter().map(one).collect();
    MovedTopic { id: known.id, partitions }
}

fn new_topic(job: &Job, name: &str, topic: &SourceTopic, configs: BTreeMap<String, String>) -> NewTopic {
    let own = [&job.target.config_topic, &job.target.offset_topic, &job.target.status_topic];
    let own = own.iter().find(|own| own.name == name).map_or(-1, |own| own.replication_factor);
    NewTopic {
        name: name.to_owned(),
        partitions: topic.partitions.len() as i32,
        replication_factor: job.replication_factor.unwrap_or(own),
        configs,
    }
}
