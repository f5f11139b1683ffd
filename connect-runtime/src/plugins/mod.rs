//! The connectors that a worker can run.
//!
//! | part | what it holds |
//! |---|---|
//! | `mod.rs` | the table: what is built in, what was found, which one a configuration means |
//! | `version.rs` | which version a configuration means (pure) |
//! | `folders.rs` | libraries and programs in the folders of `plugin.path`: which are trusted, which are new |
//! | `known.rs` | a connector in the table, and how it runs |
//! | `library/` | connectors in dynamic libraries |
//! | `process/` | connectors in processes of their own |
//! | `remote/` | the traits of connectors, as messages to where they live |

mod folders;
pub(crate) mod known;
mod library;
pub mod process;
mod remote;
pub mod version;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connector_api::Plugin;
use connector_api::config::RawConfig;
use futures_util::stream::{self, StreamExt};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::task::on_own_thread;

pub use folders::{Folders, Refused};
pub use known::Known;
use version::{Wanted, compare};

/// The table of connectors. Cheap to clone; what is found later is seen by all clones.
#[derive(Clone, Default)]
pub struct Plugins(Arc<Shared>);

#[derive(Default)]
struct Shared {
    known: RwLock<Vec<Known>>,
    refused: RwLock<Vec<Refused>>,
    /// One scan at a time.
    folders: Mutex<Folders>,
}

/// Files that are asked what is in them at the same time.
const ASKED_AT_ONCE: usize = 8;
/// How long a scan may take: some files that say nothing.
const SCAN_LIMIT: Duration = Duration::from_secs(60);

/// Loads what is new, on a thread of its own, and says in the log what came of it.
pub async fn rescan(plugins: &Plugins) -> Result<Scanned, String> {
    let asked = plugins.clone();
    let scanned = on_own_thread("plugins", SCAN_LIMIT, move || async move { asked.rescan().await }).await;
    let scanned = scanned.map_err(|why| format!("Plugins could not be looked for: {why}"))?;
    for (class, version, location) in &scanned.loaded {
        tracing::info!(class, version, location, "plugin loaded");
    }
    for Refused { location, reason } in &scanned.refused {
        tracing::warn!("plugin {location}: {reason}");
    }
    Ok(scanned)
}

/// The same plugins with those of one file, wherever it lies. For a user who tries their own.
pub fn try_file(plugins: Plugins, file: &Path) -> Result<Plugins, String> {
    let program = Folders::trust(file)?;
    let location = file.display().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    let local = tokio::task::LocalSet::new();
    let known = local.block_on(&runtime, Known::of_program(&program, &location))?;
    plugins.add(known)?;
    Ok(plugins)
}

/// What a scan has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Connectors that are new: class, version, location.
    pub loaded: Vec<(String, String, String)>,
    /// Files that are not loaded, old ones included.
    pub refused: Vec<Refused>,
}

impl Plugins {
    /// The connectors that are built in.
    pub fn builtin() -> Plugins {
        let builtin = [
            postgres_source::plugin(),
            Plugin::source(file_source::FileSource),
            Plugin::sink(file_sink::FileSink),
            Plugin::sink(s3_sink::S3Sink),
            Plugin::source(verifiable_source::VerifiableSource),
            Plugin::sink(verifiable_sink::VerifiableSink),
            elasticsearch_sink::plugin(),
        ];
        builtin.into_iter().fold(Plugins::default(), Plugins::with)
    }

    /// The same with one more.
    pub fn with(self, plugin: Plugin) -> Plugins {
        self.0.known.write().push(Known::builtin(plugin));
        self
    }

    /// Looks for plugins in these folders whenever [`rescan`](Self::rescan) is called.
    pub async fn look_in(&self, folders: Folders) {
        *self.0.folders.lock().await = folders;
    }

    /// Takes what is new in the folders. Runs code of plugins, in processes of their own, and may take long, so it has a thread of
    /// its own. What runs already goes on as it is. Needs a local set.
    pub async fn rescan(&self) -> Scanned {
        let mut folders = self.0.folders.lock().await;
        let mut scanned = Scanned::default();
        let asked = folders.new_files().into_iter().map(|found| async {
            let known = Known::of_program(&found.program, &found.location).await;
            (found, known)
        });
        // In their order, whoever answers first.
        let mut answers = stream::iter(asked).buffered(ASKED_AT_ONCE);
        while let Some((found, known)) = answers.next().await {
            match known.and_then(|known| self.add(known)) {
                Ok(added) => scanned.loaded.extend(added),
                Err(reason) => folders.refuse(&found, reason),
            }
        }
        drop(answers);
        scanned.refused = folders.refused();
        *self.0.refused.write() = scanned.refused.clone();
        scanned
    }

    /// Takes the connectors of a file, all or none.
    fn add(&self, new: Vec<Known>) -> Result<Vec<(String, String, String)>, String> {
        let mut known = self.0.known.write();
        for one in &new {
            let twin = known.iter().find(|known| known.class == one.class && known.version == one.version);
            if let Some(twin) = twin.filter(|twin| !one.replaces(twin)) {
                return Err(format!(
                    "{} {} is there already, from {}. Give the new one another version; the old one stays until the worker \
                     starts anew",
                    one.class,
                    one.version,
                    twin.location()
                ));
            }
        }
        let added = new.iter().map(|one| (one.class.to_owned(), one.version.to_owned(), one.location().to_owned()));
        let added = added.collect();
        known.retain(|known| !new.iter().any(|one| one.replaces(known)));
        known.extend(new);
        Ok(added)
    }

