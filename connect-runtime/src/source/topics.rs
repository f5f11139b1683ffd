//! Topics that a source writes to and that are not there yet.

use std::collections::BTreeMap;

use broker_client::admin::{NewTopic, create_topics};
use broker_client::{Client, Producer, bridged};
use connector_api::config::RawConfig;
use connector_api::{Error, Result, Topic};

use crate::config::connector::whole_name;
use crate::config::raw::{behind, listed};

/// How a connector's topics are made: `topic.creation.*`.
pub struct TopicCreation {
    enabled: bool,
    groups: Vec<Group>,
}

struct Group {
    /// `None` takes all.
    include: Option<Vec<fancy_regex::Regex>>,
    exclude: Vec<fancy_regex::Regex>,
    partitions: i32,
    replication_factor: i16,
    configs: BTreeMap<String, String>,
}

impl TopicCreation {
    /// From a configuration that has been checked. Groups are tried in their order; `default` takes the rest.
    pub fn new(enabled: bool, raw: &RawConfig) -> TopicCreation {
        let names = listed(raw, "topic.creation.groups");
        let default = Group::new(raw, "default", None);
        let mut groups: Vec<Group> = names.map(|name| Group::new(raw, name, Some(&default))).collect();
        groups.push(default);
        TopicCreation { enabled, groups }
    }

    /// Makes the producer know a topic; makes the topic if it is not there.
    pub async fn ensure(&self, client: &Client, producer: &mut Producer, topic: &Topic) -> Result<()> {
        if learn(producer, topic).await? {
            return Ok(());
        }
        if !self.enabled {
            return Err(Error::fail(format!("the log has no topic {topic}"))
                .remedy("Create it, or let the worker create topics with `topic.creation.enable`."));
        }
        let wanted = [self.new_topic(topic)];
        let made = bridged(|| async { create_topics(client, &wanted).await?.remove(0) }).await;
        made.map_err(|why| Error::fail(format!("cannot make the topic {topic}")).caused_by(why))?;
        for _ in 0..50 {
            if learn(producer, topic).await? {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Err(Error::fail(format!("the topic {topic} was made but has no partitions yet")))
    }

    fn new_topic(&self, topic: &str) -> NewTopic {
        let group = self.groups.iter().find(|group| group.takes(topic));
        NewTopic {
            name: topic.to_owned(),
            partitions: group.map_or(-1, |group| group.partitions),
            replication_factor: group.map_or(-1, |group| group.replication_factor),
            configs: group.map(|group| group.configs.clone()).unwrap_or_default(),
        }
    }
}

async fn learn(producer: &mut Producer, topic: &Topic) -> Result<bool> {
    let known = producer.learn(topic).await;
    known.map_err(|why| Error::fail(format!("cannot look up the topic {topic}")).caused_by(why))
}

impl Group {
    fn new(raw: &RawConfig, name: &str, default: Option<&Group>) -> Group {
        let prefix = format!("topic.creation.{name}.");
        let mut configs = behind(raw, &prefix);
        let mut number = |key| configs.remove(key).and_then(|text| text.trim().parse::<i32>().ok());
        let (partitions, copies) = (number("partitions"), number("replication.factor"));
        let mut patterns = |key| -> Vec<fancy_regex::Regex> {
            let listed: String = configs.remove(key).unwrap_or_default();
            let listed = listed.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
            listed.filter_map(|pattern| whole_name(pattern).ok()).collect()
        };
        let (include, exclude) = (patterns("include"), patterns("exclude"));
        Group {
            include: default.is_some().then_some(include),
            exclude: if default.is_none() { Vec::new() } else { exclude },
            partitions: partitions.or(default.map(|default| default.partitions)).unwrap_or(-1),
            replication_factor: copies
                .and_then(|copies| i16::try_from(copies).ok())
                .or(default.map(|default| default.replication_factor))
                .unwrap_or(-1),
            configs,
        }
    }

    fn takes(&self, topic: &str) -> bool {
        let any = |patterns: &[fancy_regex::Regex]| patterns.iter().any(|one| one.is_match(topic).unwrap_or(false));
        self.include.as_deref().is_none_or(any) && !any(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_group_that_takes_a_topic_decides() {
        let raw: RawConfig = [
            ("topic.creation.groups", "big, small"),
            ("topic.creation.default.partitions", "1"),
            ("topic.creation.default.replication.factor", "-1"),
            ("topic.creation.big.include", "shop\\..*,other"),
            ("topic.creation.big.exclude", ".*\\.log"),
            ("topic.creation.big.partitions", "8"),
            ("topic.creation.big.cleanup.policy", "compact"),
            ("topic.creation.small.include", "shop.*"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let creation = TopicCreation::new(true, &raw);
        let big = creation.new_topic("shop.orders");
        assert_eq!((big.partitions, big.configs["cleanup.policy"].as_str()), (8, "compact"));
        assert_eq!((big.configs.len(), big.replication_factor), (1, -1));
        assert_eq!(creation.new_topic("shop.a.log").partitions, 1);
        assert_eq!(creation.new_topic("another").partitions, 1);
        assert_eq!(TopicCreation::new(true, &RawConfig::new()).new_topic("x").partitions, -1);
    }
}
