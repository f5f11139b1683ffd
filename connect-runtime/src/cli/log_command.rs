//! `naru broker`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use broker::config::KEYS;
use broker::{Broker, BrokerConfig};

use super::args::SettingsArgs;
use super::{FAILED, SET_UP, end_with, signals};
use crate::config::properties;

pub fn run(args: &SettingsArgs) -> ExitCode {
    if args.list_settings {
        println!("| key | default | meaning |\n|---|---|---|");
        for key in KEYS {
            println!("| `{}` | {} | {} |", key.name, key.default, key.meaning);
        }
        return ExitCode::SUCCESS;
    }
    let config = match settings(args.file.as_deref(), &args.set).and_then(read) {
        Ok(config) => config,
        Err(lines) => return end_with(SET_UP, lines),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return end_with(SET_UP, [format!("Cannot start: {why}.")]),
    };
    runtime.block_on(serve(config))
}

fn settings(file: Option<&Path>, set: &[String]) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut settings = BTreeMap::from([("log.dirs".to_owned(), "naru-data/log".to_owned())]);
    if let Some(file) = file {
        let shown = file.display();
        let text =
            std::fs::read_to_string(file).map_err(|why| vec![format!("Cannot read the file {shown}: {why}.")])?;
        let read = properties::parse(&text);
        settings.extend(read.map_err(|bad| vec![format!("Line {} of {shown} is wrong: {}.", bad.line, bad.reason)])?);
    }
    for pair in set {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| vec![format!("`--set {pair}` is not of the form key=value.")])?;
        settings.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(settings)
}

fn read(settings: BTreeMap<String, String>) -> Result<BrokerConfig, Vec<String>> {
    BrokerConfig::from_properties(&settings).map_err(|errors| errors.iter().map(|error| format!("{error}.")).collect())
}

async fn serve(config: BrokerConfig) -> ExitCode {
    let broker = match Broker::open(config) {
        Ok(broker) => broker,
        Err(why) => return end_with(SET_UP, [why.to_string()]),
    };
    let listeners = match broker.bind().await {
        Ok(listeners) => listeners,
        Err(why) => return end_with(SET_UP, [why.to_string()]),
    };
    let (stop, mut stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn({
        let broker = broker.clone();
        async move { broker.serve(listeners, async move { drop(stopped.wait_for(|stop| *stop).await) }).await }
    });
    tracing::info!("the log is ready");
    let code = tokio::select! {
        () = signals::stop() => ExitCode::SUCCESS,
        () = broker.failed() => {
            end_with(FAILED, ["The log cannot be written any more. Look after the disk, then start again."])
        }
    };
    let _ = stop.send(true);
    let _ = serving.await;
    broker.shutdown().await;
    code
}
