//! From pages to batches.

use std::future::Future;
use std::pin::Pin;

use connector_api::config::Config;
use connector_api::data::Payload;
use connector_api::{
    Error, Memory, PollLimits, Position, Result, SourceBatch, SourceContext, SourceRecord, SourceTask,
};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::api::Api;
use crate::page::Page;
use crate::place::Place;
use crate::settings::Settings;

/// A request that is under way. It outlives the poll that began it, so that no poll waits longer than it may.
type Asked = Pin<Box<dyn Future<Output = Result<Page>>>>;

/// The task.
#[derive(Default)]
pub struct HttpPollTask(Option<Reader>);

struct Reader {
    api: Api,
    place: Place,
    asked: Option<Asked>,
    page: Option<Page>,
    /// The worker's memory for the page.
    memory: Box<dyn Memory>,
    /// When to ask next.
    due: Instant,
    batches: u64,
}

impl SourceTask for HttpPollTask {
    async fn start(&mut self, context: SourceContext, config: &Config) -> Result<()> {
        let api = Api::new(Settings::read(config)?)?;
        let stored = context.offset(&Place::partition(&api.settings().shown));
        self.0 = Some(Reader {
            place: stored.map(Place::of).unwrap_or_default(),
            api,
            asked: None,
            page: None,
            memory: context.task.host.memory(),
            due: Instant::now(),
            batches: 0,
        });
        Ok(())
    }

    async fn poll(&mut self, limits: PollLimits) -> Result<Option<SourceBatch>> {
        let reader = self.0.as_mut().ok_or_else(|| Error::fatal("poll before start"))?;
        let until = Instant::now() + limits.wait;
        if reader.page.is_none() && !reader.fetch(until).await? {
            return Ok(None);
        }
        Ok(reader.batch(limits))
    }

    async fn stop(&mut self) {
        self.0 = None;
    }
}

impl Reader {
    /// Gets a page with something in it; false if none came in time.
    async fn fetch(&mut self, until: Instant) -> Result<bool> {
        sleep_until(self.due.min(until)).await;
        if self.due > until {
            return Ok(false);
        }
        let (api, after) = (&self.api, &self.place.after);
        let ask = || -> Asked {
            let (api, after) = (api.clone(), after.clone());
            Box::pin(async move { api.page(after.as_deref()).await })
        };
        let Ok(answer) = timeout_at(until, self.asked.get_or_insert_with(ask)).await else { return Ok(false) };
        self.asked = None;
        self.take(answer?)
    }

    fn take(&mut self, page: Page) -> Result<bool> {
        let (count, taken) = (page.items.len(), self.place.taken);
        if count < taken {
            return Err(self.shrunk(count));
        }
        let news = count > taken || self.leads_on(&page);
        // A cursor behind new items may have more behind it; all else has to grow first.
        if count == taken || !self.leads_on(&page) {
            self.due = Instant::now() + self.api.settings().interval;
        }
        self.page = news.then_some(page);
        Ok(news)
    }

    /// Whether there is a cursor behind the page that is not the one in front of it.
    fn leads_on(&self, page: &Page) -> bool {
        page.next.is_some() && page.next != self.place.after
    }

    /// The next records of the page.
    fn batch(&mut self, limits: PollLimits) -> Option<SourceBatch> {
        let page = self.page.take()?;
        let records = self.records(&page, limits);
        self.place.taken += records.len();
        self.keep_or_leave(page);
        self.batches += 1;
        let settings = self.api.settings();
        let position = Position { partition: Place::partition(&settings.shown), offset: Some(self.place.offset()) };
        Some(SourceBatch { id: self.batches, records, positions: vec![position] })
    }

    fn records(&self, page: &Page, limits: PollLimits) -> Vec<SourceRecord> {
        let topic = &self.api.settings().topic;
        let mut bytes = 0;
        let rest = page.items.iter().skip(self.place.taken).take(limits.max_records);
        let records =
            rest.map(|(key, value)| SourceRecord::new(topic.clone(), key.clone(), Payload::Json(value.clone())));
        let fits = |record: &SourceRecord| {
            let first = bytes == 0;
            bytes += record.size();
            first || bytes <= limits.max_bytes
        };
        records.take_while(fits).collect()
    }

    /// Keeps what is left of the page, if the worker has memory for it; otherwise it is asked for again.
    fn keep_or_leave(&mut self, page: Page) {
        let left = self.place.taken < page.items.len();
        if left && self.memory.resize(page.size) {
            self.page = Some(page);
            return;
        }
        self.memory.resize(0);
        if left {
            self.due = Instant::now();
        } else if self.leads_on(&page) {
            self.place = Place { after: page.next, taken: 0 };
        }
    }

    fn shrunk(&self, count: usize) -> Error {
        let Place { after, taken } = &self.place;
        let after = after.as_deref().unwrap_or("none");
        let url = &self.api.settings().shown;
        Error::fatal(format!(
            "the page at cursor `{after}` of {url} has {count} items, of which {taken} were read before"
        ))
        .remedy("Items have gone from it: store the cursor to go on at with `PATCH /connectors/NAME/offsets`.")
    }
}
