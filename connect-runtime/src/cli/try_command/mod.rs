//! `naru try`: one connector on a log of its own.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | from the arguments to a worker and back |
//! | `trial.rs` | the connector's life: its start, its state, its end |
//! | `flow.rs` | records out of topics onto the screen, and lines into a topic |

mod flow;
mod trial;

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use connector_api::config::RawConfig;
use serde_json::Value as Json;

use super::args::TryArgs;
use super::{FAILED, SET_UP, end_with};
use crate::config::WorkerConfig;
use crate::plugins::{Plugins, try_file};
use crate::worker;

pub fn run(args: &TryArgs) -> ExitCode {
    let config = match read_config(&args.config) {
        Ok(config) => config,
        Err(why) => return end_with(SET_UP, [why]),
    };
    let folder = std::env::temp_dir().join(format!("naru-try-{}", std::process::id()));
    let ended = run_in(&folder, args, config);
    let _ = fs::remove_dir_all(&folder);
    ended
}

fn run_in(folder: &Path, args: &TryArgs, config: RawConfig) -> ExitCode {
    let settings = [
        ("data.dir", folder.display().to_string()),
        ("listeners", "http://127.0.0.1:0".to_owned()),
        ("broker.listeners", "PLAINTEXT://127.0.0.1:0".to_owned()),
        // Nobody waits for the log here, and offsets should show soon.
        ("offset.flush.interval.ms", "500".to_owned()),
    ];
    let settings = settings.map(|(key, value)| (key.to_owned(), value)).into();
    let worker = match WorkerConfig::from_raw(settings) {
        Ok((worker, _)) => worker,
        Err(issues) => return end_with(SET_UP, issues.iter().map(ToString::to_string)),
    };
    let plugins = match try_file(Plugins::builtin(), &args.file) {
        Ok(plugins) => plugins,
        Err(why) => return end_with(SET_UP, [format!("{}: {why}.", args.file.display())]),
    };
    let outcome = Rc::new(Cell::new(Ok(())));
    let told = outcome.clone();
    let limits = (args.records, args.seconds.map(Duration::from_secs));
    let ran =
        worker::run_with(worker, plugins, |herd| async move { told.set(trial::run(&herd, config, limits).await) });
    match (ran, outcome.replace(Ok(()))) {
        (Ok(()), Ok(())) => ExitCode::SUCCESS,
        (Ok(()), Err(why)) => end_with(FAILED, [why]),
        (Err(ended), _) => end_with(FAILED, ended.why.lines()),
    }
}

/// The configuration: a flat object, or one with it under `config`, as a POST has it.
fn read_config(file: &Path) -> Result<RawConfig, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|why| format!("Cannot read {shown}: {why}."))?;
    let read: Json = serde_json::from_str(&text).map_err(|why| format!("{shown} is not JSON: {why}."))?;
    let inner = read.get("config").filter(|inner| inner.is_object()).unwrap_or(&read);
    let object = inner.as_object().ok_or_else(|| format!("{shown} is not a JSON object."))?;
    let plain = |(key, value): (&String, &Json)| match value {
        Json::String(text) => Ok((key.clone(), text.clone())),
        Json::Number(_) | Json::Bool(_) => Ok((key.clone(), value.to_string())),
        _ => Err(format!("The value of `{key}` in {shown} is not a text.")),
    };
    object.iter().map(plain).collect()
}
