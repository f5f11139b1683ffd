//! The connector's life: its start, its state, its end.

use std::sync::LazyLock;
use std::time::Duration;

use connector_api::config::RawConfig;
use tokio::time::Instant;

use super::flow::{Incoming, Outgoing};
use crate::cli::signals;
use crate::config::raw::listed;
use crate::herd::status_log::State;
use crate::herd::{Herd, HerdError, InitialState, LiveTask};

/// The connector's name: another one each time, because a sink may keep offsets under it.
static NAME: LazyLock<String> = LazyLock::new(|| format!("try-{}", std::process::id()));
/// How often to look how it goes.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs the connector until it fails, a limit is reached, or somebody stops it. The error is a line for people.
pub async fn run(herd: &Herd, mut config: RawConfig, limits: (Option<u64>, Option<Duration>)) -> Result<(), String> {
    let (records, time) = limits;
    config.insert("name".to_owned(), NAME.clone());
    let plugin = herd.parts().plugins.of(&config)?;
    let sink_topic = (plugin.kind() == "sink").then(|| first_topic(&config)).flatten();
    let client = herd.parts().link.client("try");
    let mut incoming = match &sink_topic {
        Some(topic) => Some(Incoming::open(&client, topic).await.map_err(|why| why.to_string())?),
        None => None,
    };
    herd.create(&NAME, config.clone(), InitialState::Running).await.map_err(in_words)?;
    println!("{} {} runs; Ctrl-C ends it", plugin.definition().class, plugin.definition().version);
    let mut outgoing = Outgoing::new(herd, client, records);
    let end = Instant::now() + time.unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
    let mut shown = Shown::default();
    loop {
        tokio::select! {
            biased;
            () = signals::stop() => return Ok(()),
            () = tokio::time::sleep_until(end) => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {
                shown.look(herd)?;
                outgoing.look_for_topics().await;
                if let Some(incoming) = &incoming
                    && incoming.is_over()
                    && committed(herd, &config).await >= incoming.sent()
                {
                    println!("{} records are in the sink, and their offsets are committed", incoming.sent());
                    return Ok(());
                }
            }
            () = outgoing.show_next(), if sink_topic.is_none() => {}
            sent = async { match &mut incoming { Some(incoming) => incoming.send_next().await, None => std::future::pending().await } } => {
                sent.map_err(|why| why.to_string())?;
            }
        }
        let done = incoming.as_ref().map_or(outgoing.count(), |_| 0);
        if records.is_some_and(|most| done >= most) {
            println!("{done} records");
            return Ok(());
        }
    }
}

fn first_topic(config: &RawConfig) -> Option<String> {
    listed(config, "topics").next().map(str::to_owned)
}

fn in_words(why: HerdError) -> String {
    let (HerdError::NotFound(text)
    | HerdError::Conflict(text)
    | HerdError::Again(text)
    | HerdError::BadRequest(text)
    | HerdError::Failed(text)) = why;
    // What follows is advice on how to ask over REST.
    text.lines().filter(|line| !line.starts_with("You can also find")).collect::<Vec<_>>().join("\n")
}

async fn committed(herd: &Herd, config: &RawConfig) -> u64 {
    let offsets = herd.committed(&NAME, config).await.unwrap_or_default();
    offsets.values().map(|offset| (*offset).max(0).cast_unsigned()).sum()
}

/// What has been shown of the connector's state.
#[derive(Default)]
struct Shown {
    warnings: Vec<String>,
    activity: String,
}

impl Shown {
    /// Shows what is new; the error is why it has failed.
    fn look(&mut self, herd: &Herd) -> Result<(), String> {
        let Some(live) = herd.parts().live.get(&NAME) else { return Ok(()) };
        live.warnings.iter().for_each(|warning| self.warn(warning));
        if live.state == State::Failed {
            return Err(live.trace.unwrap_or_else(|| "the connector has failed".to_owned()));
        }
        live.tasks.values().try_for_each(|task| self.look_at_task(task))
    }

    fn look_at_task(&mut self, task: &LiveTask) -> Result<(), String> {
        if task.state == State::Failed {
            return Err(task.trace.clone().unwrap_or_else(|| "the task has failed".to_owned()));
        }
        let seen = task.view.snapshot();
        seen.warnings.iter().chain(&seen.retrying).for_each(|warning| self.warn(warning));
        if seen.activity != self.activity && !seen.activity.is_empty() {
            println!("# {}", seen.activity);
            self.activity = seen.activity;
        }
        Ok(())
    }

    fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            println!("! {warning}");
            self.warnings.push(warning.to_owned());
        }
    }
}
