//! The log that is moved: opened here, while no worker runs on it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use broker::Broker;
use broker_client::admin::{OffsetAt, offsets_at};
use broker_client::{Client, Producer, ProducerConfig, Purpose, TransactionalId};
use broker_wire::messages::list_transactions::ListTransactionsRequest;

use super::failure::{Failure, Result};
use crate::config::WorkerConfig;
use crate::worker::log_settings;

/// The topics in which the log keeps groups and transactions. They are not copied: groups are, offset by offset, and there are no open
/// transactions.
const KEPT_BY_THE_LOG: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// How long transactions that are decided may take until their markers are written.
const WAIT_FOR_MARKERS: Duration = Duration::from_secs(30);

/// Opens the log of a worker. It must be there already, and nobody else may have it open. It serves no sockets.
///
/// # Errors
/// A mistake of set-up, with what to do.
pub fn open(config: &WorkerConfig) -> Result<Broker> {
    let settings = log_settings(config).map_err(Failure::set_up)?;
    let folder = settings.log_dir.clone();
    let shown = folder.display();
    if !folder.join("meta.properties").is_file() {
        return Err(Failure::set_up(format!(
            "There is no log in {shown}. Name the worker's file with `--config`, or its folder with `--set data.dir=..`."
        )));
    }
    Broker::open(settings).map_err(|why| match why {
        broker::OpenError::Locked { held, .. } => Failure::set_up(format!(
            "The log in {shown} is in use: {held}. Stop that worker, and start it again only where this command says in the end."
        )),
        why => Failure::set_up(why.to_string()),
    })
}

/// Partitions of topics, with their first offset and the one behind their last record.
pub type Ends = BTreeMap<String, BTreeMap<i32, (i64, i64)>>;

/// Transactions that a producer left open when the log was stopped. Nobody can end them any more.
pub async fn open_transactions(client: &Client) -> Result<Vec<String>> {
    let ongoing = ListTransactionsRequest { state_filters: vec!["Ongoing".to_owned()], ..Default::default() };
    let answer = client.any(Purpose::Control).await?.call(&ongoing).await?;
    broker_client::ClientError::check(answer.error_code, || "cannot list transactions".to_owned())?;
    Ok(answer.transaction_states.into_iter().map(|listed| listed.transactional_id).collect())
}

/// Aborts transactions, as the next start of their producers would.
pub async fn abort(client: &Client, ids: &[String]) -> Result<()> {
    for id in ids {
        let id = TransactionalId { id: id.clone(), timeout: Duration::from_secs(60) };
        drop(Producer::open_transactional(client.clone(), ProducerConfig::default(), &id).await?);
    }
    Ok(())
}

/// The topics that users and workers have made, and the offsets in them. With `decided` no transaction is open any more when this
/// returns.
pub async fn topics(client: &Client, decided: bool) -> Result<Ends> {
    let until = Instant::now() + WAIT_FOR_MARKERS;
    let mut topics = Ends::new();
    for name in client.topic_names().await? {
        if KEPT_BY_THE_LOG.contains(&name.as_str()) {
            continue;
        }
        let partitions: Vec<i32> = (0..client.settled_partitions(&name).await?.leaders.len() as i32).collect();
        let starts = offsets_at(client, &name, &partitions, OffsetAt::Earliest).await?;
        let ends = offsets_at(client, &name, &partitions, OffsetAt::Latest).await?;
        while decided && offsets_at(client, &name, &partitions, OffsetAt::Stable).await? != ends {
            if Instant::now() > until {
                return Err(Failure::running(format!(
                    "A transaction in the topic {name} does not come to its end. Look into the messages above for a partition that \
                     cannot be read."
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let offsets =
            ends.iter().map(|(partition, end)| (*partition, (starts.get(partition).copied().unwrap_or(0), *end)));
        topics.insert(name, offsets.collect());
    }
    Ok(topics)
}
