//! A transform, predicate or converter that lives elsewhere. Calls are about batches, since each may cost a way to another process.

use bytes::Bytes;
use connector_api::boundary::batch::{BatchReader, BatchWriter};
use connector_api::boundary::frame::{Malformed, Reader, Writer};
use connector_api::boundary::message::{Call, Request, Start, format, read_failed};
use connector_api::boundary::spare;
use connector_api::config::RawConfig;
use connector_api::data::{Format, Payload};
use connector_api::{Error, Failed, Result, Topic, TransformRecord};

use super::{Channel, Endpoint, Scope, call};
use crate::plugins::part::TaskPlace;

/// One for a task. It ends when it is dropped.
pub struct RemotePart {
    class: &'static str,
    channel: Box<dyn Channel>,
    reader: BatchReader,
    writer: BatchWriter,
}

impl RemotePart {
    /// Opens and starts it.
    pub async fn start(
        endpoint: &dyn Endpoint,
        class: &'static str,
        config: RawConfig,
        place: &TaskPlace,
    ) -> Result<RemotePart> {
        let name = format!("{}-{}", place.connector, place.task);
        let mut channel = endpoint.open(Scope::Task, &name, place.host.clone())?;
        let (connector, task) = (place.connector.to_string(), place.task);
        let start = Request::Start(Start { connector, task, config, positions: Vec::new() });
        call::<()>(&mut *channel, start).await.1?;
        Ok(RemotePart { class, channel, reader: BatchReader::default(), writer: BatchWriter::default() })
    }

    /// Changes records where they stand. Returns the indexes of those that are dropped, and those that failed.
    pub async fn apply(&mut self, records: &mut [TransformRecord]) -> Result<(Vec<usize>, Failed)> {
        let mut from = Reader::new(self.records(Call::Apply, records).await?);
        let dropped = from.list(|from| Ok(from.u32()? as usize))?;
        let failed = read_failed(&mut from)?;
        let kept = self.reader.transform(&from.slice(from.left())?)?;
        let mut gone: Vec<usize> = dropped.iter().copied().chain(failed.iter().map(|(index, _)| *index)).collect();
        gone.sort_unstable();
        let others = self.others(records.len(), &gone, kept.len())?;
        for (index, record) in others.zip(kept) {
            records[index] = record;
        }
        Ok((dropped, failed))
    }

    /// Whether it is for each of the records.
    pub async fn test(&mut self, records: &[TransformRecord]) -> Result<(Vec<bool>, Failed)> {
        let mut from = Reader::new(self.records(Call::Test, records).await?);
        let failed = read_failed(&mut from)?;
        let flags = from.list(Reader::flag)?;
        from.end()?;
        match flags.len() == records.len() && failed.iter().all(|(index, _)| *index < records.len()) {
            true => Ok((flags, failed)),
            false => Err(Malformed("it does not say for each record whether it is for it").into()),
        }
    }

    /// The bytes of payloads, or null. Those that failed are null, too.
    pub async fn encode(&mut self, payloads: &[(&Topic, &Payload)]) -> Result<(Vec<Payload>, Failed)> {
        let mut to = Writer::on(spare::take());
        self.writer.payloads(&mut to, payloads);
        self.converted(Call::Encode, to, payloads.len()).await
    }

    /// Payloads out of bytes, in that form. Those that failed are null.
    pub async fn decode(&mut self, payloads: &[(&Topic, &Payload)], wanted: Format) -> Result<(Vec<Payload>, Failed)> {
        let mut to = Writer::on(spare::take());
        to.u8(format(wanted));
        self.writer.payloads(&mut to, payloads);
        self.converted(Call::Decode, to, payloads.len()).await
    }

    async fn converted(&mut self, call: Call, to: Writer, count: usize) -> Result<(Vec<Payload>, Failed)> {
        let mut from = Reader::new(self.channel.call(call, to.bytes).await.reply()?);
        let failed = read_failed(&mut from)?;
        let made = self.reader.transform(&from.slice(from.left())?)?;
        let gone: Vec<usize> = failed.iter().map(|(index, _)| *index).collect();
        let mut payloads = vec![Payload::Null; count];
        for (index, record) in self.others(count, &gone, made.len())?.zip(made) {
            payloads[index] = record.value;
        }
        Ok((payloads, failed))
    }

    async fn records(&mut self, call: Call, records: &[TransformRecord]) -> Result<Bytes> {
        let mut to = Writer::on(spare::take());
        self.writer.transform(&mut to, records);
        self.channel.call(call, to.bytes).await.reply()
    }

    /// The indexes that are not among `gone`. Nothing may be concluded from a reply that does not add up.
    fn others(&self, count: usize, gone: &[usize], left: usize) -> Result<impl Iterator<Item = usize> + use<>> {
        let ascending = gone.windows(2).all(|pair| pair[0] < pair[1]);
        let within = gone.last().is_none_or(|last| *last < count);
        if !ascending || !within || gone.len() + left != count {
            let (class, gone) = (self.class, gone.len());
            return Err(Error::fatal(format!(
                "the plugin {class} was given {count} records, and gave {left} back beside {gone} that it names as dropped or failed"
            )));
        }
        let gone: std::collections::BTreeSet<usize> = gone.iter().copied().collect();
        Ok((0..count).filter(move |index| !gone.contains(index)))
    }
}