    /// All of them.
    pub fn all(&self) -> Vec<Known> {
        self.0.known.read().clone()
    }

    /// Files that the last scan did not load.
    pub fn refused(&self) -> Vec<Refused> {
        self.0.refused.read().clone()
    }

    /// The connector of a configuration; the error lists those that there are.
    pub fn of(&self, config: &RawConfig) -> Result<Plugin, String> {
        let class = config.get("connector.class").map_or("", String::as_str);
        let version = config.get("connector.plugin.version").map_or("", String::as_str);
        self.version(class, version)?.as_configured(config)
    }

    /// The newest connector that answers to a class name, full or short; the error lists those that there are.
    pub fn find(&self, class: &str) -> Result<Plugin, String> {
        self.version(class, "latest").map(|known| known.plugin)
    }

    fn version(&self, class: &str, version: &str) -> Result<Known, String> {
        let class = class.trim();
        let known = self.0.known.read();
        let found: Vec<&Known> = known.iter().filter(|known| known.plugin.definition().answers_to(class)).collect();
        // A whole class name means that class, whatever else has it as a short name.
        let exact = found.iter().copied().find(|known| known.class == class).or(found.first().copied());
        let Some(first) = exact else { return Err(no_such_class(class, &known)) };
        let other = found.iter().find(|known| known.class != first.class);
        if let Some(other) = other.filter(|_| first.class != class) {
            return Err(format!(
                "The class name `{class}` means several connectors, such as {} and {}. Use the full name.",
                first.class, other.class
            ));
        }
        let wanted = Wanted::read(version)
            .map_err(|why| format!("The value `{version}` of `connector.plugin.version` is wrong: {why}."))?;
        let versions = || found.iter().filter(|known| known.class == first.class);
        let newest = versions()
            .filter(|known| wanted.allows(known.version))
            .max_by(|one, other| compare(one.version, other.version).then(Ordering::Greater));
        newest.copied().cloned().ok_or_else(|| {
            let there: Vec<&str> = versions().map(|known| known.version).collect();
            format!(
                "No version of {} is `{version}`, as `connector.plugin.version` wants it. There are: {}.",
                first.class,
                there.join(", ")
            )
        })
    }
}

fn no_such_class(class: &str, known: &[Known]) -> String {
    let mut classes: Vec<&str> = known.iter().map(|known| known.class).collect();
    classes.dedup();
    format!(
        "Failed to find any class that implements Connector and which name matches {class}, available connectors are: {}.",
        classes.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use connector_api::config::{Config, ConfigDef};
    use connector_api::*;

    use super::*;

    #[test]
    fn connectors_answer_to_their_long_and_short_names() {
        let plugins = Plugins::builtin();
        for name in [
            "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "FileStreamSinkConnector",
            "FileStreamSink",
            "file-sink",
        ] {
            assert_eq!(plugins.find(name).unwrap().kind(), "sink", "{name}");
        }
        let error = plugins.find("Sftp").err().unwrap();
        assert!(error.contains("FileStreamSourceConnector"), "{error}");
    }

    /// A source of that class and version that never does anything.
    struct Named(&'static str, &'static str);
    struct Nothing;

    impl SourceConnector for Named {
        type Task = Nothing;

        fn definition(&self) -> Definition {
            Definition { class: self.0, aliases: &[], version: self.1, doc: "", config: ConfigDef::new() }
        }

        fn task(&self) -> Nothing {
            Nothing
        }
    }

    impl SourceTask for Nothing {
        async fn start(&mut self, _: SourceContext, _: &Config) -> Result<()> {
            Ok(())
        }

        async fn poll(&mut self, _: PollLimits) -> Result<Option<SourceBatch>> {
            Ok(None)
        }
    }

    #[test]
    fn the_version_that_is_asked_for_is_taken_and_the_newest_otherwise() {
        let plugins = ["1.0", "1.10", "1.9"]
            .iter()
            .fold(Plugins::default(), |plugins, version| plugins.with(Plugin::source(Named("a.Thing", version))));
        let version = |wanted: Option<&str>| {
            let mut config = RawConfig::from([("connector.class".to_owned(), "Thing".to_owned())]);
            config.extend(wanted.map(|wanted| ("connector.plugin.version".to_owned(), wanted.to_owned())));
            plugins.of(&config).map(|plugin| plugin.definition().version)
        };
        assert_eq!(version(None), Ok("1.10"));
        assert_eq!(version(Some("latest")), Ok("1.10"));
        assert_eq!(version(Some("1.0")), Ok("1.0"));
        assert_eq!(version(Some("[1.0,1.10)")), Ok("1.9"));
        assert!(version(Some("2.0")).unwrap_err().contains("There are: 1.0, 1.10, 1.9"));
        assert!(version(Some("1.0,2.0")).unwrap_err().contains("`connector.plugin.version` is wrong"));
    }

    #[test]
    fn a_short_name_of_two_classes_is_refused_and_a_full_one_is_not() {
        let plugins =
            Plugins::default().with(Plugin::source(Named("a.Thing", "1"))).with(Plugin::source(Named("b.Thing", "1")));
        assert!(plugins.find("Thing").err().unwrap().contains("means several connectors"));
        assert_eq!(plugins.find("b.Thing").unwrap().definition().class, "b.Thing");
    }
}
