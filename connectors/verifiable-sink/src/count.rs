//! What has been seen of each numbered stream.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// Counts over all streams, each counted from the first number seen.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    streams: BTreeMap<String, Stream>,
    foreign: u64,
}

#[derive(Debug)]
struct Stream {
    first: u64,
    next: u64,
    seen: u64,
    repeats: u64,
    missing: u64,
}

impl Counts {
    /// Counts a record of the verifiable source; everything else counts as foreign.
    pub fn add(&mut self, value: &[u8]) {
        let Some((stream, number)) = read(value) else {
            self.foreign += 1;
            return;
        };
        match self.streams.get_mut(&stream) {
            Some(known) => known.add(number),
            None => {
                let stream_ = Stream { first: number, next: number + 1, seen: 1, repeats: 0, missing: 0 };
                self.streams.insert(stream, stream_);
            }
        }
    }

    /// The counts of each stream.
    pub fn report(&self) -> Json {
        let stream = |(name, stream): (&String, &Stream)| (name.clone(), stream.report());
        json!({ "streams": self.streams.iter().map(stream).collect::<serde_json::Map<_, _>>(), "foreign": self.foreign })
    }

    /// The sums, in a few words.
    pub fn summary(&self) -> String {
        let sum = |field: fn(&Stream) -> u64| self.streams.values().map(field).sum::<u64>();
        let (seen, missing, repeats) = (sum(|s| s.seen), sum(|s| s.missing), sum(|s| s.repeats));
        format!("{seen} records, {missing} missing, {repeats} repeats, {} foreign", self.foreign)
    }
}

impl Stream {
    /// A number above the expected one leaves a gap; one below it is a repeat.
    fn add(&mut self, number: u64) {
        self.seen += 1;
        if number < self.next {
            self.repeats += 1;
            return;
        }
        self.missing += number - self.next;
        self.next = number + 1;
    }

    fn report(&self) -> Json {
        json!({
            "first": self.first, "next": self.next, "seen": self.seen, "repeats": self.repeats, "missing": self.missing
        })
    }
}

fn read(value: &[u8]) -> Option<(String, u64)> {
    let record: Json = serde_json::from_slice(value).ok()?;
    let stream = format!("{}-{}", record.get("name")?.as_str()?, record.get("task")?.as_u64()?);
    Some((stream, record.get("seqno")?.as_u64()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_repeats_are_counted_for_each_stream() {
        let mut counts = Counts::default();
        for (task, number) in [(0, 5), (0, 6), (1, 0), (0, 8), (0, 8), (1, 1), (0, 7), (0, 9)] {
            counts.add(format!("{{\"name\":\"v\",\"task\":{task},\"seqno\":{number}}}").as_bytes());
        }
        counts.add(b"null");
        assert_eq!(counts.summary(), "8 records, 1 missing, 2 repeats, 1 foreign");
        assert_eq!(counts.report()["streams"]["v-0"]["next"], 10);
    }
}
