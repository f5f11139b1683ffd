//! The connectors that a worker can run, and what it can put between them and the log.
//!
//! | part | what it holds |
//! |---|---|
//! | `mod.rs` | the table: what is built in, what was found, which one a configuration means |
//! | `version.rs` | which version a configuration means (pure) |
//! | `folders.rs` | libraries and programs in the folders of `plugin.path`: which are trusted, which are new |
//! | `known.rs` | a plugin in the table, and how it runs |
//! | `part.rs` | transforms, predicates and converters |
//! | `library/` | connectors in dynamic libraries |
//! | `process/` | connectors in processes of their own |
//! | `remote/` | the traits of connectors, as messages to where they live |

mod folders;
pub(crate) mod known;
mod library;
pub mod part;
pub mod process;
pub mod remote;
pub mod version;

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connector_api::config::RawConfig;
use connector_api::{Export, Plugin};
use futures_util::stream::{self, StreamExt};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use crate::task::on_own_thread;

pub use folders::{Folders, Refused};
use known::Kind;
pub use known::Known;
use part::{Part, PartKind};
use version::{Wanted, compare};

/// The table of plugins. Cheap to clone; what is found later is seen by all clones.
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
    /// Plugins that are new: class, version, location.
    pub loaded: Vec<(String, String, String)>,
    /// Files that are not loaded, old ones included.
    pub refused: Vec<Refused>,
}

impl Plugins {
    /// What is built in.
    pub fn builtin() -> Plugins {
        let connectors = [
            postgres_source::plugin(),
            Plugin::source(file_source::FileSource),
            Plugin::sink(file_sink::FileSink),
            Plugin::sink(s3_sink::S3Sink),
            Plugin::source(verifiable_source::VerifiableSource),
            Plugin::sink(verifiable_sink::VerifiableSink),
            elasticsearch_sink::plugin(),
        ];
        let plugins = connectors.into_iter().fold(Plugins::default(), Plugins::with);
        let plugins = transforms::all().into_iter().fold(plugins, Plugins::with);
        plugins.0.known.write().extend(crate::convert::builtin().into_iter().map(Known::inline));
        plugins
    }

    /// The same with one more.
    pub fn with(self, export: impl Into<Export>) -> Plugins {
        self.0.known.write().push(Known::builtin(export.into()));
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

    /// Takes the plugins of a file, all or none.
    fn add(&self, new: Vec<Known>) -> Result<Vec<(String, String, String)>, String> {
        let mut known = self.0.known.write();
        for one in &new {
            let twin = known.iter().find(|known| {
                (known.definition.class, known.definition.version) == (one.definition.class, one.definition.version)
            });
            if let Some(twin) = twin.filter(|twin| !one.replaces(twin)) {
                return Err(format!(
                    "{} {} is there already, from {}. Give the new one another version; the old one stays until the worker \
                     starts anew",
                    one.definition.class,
                    one.definition.version,
                    twin.location()
                ));
            }
        }
        let added = new
            .iter()
            .map(|one| (one.definition.class.to_owned(), one.definition.version.to_owned(), one.location().to_owned()));
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
        let class = config.get(CLASS).map_or("", String::as_str);
        let version = config.get(VERSION).map_or("", String::as_str);
        match self.connector(class, version)?.as_configured(config)? {
            Kind::Connector(plugin) => Ok(plugin),
            Kind::Part(part) => Err(format!("{} is a {}", part.definition.class, part.kind.word())),
        }
    }

    /// The newest connector that answers to a class name, full or short; the error lists those that there are.
    pub fn find(&self, class: &str) -> Result<Plugin, String> {
        let known = self.connector(class, "latest")?;
        known.connector().cloned().ok_or_else(|| format!("{class} is no connector"))
    }

    fn connector(&self, class: &str, version: &str) -> Result<Known, String> {
        let known = self.0.known.read();
        let connectors: Vec<&Known> = known.iter().filter(|known| known.connector().is_some()).collect();
        let asked = AskedPlugin { class, class_key: CLASS, version, version_key: VERSION };
        choose(&connectors, &asked)?.ok_or_else(|| no_such_class(class, &connectors))
    }

    /// The newest transform, predicate or converter of that class.
    pub fn any_part(&self, class: &str) -> Option<Part> {
        let newest = |kind| {
            let asked = AskedPlugin { class, class_key: CLASS, version: "latest", version_key: VERSION };
            self.part(kind, &asked, &RawConfig::new()).ok()
        };
        [PartKind::Converter, PartKind::Transform, PartKind::Predicate].into_iter().find_map(newest)
    }

    /// The transform, predicate or converter of a class, full or short, in the version that is wanted, to run as the connector's
    /// configuration wants it. The error lists those that there are.
    pub fn part(&self, kind: PartKind, asked: &AskedPlugin<'_>, connector: &RawConfig) -> Result<Part, String> {
        let known = self.0.known.read();
        let parts: Vec<&Known> =
            known.iter().filter(|known| known.part().is_some_and(|part| part.kind == kind)).collect();
        let chosen = choose(&parts, asked)?.ok_or_else(|| no_such_part(kind, asked, &parts))?;
        match chosen.as_configured(connector)? {
            Kind::Part(part) => Ok(part),
            Kind::Connector(_) => Err(no_such_part(kind, asked, &parts)),
        }
    }
}

/// Which connector is wanted.
const CLASS: &str = "connector.class";
/// Which version of it.
const VERSION: &str = "connector.plugin.version";

/// Which plugin is asked for.
pub struct AskedPlugin<'a> {
    /// The class as the user wrote it.
    pub class: &'a str,
    /// The key that says so.
    pub class_key: &'a str,
    /// The version that is wanted; empty for the newest.
    pub version: &'a str,
    /// The key that says so.
    pub version_key: &'a str,
}

