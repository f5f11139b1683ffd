//! The task's place in its consumer group: which partitions it has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker_client::assign::{Subscriber, cooperative_sticky};
use broker_client::offsets::Committer;
use broker_client::{
    Assignor, Client, ClientError, GroupMember, MemberConfig, MemberEvent, Membership, Result, TopicPartition,
};
use broker_wire::consumer_protocol::{Assignment, Subscription as Wish, TopicPartitions, Versioned};
use bytes::Bytes;
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::subscription::Subscription;
use crate::task::TaskId;

/// How often to look whether topics or partitions have come.
const LOOK_FOR_TOPICS: Duration = Duration::from_secs(3);

/// The same while the task has nothing to read.
const LOOK_FOR_FIRST_TOPICS: Duration = Duration::from_millis(500);

/// So much of a connector's name is in what its tasks are called in their group.
const READABLE: usize = 100;

/// The version of the consumer protocol: the first with owned partitions.
const WISH_VERSION: i16 = 1;

/// How a task takes part in its group.
#[derive(Clone)]
pub struct GroupSettings {
    /// The group.
    pub group: String,
    /// See [`instance_of`].
    pub instance: String,
    /// See [`MemberConfig::session_timeout`].
    pub session_timeout: Duration,
    /// See [`MemberConfig::heartbeat_interval`].
    pub heartbeat_interval: Duration,
    /// See [`MemberConfig::rebalance_timeout`].
    pub rebalance_timeout: Duration,
    /// Where the place is kept: a runtime that no connector can block.
    pub control: Handle,
    /// A client for that runtime.
    pub client: Client,
}

/// The name under which a task of a herd takes part in its group, wherever it runs: where a worker was lost, the task that runs in
/// place of its own has the partitions at once, although the log would wait for the lost one until its session ends.
pub fn instance_of(herd: &str, task: &TaskId) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
    let readable: String = task.connector.chars().filter(plain).take(READABLE).collect();
    // What tells it from all others, also of other herds on the same log.
    let digest = digest(&SHA256, format!("{herd}\0{}", task.connector).as_bytes());
    let mark: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{readable}-{mark}-{}", task.task)
}

/// What happens to the task's share of partitions.
#[derive(Debug)]
pub(super) enum Change {
    /// It has these now; what it had and is not among them is to be given up.
    Assigned(BTreeSet<TopicPartition>),
    /// What it had is somebody else's by now.
    Lost(ClientError),
    /// Something is tried again.
    Retrying(ClientError),
    /// It will never get in.
    Refused(ClientError),
}

type Counts = Arc<Mutex<Option<BTreeMap<String, i32>>>>;

/// The task's place.
pub(super) struct Group {
    membership: Membership,
    subscription: Subscription,
    settings: GroupSettings,
    topics: Vec<String>,
    /// The partition counts by which this member, as leader, shared out last.
    counts: Counts,
    owned: BTreeSet<TopicPartition>,
    committer: Committer,
    leads: bool,
    next_look: Instant,
}

impl Group {
    /// Takes part from now on.
    pub async fn join(settings: GroupSettings, subscription: Subscription, client: &Client) -> Result<Group> {
        let topics = subscription.topics(client).await?;
        let config = MemberConfig {
            group: settings.group.clone(),
            protocol_type: "consumer",
            protocols: vec!["cooperative-sticky".to_owned()],
            session_timeout: settings.session_timeout,
            rebalance_timeout: settings.rebalance_timeout,
            heartbeat_interval: settings.heartbeat_interval,
            instance: Some(settings.instance.clone()),
        };
        let counts = Counts::default();
        let assignor = assignor(settings.client.clone(), counts.clone());
        let membership = Membership::start(&settings.control, settings.client.clone(), config, assignor);
        let committer = Committer { group: settings.group.clone(), generation: -1, member: String::new() };
        let group = Group {
            membership,
            subscription,
            settings,
            counts,
            topics,
            owned: BTreeSet::new(),
            committer,
            leads: false,
            next_look: Instant::now() + LOOK_FOR_FIRST_TOPICS,
        };
        group.rejoin();
        Ok(group)
    }

    /// Under which commits are made.
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// The partitions that the task has.
    pub fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    /// The next change. Dropping the future loses nothing.
    pub async fn change(&mut self, client: &Client) -> Change {
        loop {
            tokio::select! {
                event = self.membership.event() => match event {
                    Some(MemberEvent::Assigned { generation, member_id, leader, assignment }) => {
                        self.committer.generation = generation;
                        self.committer.member = member_id;
                        self.leads = leader;
                        match partitions_of(assignment) {
                            Ok(partitions) => return Change::Assigned(partitions),
                            Err(error) => return Change::Refused(error),
                        }
                    }
                    Some(MemberEvent::RejoinWanted) => self.rejoin(),
                    Some(MemberEvent::Lost(error)) => return Change::Lost(error),
                    Some(MemberEvent::Retrying(error)) => return Change::Retrying(error),
                    Some(MemberEvent::Refused(error)) => return Change::Refused(error),
                    None => std::future::pending().await,
                },
                () = tokio::time::sleep_until(self.next_look) => {
                    self.next_look = Instant::now() + self.look_interval();
                    self.look_for_topics(client).await;
                }
            }
        }
    }

