//! Connectors of this kind, and what they say of themselves.

use std::sync::Arc;
use std::time::Duration;

use connector_api::boundary::definition::Described;
use connector_api::{Error, Host, Result, Silence};

use super::channel::ProcessChannel;
use super::command::{Limits, Program};
use crate::plugins::remote::{Channel, Endpoint, Scope};

/// How long a program may take to say what it is.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// A connector in processes of its own.
#[derive(Clone)]
pub struct ProcessConnector {
    /// What runs there.
    pub program: Program,
    /// The connector's place among the program's descriptions.
    pub number: u32,
    /// What each process may use.
    pub limits: Limits,
}

impl Endpoint for ProcessConnector {
    fn open(&self, scope: Scope, name: &str, host: Arc<dyn Host>) -> Result<Box<dyn Channel>> {
        let mut channel = ProcessChannel::start(&self.program, self.limits, name, host)?;
        channel.open(self.number, scope, name);
        Ok(Box::new(channel))
    }
}

/// Starts a program to hear what is in it. The error completes the sentence "it is not loaded: ...".
pub async fn describe(program: &Program, name: &str) -> std::result::Result<Vec<Described>, String> {
    let said = async {
        let mut channel = ProcessChannel::start(program, Limits { memory: 0 }, name, Arc::new(Silence))?;
        let descriptions = channel.hello().await?;
        if descriptions.is_empty() {
            return Err(Error::fatal("it describes no connector"));
        }
        let read = |text: &String| {
            serde_json::from_str(text).map_err(|why| Error::fatal(format!("a description in it is wrong: {why}")))
        };
        descriptions.iter().map(read).collect::<Result<Vec<Described>>>()
    };
    match tokio::time::timeout(HELLO_LIMIT, said).await {
        Ok(said) => said.map_err(|why| why.to_string()),
        Err(_) => Err(format!("it has not said hello within {HELLO_LIMIT:?}")),
    }
}
