//! Making clients of the log.

use std::sync::Arc;

use broker::Broker;
use broker_client::{Client, ClientConfig, Secured, Security, Tcp, Transport};

use super::InProcess;
use crate::config::WorkerConfig;
use crate::config::security::{security_part, worker_security};
use crate::secrets::Secrets;

/// How the log is reached. Cheap to clone.
#[derive(Clone)]
pub struct LogLink {
    transport: Arc<dyn Transport>,
    config: ClientConfig,
    embedded: Option<Broker>,
}

impl LogLink {
    /// To the log in the same process, or to the cluster that the configuration names. The keys for encryption and login
    /// may hold references to config providers.
    ///
    /// # Errors
    /// Those keys are wrong, or what they refer to is not there.
    pub fn new(config: &WorkerConfig, secrets: &Secrets, embedded: Option<&Broker>) -> Result<LogLink, String> {
        let transport: Arc<dyn Transport> = match embedded {
            Some(broker) => Arc::new(InProcess(broker.clone())),
            None => over_network(own_security(config, secrets)?),
        };
        let bootstrap = match &config.bootstrap {
            Some(addresses) => addresses.clone(),
            None => vec![("embedded".to_owned(), 0)],
        };
        let config = ClientConfig {
            bootstrap,
            client_id: config.client_id.clone(),
            request_timeout: config.request_timeout,
            metadata_max_age: config.metadata_max_age,
        };
        Ok(LogLink { transport, config, embedded: embedded.cloned() })
    }

    /// Says how many members will come into a group. The log in the same process then begins with all of them at once;
    /// a cluster cannot be told.
    pub fn await_members(&self, group: &str, members: usize) {
        if let Some(broker) = &self.embedded {
            broker.await_members(group, members);
        }
    }

    /// A client under a name, for use on one runtime. The worker's `client.id` stands in front of the name.
    pub fn client(&self, name: &str) -> Client {
        let client_id = match self.config.client_id.as_str() {
            "" => name.to_owned(),
            own => format!("{own}-{name}"),
        };
        Client::new(ClientConfig { client_id, ..self.config.clone() }, self.transport.clone())
    }
}

fn own_security(config: &WorkerConfig, secrets: &Secrets) -> Result<Security, String> {
    let resolved = secrets.resolve("", &security_part(&config.raw))?.config;
    let lines = |issues: Vec<connector_api::config::Issue>| {
        issues.iter().map(ToString::to_string).collect::<Vec<String>>().join("\n")
    };
    worker_security(&resolved).map_err(lines)
}

fn over_network(security: Security) -> Arc<dyn Transport> {
    match security {
        Security { tls: None, sasl: None } => Arc::new(Tcp::default()),
        security => Arc::new(Secured::new(security, Tcp::default())),
    }
}