    fn look_interval(&self) -> Duration {
        if self.owned.is_empty() { LOOK_FOR_FIRST_TOPICS } else { LOOK_FOR_TOPICS }
    }

    /// The partitions that the task has from now on. Joins again if some were given up, so that others get them.
    pub fn now_owns(&mut self, partitions: BTreeSet<TopicPartition>) {
        let gave_up = self.owned.iter().any(|partition| !partitions.contains(partition));
        self.owned = partitions;
        if gave_up {
            self.rejoin();
        }
    }

    /// Joins again with nothing, after the place was lost.
    pub fn start_over(&mut self) {
        self.owned.clear();
        self.rejoin();
    }

    /// Gives the place up.
    pub async fn leave(self) {
        self.membership.leave().await;
    }

    fn rejoin(&self) {
        let wish = Wish { topics: self.topics.clone(), owned_partitions: grouped(&self.owned), ..Default::default() };
        // Encoding fails for names above 32 KiB only, which no topic has.
        self.membership.join(wish.to_versioned_bytes(WISH_VERSION).unwrap_or_default());
    }

    /// New topics that match, or new partitions, are a reason to share out anew. The leader sees to partitions.
    async fn look_for_topics(&mut self, client: &Client) {
        let Ok(topics) = self.subscription.topics(client).await else { return };
        let mut changed = topics != self.topics;
        self.topics = topics;
        if self.leads
            && let Ok(counts) = partition_counts(client, &self.topics).await
        {
            // One that took the leader's place over has not shared out itself, so it cannot know whether there are more by now.
            changed |= self.counts.lock().as_ref() != Some(&counts);
        }
        if changed {
            tracing::info!(group = self.settings.group, "topics or partitions have changed: sharing out anew");
            self.rejoin();
        }
    }
}

/// Decides for all members, on the member that leads.
fn assignor(client: Client, counts: Counts) -> Assignor {
    Arc::new(move |_, members| {
        let (client, counts) = (client.clone(), counts.clone());
        Box::pin(async move { assign(&client, &counts, members).await })
    })
}

async fn assign(client: &Client, used: &Counts, members: Vec<GroupMember>) -> Result<Vec<(String, Bytes)>> {
    let mut subscribers = BTreeMap::new();
    for member in members {
        let wish = Wish::from_versioned_bytes(member.metadata).map_err(nonsense)?;
        let owned = wish.owned_partitions.iter().flat_map(ungrouped).collect();
        subscribers.insert(member.id, Subscriber { topics: wish.topics.into_iter().collect(), owned });
    }
    let topics: BTreeSet<&String> = subscribers.values().flat_map(|subscriber| &subscriber.topics).collect();
    let topics: Vec<String> = topics.into_iter().cloned().collect();
    let counts = partition_counts(client, &topics).await?;
    let shares = cooperative_sticky(&subscribers, &counts);
    *used.lock() = Some(counts);
    let encoded = shares.into_iter().map(|(member, share)| {
        let assignment = Assignment { assigned_partitions: grouped(&share), user_data: None };
        (member, assignment.to_versioned_bytes(WISH_VERSION).unwrap_or_default())
    });
    Ok(encoded.collect())
}

async fn partition_counts(client: &Client, topics: &[String]) -> Result<BTreeMap<String, i32>> {
    let mut counts = BTreeMap::new();
    for topic in topics {
        if let Some(partitions) = client.refresh(topic).await? {
            counts.insert(topic.clone(), partitions.leaders.len() as i32);
        }
    }
    Ok(counts)
}

fn partitions_of(assignment: Bytes) -> Result<BTreeSet<TopicPartition>> {
    if assignment.is_empty() {
        return Ok(BTreeSet::new());
    }
    let read = Assignment::from_versioned_bytes(assignment).map_err(nonsense)?;
    Ok(read.assigned_partitions.iter().flat_map(ungrouped).collect())
}

fn nonsense(why: broker_wire::DecodeError) -> ClientError {
    ClientError::Missing(format!("sense in what a group member says of itself: {why}"))
}

fn grouped(partitions: &BTreeSet<TopicPartition>) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    topics.into_iter().map(|(topic, partitions)| TopicPartitions { topic: topic.to_owned(), partitions }).collect()
}

fn ungrouped(group: &TopicPartitions) -> impl Iterator<Item = TopicPartition> {
    let topic: Arc<str> = group.topic.as_str().into();
    group.partitions.clone().into_iter().map(move |partition| TopicPartition { topic: topic.clone(), partition })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_one_name_that_the_log_takes_and_no_other_task_has() {
        let name = |herd: &str, connector: &str, task| instance_of(herd, &TaskId { connector: connector.into(), task });
        assert_eq!(name("naru", "orders to s3", 1), name("naru", "orders to s3", 1));
        let long = "\u{e4}b c".repeat(200);
        let all = [
            name("naru", "orders", 0),
            name("naru", "orders", 1),
            name("other", "orders", 0),
            name("naru", "order s", 0),
            name("naru", &long, 0),
            name("naru", &format!("{long}d"), 0),
        ];
        assert!(all[0].starts_with("orders-") && all[0].ends_with("-0"), "{}", all[0]);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        assert!(all.iter().all(|name| name.len() <= 249 && name.chars().all(plain)), "{all:?}");
    }
}
