//! Reading a journal, which is one of the broker's own partitions, from its start to its end.

use std::sync::Arc;

use broker_wire::records::{MAX_DECOMPRESSED, OpenBatch, batches};

use super::partition::PartitionLog;
use super::reading::Limits;

/// Bytes of a journal that are read at a time.
const CHUNK: usize = 1024 * 1024;

/// Gives every batch below the high watermark to `apply`, in order, markers of transactions and what they abort included.
///
/// # Errors
/// The journal cannot be read, or `apply` fails; the text says at which offset.
pub fn replay(log: &Arc<PartitionLog>, mut apply: impl FnMut(&OpenBatch) -> Result<(), String>) -> Result<(), String> {
    let mut offset = log.start_offset();
    loop {
        let limits = Limits { max_bytes: CHUNK, at_least_one: true };
        let bytes = log.read(offset, limits).map_err(|error| error.to_string())?;
        if bytes.is_empty() {
            return Ok(());
        }
        for batch in batches(bytes) {
            let batch = batch.map_err(|error| error.to_string())?;
            let open = batch.open(MAX_DECOMPRESSED).map_err(|error| error.to_string())?;
            apply(&open).map_err(|error| format!("offset {}: {error}", batch.header.base_offset))?;
            offset = batch.header.last_offset() + 1;
        }
    }
}
