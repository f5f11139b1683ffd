//! A topic partition that the task has: its files, its journal, its uploads.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use connector_api::{Error, Result, TopicPartition};
use tokio::task::{JoinHandle, spawn_local};

use crate::config::Settings;
use crate::file::OpenFile;
use crate::journal::{Content, Cut, Decider, Decision, Keeper};
use crate::partition::{Part, Partition, Plan};
use crate::store::{Board, Store, Tags, Upload};

/// How many objects are looked at at a time when a partition is taken on.
const LOOKS_AT_ONCE: usize = 16;

pub(super) struct Owned {
    pub partition: Partition,
    /// What the journal said when it was taken over, and its name: until reading begins.
    found: Option<(Content, String)>,
    decider: Option<Decider>,
    /// Uploads of files that are still open, by path and output.
    growing: BTreeMap<(Arc<str>, usize), Upload>,
    /// Uploads of files that have been cut, by start offset and path: of all outputs.
    storing: BTreeMap<(i64, Arc<str>), Vec<Upload>>,
    /// The ends of cuts that are above what is safe.
    since_safe: Vec<i64>,
    /// What the last two flushes said was safe.
    said: [i64; 2],
}

impl Owned {
    pub fn new(name: TopicPartition, keeper: Option<Keeper>, board: &Rc<Board>) -> Owned {
        Owned {
            partition: Partition::new(name),
            found: keeper.as_ref().map(|keeper| (keeper.content().clone(), keeper.key().to_owned())),
            decider: keeper.map(|keeper| Decider::begin(keeper, board.clone())),
            growing: BTreeMap::new(),
            storing: BTreeMap::new(),
            since_safe: Vec::new(),
            said: [i64::MIN; 2],
        }
    }

    /// Reading begins at that offset: what was decided from there on is found, and what of it is stored.
    pub async fn begin_at(&mut self, offset: i64, settings: &Settings, store: &Store) -> Result<()> {
        let Some((content, journal)) = &self.found else { return Ok(()) };
        let name = self.partition.name.clone();
        if offset < content.low {
            return Err(Error::fatal(format!(
                "{name} is read from offset {offset}, but everything below {} is stored, and where it was cut is no longer \
                 known, so records would be stored twice",
                content.low
            ))
            .remedy(format!(
                "If the offsets were set back on purpose, or the topic was made anew, delete the object `{}` and the objects \
                 that are to be written again, and restart the task. Otherwise set the offset to {}.",
                journal,
                content.low
            )));
        }
        let mut plan = Plan::default();
        let cuts: Vec<&Cut> = content.cuts.iter().filter(|cut| cut.end >= offset).collect();
        for some in cuts.chunks(LOOKS_AT_ONCE) {
            // The values are stored last, so their object says that all are there.
            let ending = &settings.outputs[0].ending;
            let keys = some.iter().map(|cut| settings.names.key(&cut.path, &name, cut.start, ending));
            let looks: Vec<_> = keys.map(|key| look(store.clone(), key)).collect();
            for (cut, look) in some.iter().zip(looks) {
                let writer =
                    look.await.map_err(|why| Error::fail("a look at an object ended early").caused_by(why))??;
                plan.add(cut, writer.as_deref() == Some(&*cut.writer));
            }
        }
        self.partition = Partition::new(name).following(plan);
        self.found = None;
        Ok(())
    }

    /// Cuts the oldest file where too many cuts have piled up behind it.
    pub fn bound_cuts(&mut self, settings: &Settings) {
        if self.decider.is_none() || self.since_safe.len() < settings.max_cuts {
            return;
        }
        let oldest = self.partition.files().min_by_key(|file| file.start()).map(|file| file.path.clone());
        oldest.iter().for_each(|path| self.partition.cut_early(path));
    }

    /// Has cuts written down that were not decided in an earlier life.
    fn decide(&mut self, files: &[OpenFile]) -> Option<Decision> {
        let decider = self.decider.as_ref()?;
        let cuts: Vec<Cut> = files.iter().filter(|file| file.planned_end.is_none()).map(cut_of).collect();
        self.since_safe.extend(cuts.iter().map(|cut| cut.end));
        (!cuts.is_empty()).then(|| decider.decide(cuts, self.said[0]))
    }

    /// Sends parts of open files that are at least that long.
    pub fn send_parts(&mut self, at_least: usize, settings: &Settings, store: &Store, board: &Rc<Board>) {
        for Part { path, start, writer, output, content } in self.partition.parts(at_least) {
            let key = settings.names.key(&path, &self.partition.name, start, &settings.outputs[output].ending);
            let begin = || Upload::begin(store.clone(), board.clone(), key, (writer.to_string(), start));
            self.growing.entry((path, output)).or_insert_with(begin).part(content);
        }
    }

    /// Sends what has been cut: no object of it appears before the cut is decided. The values wait for keys and headers too:
    /// they prove that all are stored.
    pub fn send_cut(&mut self, settings: &Settings, store: &Store, board: &Rc<Board>) {
        let files = self.partition.take_cut();
        let decision = self.decide(&files);
        for mut file in files {
            let tally = &file.tally;
            let decided = decision.clone().filter(|_| file.planned_end.is_none());
            let tags = Tags { start: tally.start, end: Some((tally.last, tally.records)) };
            let mut uploads: Vec<Upload> = Vec::new();
            for (output, body) in file.bodies.iter_mut().enumerate().rev() {
                let ending = &settings.outputs[output].ending;
                let key = settings.names.key(&file.path, &self.partition.name, tally.start, ending);
                let begin = || Upload::begin(store.clone(), board.clone(), key, (file.writer.to_string(), tally.start));
                let upload = self.growing.remove(&(file.path.clone(), output)).unwrap_or_else(begin);
                let others = if output == 0 { uploads.as_slice() } else { &[] };
                upload.finish(body.rest(), tags, others, decided.clone());
                uploads.push(upload);
            }
            self.storing.insert((file.start(), file.path), uploads);
        }
    }

    /// The offset up to which everything is stored, once something came.
    pub fn flushed(&mut self) -> Option<i64> {
        self.storing.retain(|_, uploads| !uploads.iter().all(Upload::is_stored));
        let safe = self.partition.safe(self.storing.keys().map(|(start, _)| *start))?;
        self.since_safe.retain(|end| *end >= safe);
        self.said = [self.said[1], safe.max(self.said[1])];
        Some(safe)
    }

    pub fn is_storing(&self) -> bool {
        self.storing.values().flatten().any(|upload| !upload.is_stored())
    }

    /// Names and ids of uploads that would be left behind.
    pub fn unfinished(&self) -> Vec<(String, String)> {
        self.growing.values().chain(self.storing.values().flatten()).filter_map(Upload::unfinished).collect()
    }
}

fn look(store: Store, key: String) -> JoinHandle<Result<Option<String>>> {
    spawn_local(async move { store.writer_of(&key).await.map_err(|fault| fault.into_error()) })
}

fn cut_of(file: &OpenFile) -> Cut {
    Cut { path: file.path.clone(), start: file.start(), end: file.tally.last, writer: file.writer.clone() }
}