/// The plugin that a class name and a version mean; `None` if nothing has that name.
fn choose(known: &[&Known], asked: &AskedPlugin<'_>) -> Result<Option<Known>, String> {
    let AskedPlugin { class, class_key, version, version_key } = asked;
    let class = class.trim();
    let answers = |known: &&Known| known.definition.answers_to(class);
    let found: Vec<&Known> = known.iter().copied().filter(answers).collect();
    // A whole class name means that class, whatever else has it as a short name.
    let exact = found.iter().copied().find(|known| known.definition.class == class).or(found.first().copied());
    let Some(first) = exact else { return Ok(None) };
    let other = found.iter().find(|known| known.definition.class != first.definition.class);
    if let Some(other) = other.filter(|_| first.definition.class != class) {
        let what = first.kind.what();
        return Err(format!(
            "The class name `{class}` of `{class_key}` means several {what}s, such as {} and {}. Use the full name.",
            first.definition.class, other.definition.class
        ));
    }
    let wanted =
        Wanted::read(version).map_err(|why| format!("The value `{version}` of `{version_key}` is wrong: {why}."))?;
    let versions = || found.iter().filter(|known| known.definition.class == first.definition.class);
    let newest = versions()
        .filter(|known| wanted.allows(known.definition.version))
        .max_by(|one, other| compare(one.definition.version, other.definition.version).then(Ordering::Greater));
    match newest {
        Some(newest) => Ok(Some((*newest).clone())),
        None => {
            let there: Vec<&str> = versions().map(|known| known.definition.version).collect();
            Err(format!(
                "No version of {} is `{version}`, as `{version_key}` wants it. There are: {}.",
                first.definition.class,
                there.join(", ")
            ))
        }
    }
}

fn no_such_part(kind: PartKind, asked: &AskedPlugin<'_>, known: &[&Known]) -> String {
    let (word, AskedPlugin { class, class_key, .. }) = (kind.word(), asked);
    let mut names: Vec<&str> = known.iter().map(|known| known.definition.simple_name()).collect();
    names.dedup();
    let there = if names.is_empty() { "There are none".to_owned() } else { format!("Known are: {}", names.join(", ")) };
    format!("no {word} has the class `{class}`, which `{class_key}` names. {there}.")
}

fn no_such_class(class: &str, known: &[&Known]) -> String {
    let mut classes: Vec<&str> = known.iter().map(|known| known.definition.class).collect();
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
