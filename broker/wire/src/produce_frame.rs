//! A produce request written around a batch, so that the batch itself is not copied into it.

use bytes::Bytes;

use crate::ApiKey;
use crate::header::encode_request;
use crate::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use crate::primitives::{EncodeError, Layout, Prefix, put_len};

/// What a produce request with a single batch says besides the batch.
#[derive(Debug, Clone, Copy)]
pub struct ProduceAround<'a> {
    /// Id of a transactional producer.
    pub transactional_id: Option<&'a str>,
    /// As in [`ProduceRequest`]: -1, 0 or 1.
    pub acks: i16,
    /// How long in ms the broker may take.
    pub timeout_ms: i32,
    /// Name of the topic.
    pub topic: &'a str,
    /// Number of the partition.
    pub partition: i32,
}

impl ProduceAround<'_> {
    /// What stands in a frame before and behind a batch of that many bytes; the frame is without length prefix. Together
    /// the same bytes as [`encode_request`] writes.
    ///
    /// # Errors
    /// As [`encode_request`].
    pub fn ends(
        &self,
        batch: usize,
        (version, correlation_id, client_id): (i16, i32, Option<&str>),
    ) -> Result<(Vec<u8>, &'static [u8]), EncodeError> {
        let mut head = encode_request(&self.request(), version, correlation_id, client_id)?.to_vec();
        let flexible = ApiKey::Produce.is_flexible(version);
        // The empty batch is the last field; behind it stand, in flexible versions, no tagged fields of three structs.
        let (length_size, tail): (usize, &[u8]) = if flexible { (1, &[0; 3]) } else { (4, &[]) };
        head.truncate(head.len() - tail.len() - length_size);
        put_len(&mut head, Some(batch), Layout { version, flexible }, Prefix::Long)?;
        Ok((head, tail))
    }

    /// The request with an empty batch.
    fn request(&self) -> ProduceRequest {
        let data = PartitionProduceData { index: self.partition, records: Some(Bytes::new()) };
        let topic = TopicProduceData { name: self.topic.to_owned(), partition_data: vec![data] };
        ProduceRequest {
            transactional_id: self.transactional_id.map(str::to_owned),
            acks: self.acks,
            timeout_ms: self.timeout_ms,
            topic_data: vec![topic],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::records::{BatchBuilder, Compression, RoomyBatch};

    proptest! {
        #[test]
        fn the_frame_is_what_is_written_without_room(
            version in 3i16..=12,
            value in 0usize..40_000,
            topic in "[a-z]{1,249}",
            client in "[a-z]{0,900}",
            id in prop::option::of("[a-z]{1,40}"),
            codec in prop::sample::select(Compression::ALL.to_vec()),
        ) {
            let mut builder = BatchBuilder::new();
            builder.push(1, None, Some(&vec![b'v'; value]), &[]);
            let batch = builder.finish_roomy(codec, None).unwrap();
            let transactional_id = id.as_deref();
            let around = ProduceAround { transactional_id, acks: -1, timeout_ms: 30_000, topic: &topic, partition: 7 };
            let mut request = around.request();
            let plain = RoomyBatch::clone(&batch).into_bytes();
            request.topic_data[0].partition_data[0].records = Some(plain.clone());
            let expected = encode_request(&request, version, 42, Some(&client)).unwrap();
            let (head, tail) = around.ends(batch.len(), (version, 42, Some(&client))).unwrap();
            let (frame, slice) = batch.wrapped(&head, tail);
            prop_assert_eq!(frame, expected);
            prop_assert_eq!(slice, plain);
        }
    }
}
