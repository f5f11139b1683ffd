//! Making clients of the log.

use std::sync::Arc;

use broker::Broker;
use broker_client::{Client, ClientConfig, Tcp, Transport};

use super::InProcess;
use crate::config::WorkerConfig;

/// How the log is reached. Cheap to clone.
#[derive(Clone)]
pub struct LogLink {
    transport: Arc<dyn Transport>,
    config: ClientConfig,
}

impl LogLink {
    /// To the log in the same process, or to the cluster that the configuration names.
    pub fn new(config: &WorkerConfig, embedded: Option<&Broker>) -> LogLink {
        let transport: Arc<dyn Transport> = match embedded {
            Some(broker) => Arc::new(InProcess(broker.clone())),
            None => Arc::new(Tcp::default()),
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
        LogLink { transport, config }
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
