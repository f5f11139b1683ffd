//! The log alone, as a process: for tests that kill it, and for measurements.
//!
//! `log_server key=value ...` takes the broker's settings, prints `listening on ADDRESS` and runs until its standard input
//! ends, then stops cleanly. It exits with an error if the log folder fails.

use std::collections::BTreeMap;
use std::process::ExitCode;

use broker::{Broker, BrokerConfig};
use tokio::io::AsyncReadExt;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let pairs = std::env::args().skip(1).map(|arg| match arg.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!("{arg}: settings are key=value")),
    });
    let properties = pairs.collect::<Result<BTreeMap<_, _>, _>>()?;
    let lines =
        |errors: Vec<broker::ConfigError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let config = BrokerConfig::from_properties(&properties).map_err(lines)?;
    let broker = Broker::open(config).map_err(|error| error.to_string())?;
    let listeners = broker.bind().await.map_err(|error| error.to_string())?;
    for address in listeners.addresses() {
        println!("listening on {address}");
    }
    let input_ends = async {
        let mut rest = Vec::new();
        tokio::io::stdin().read_to_end(&mut rest).await.ok();
    };
    tokio::select! {
        () = broker.serve(listeners, input_ends) => {}
        () = broker.failed() => return Err("the log folder failed".to_owned()),
    }
    broker.shutdown().await;
    Ok(())
}
