//! DescribeLogDirs: sizes on disk. User interfaces take a broker without it for dead.

use broker_wire::ErrorCode;
use broker_wire::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
    DescribeLogDirsTopic,
};

use crate::server::dispatch::{Answer, Cx};
use crate::topics::{PartitionState, Topic};

pub fn handle(cx: &Cx, request: DescribeLogDirsRequest) -> Answer<DescribeLogDirsResponse> {
    let wanted = |topic: &str, index: i32| match &request.topics {
        None => true,
        Some(topics) => topics.iter().any(|wanted| wanted.topic == topic && wanted.partitions.contains(&index)),
    };
    let all = cx.shared.registry.all();
    let topics = all.iter().map(|topic| describe(topic, &wanted)).filter(|topic| !topic.partitions.is_empty());
    let folder = &cx.shared.folder;
    let (total_bytes, usable_bytes) = space(folder.path());
    let failed = folder.failure().is_some();
    let result = DescribeLogDirsResult {
        error_code: if failed { ErrorCode::KAFKA_STORAGE_ERROR } else { ErrorCode::NONE },
        log_dir: std::path::absolute(folder.path()).unwrap_or_default().display().to_string(),
        topics: topics.collect(),
        total_bytes,
        usable_bytes,
    };
    Answer::Now(DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() })
}

fn describe(topic: &Topic, wanted: &impl Fn(&str, i32) -> bool) -> DescribeLogDirsTopic {
    let partition = |(index, state): (usize, &PartitionState)| {
        let partition_index = index as i32;
        wanted(&topic.name, partition_index).then(|| DescribeLogDirsPartition {
            partition_index,
            partition_size: state.online().map_or(0, |log| log.size() as i64),
            ..DescribeLogDirsPartition::default()
        })
    };
    let partitions = topic.partitions.iter().enumerate().filter_map(partition);
    DescribeLogDirsTopic { partitions: partitions.collect(), name: topic.name.to_string() }
}

/// Size of the file system and room left on it, -1 if unknown.
fn space(dir: &std::path::Path) -> (i64, i64) {
    let bytes = |blocks: u64, size: u64| i64::try_from(blocks.saturating_mul(size)).unwrap_or(i64::MAX);
    match rustix::fs::statvfs(dir) {
        Ok(stat) => (bytes(stat.f_blocks, stat.f_frsize), bytes(stat.f_bavail, stat.f_frsize)),
        Err(_) => (-1, -1),
    }
}
