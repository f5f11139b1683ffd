//! A move from start to end.

use std::time::Instant;

use broker::Broker;
use broker_client::Client;
use fancy_regex::Regex;

use super::beginning::begin;
use super::failure::{Failure, Result};
use super::looking::Looking;
use super::move_file::{FILE_NAME, MoveFile};
use super::pace::Pace;
use super::report::Report;
use super::stages::Moving;
use super::target;
use crate::config::WorkerConfig;
use crate::log::LogLink;
use crate::worker::open_secrets;

/// What is to be moved, and how.
pub struct Job {
    /// The worker whose embedded log is moved.
    pub source: WorkerConfig,
    /// The same worker at the target.
    pub target: WorkerConfig,
    /// `bootstrap.servers` of the target, as it was given.
    pub to: String,
    /// Which topics, beside the worker's own; all of them without it. The whole name has to match.
    pub topics: Option<Regex>,
    /// How many brokers of the target hold each partition; what the cluster does with new topics without it.
    pub replication_factor: Option<i16>,
    /// Groups may go on at other offsets.
    pub accept_new_offsets: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// How a move has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was written; this would be done.
    Planned(Report),
    /// Everything is there, and was read back.
    Moved(Report),
    /// An earlier run has done all of it.
    MovedBefore,
}

/// Moves the log.
///
/// # Errors
/// What stands in the way, or went wrong. The same call goes on where this one ended.
pub async fn run(job: &Job, broker: &Broker, pace: &Pace) -> Result<Outcome> {
    let file = MoveFile::load(&job.source.data_dir).map_err(Failure::set_up)?;
    let secrets = open_secrets(&job.target).map_err(|ended| Failure::set_up(ended.why))?;
    let source = LogLink::new(&job.source, &secrets, Some(broker)).map_err(Failure::set_up)?.client("move");
    let target = LogLink::new(&job.target, &secrets, None).map_err(Failure::set_up)?.client("move");
    let cluster = target::cluster_id(&target).await.map_err(|why| Failure::unreachable(&why))?;
    check_cluster(job, file.as_ref(), (&source, cluster.as_deref())).await?;
    if file.as_ref().is_some_and(|file| file.done) {
        return Ok(Outcome::MovedBefore);
    }
    let looking = Looking { job, source: &source, target: &target, file: file.as_ref(), pace };
    let looked = looking.look().await?;
    if job.dry_run {
        return Ok(Outcome::Planned(looked.report()));
    }
    let begun = begin(job, &target, file, cluster, &looked).await?;
    let mut moving = Moving { job, source, target, pace, looked, file: begun, saved: Instant::now() };
    moving.carry_out().await?;
    Ok(Outcome::Moved(moving.looked.report()))
}

async fn check_cluster(job: &Job, file: Option<&MoveFile>, (source, there): (&Client, Option<&str>)) -> Result<()> {
    let _ = source.topic_names().await?;
    if there.is_some() && source.cluster_id().as_deref() == there {
        return Err(Failure::set_up("`--to` names the log that is to be moved. Name the brokers of another one."));
    }
    match file {
        Some(file) if file.cluster.as_deref() != there => Err(Failure::set_up(format!(
            "{} says that this log is moved to another cluster, {}. Go on with `--to {}`, or delete that file, and the topics that were \
             made there, to begin anew.",
            job.source.data_dir.join(FILE_NAME).display(),
            file.cluster.as_deref().unwrap_or("without an id"),
            file.to
        ))),
        _ => Ok(()),
    }
}
