//! `naru move`.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | from the arguments to the move and back |
//! | `show.rs` | tables, sizes, how it goes |

mod show;

use std::process::ExitCode;
use std::time::Duration;

use connector_api::config::Issue;
use fancy_regex::Regex;
use tokio::runtime::Builder;

use super::args::MoveArgs;
use super::{FAILED, SET_UP, end_with, signals};
use crate::config::{WorkerConfig, load};
use crate::moving::{self, Failure, Job, Outcome, Pace};

/// How long the log may take to close.
const LAST_WORDS: Duration = Duration::from_secs(3);

pub fn run(args: &MoveArgs) -> ExitCode {
    let job = match job(args) {
        Ok(job) => job,
        Err(lines) => return end_with(SET_UP, lines),
    };
    match move_log(&job) {
        Ok(outcome) => {
            show::outcome(&job, &outcome, args.config.as_deref());
            ExitCode::SUCCESS
        }
        Err(why) => end_with(if why.is_set_up { SET_UP } else { FAILED }, why.why.lines()),
    }
}

/// The worker here, and the same worker at the target: so whatever its file says of the way to a cluster holds for that one.
fn job(args: &MoveArgs) -> Result<Job, Vec<String>> {
    let (given, _) = load(args.config.as_deref(), &args.set).map_err(shown)?;
    let source = with_bootstrap(&given, None)?;
    let target = with_bootstrap(&given, Some(&args.to))?;
    if target.bootstrap.is_none() {
        let own = "`--to` names the embedded log itself. Name another cluster, or set `broker.listeners` to where the embedded log was.";
        return Err(vec![own.to_owned()]);
    }
    let topics = args.topics.as_deref().map(whole_names).transpose()?;
    Ok(Job {
        source,
        target,
        to: args.to.clone(),
        topics,
        replication_factor: args.replication_factor,
        accept_new_offsets: args.accept_new_offsets,
        dry_run: args.dry_run,
    })
}

fn whole_names(pattern: &str) -> Result<Regex, Vec<String>> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|why| vec![format!("`--topics` cannot be used: {why}.")])
}

/// The same worker on another log: on its own without a cluster.
fn with_bootstrap(given: &WorkerConfig, cluster: Option<&str>) -> Result<WorkerConfig, Vec<String>> {
    let mut raw = given.raw.clone();
    raw.remove("bootstrap.servers");
    raw.extend(cluster.map(|cluster| ("bootstrap.servers".to_owned(), cluster.to_owned())));
    WorkerConfig::from_raw(raw).map(|(config, _)| config).map_err(shown)
}

fn shown(issues: Vec<Issue>) -> Vec<String> {
    issues.iter().map(|issue| issue.to_string().replace("`bootstrap.servers`", "`--to`")).collect()
}

fn move_log(job: &Job) -> Result<Outcome, Failure> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|why| Failure::set_up(format!("Cannot start: {why}.")))?;
    let guard = runtime.enter();
    let log = moving::open(&job.source)?;
    let pace = Pace::default();
    let ended = runtime.block_on(async {
        let ended = tokio::select! {
            ended = moving::run(job, &log, &pace) => ended,
            never = show::pace(&pace) => match never {},
            () = signals::stop() => {
                Err(Failure::running("Interrupted. The same command goes on where this one ended."))
            }
        };
        show::end_of_pace();
        let _ = tokio::time::timeout(LAST_WORDS, log.shutdown()).await;
        ended
    });
    drop(guard);
    runtime.shutdown_background();
    ended
}
