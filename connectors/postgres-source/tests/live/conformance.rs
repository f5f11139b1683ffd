//! The suite that every source passes.

use connector_api::config::RawConfig;
use connector_api::conformance::{SourceWorld, check_source};
use connector_api::{Plugin, SourceRecord};

use crate::json::plain;
use crate::shared::{SERVER, database};

struct World {
    config: RawConfig,
    next: i64,
}

impl SourceWorld for World {
    fn plugin(&self) -> Plugin {
        postgres_source::plugin()
    }

    fn config(&self) -> RawConfig {
        self.config.clone()
    }

    async fn happen(&mut self, count: usize) -> Vec<String> {
        let (first, last) = (self.next, self.next + count as i64 - 1);
        self.next = last + 1;
        // Transactions of three rows, so that cuts fall inside them.
        let statements: String = (first..=last)
            .step_by(3)
            .map(|id| format!("INSERT INTO t SELECT generate_series({id}, {});", (id + 2).min(last)))
            .collect();
        SERVER.sql("conformance", &statements);
        (first..=last).map(|id| id.to_string()).collect()
    }

    fn identify(&self, record: &SourceRecord) -> Option<String> {
        Some(plain(&record.key)["id"].to_string())
    }
}

#[test]
fn the_connector_conforms() {
    let mut config = database("conformance", "CREATE TABLE t (id int PRIMARY KEY)");
    // A role whose password is not looked at, since the suite tries its own.
    SERVER.sql("postgres", "CREATE ROLE conforming SUPERUSER LOGIN");
    SERVER.run(&format!(
        "sed -i '1i host all conforming 127.0.0.1/32 trust' {0}/data/pg_hba.conf && pg_ctl -D {0}/data reload",
        SERVER.folder().display()
    ));
    config.insert("database.user".into(), "conforming".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(check_source(&mut World { config, next: 1 }));
}
