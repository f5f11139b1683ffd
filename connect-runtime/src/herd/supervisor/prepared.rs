//! A connector's configuration, ready for its calls.

use connector_api::config::{Config, RawConfig};
use connector_api::{Error, Plugin, Result};

use super::Parts;
use crate::config::connector::check;
use crate::secrets::Resolved;

/// A configuration that was found right.
pub struct Prepared {
    /// The connector.
    pub plugin: Plugin,
    /// The configuration with secrets in their places.
    pub resolved: Resolved,
    /// Its settings.
    pub config: Config,
}

impl Parts {
    /// Finds the connector, puts secrets in their places and looks at the settings; an error if anything is wrong.
    pub fn prepare(&self, connector: &str, raw: &RawConfig) -> Result<Prepared> {
        let plugin = self.plugins.of(raw).map_err(|why| Error::bad_config("connector.class", why))?;
        let resolved = self.secrets.resolve(connector, raw).map_err(Error::fail)?;
        let checked = check(&plugin, &resolved.config, &self.config, &self.plugins);
        match checked.issues.iter().find(|issue| issue.is_error()) {
            Some(issue) => Err(Error::bad_config(&issue.key, &issue.message)),
            None => Ok(Prepared { plugin, resolved, config: checked.config }),
        }
    }
}
