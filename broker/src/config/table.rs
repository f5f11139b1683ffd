//! Every setting of the broker, with its default and meaning: the manual.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// Its name.
    pub name: &'static str,
    /// Its value where nobody sets it.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

macro_rules! keys {
    ($( $name:literal = $default:literal, $meaning:literal; )*) => {
        /// The settings by name.
        pub const KEYS: &[ConfigKey] =
            &[$( ConfigKey { name: $name, default: $default, meaning: $meaning } ),*];
    };
}

keys! {
    "advertised.listeners" = "", "Addresses that clients are told, one for each of listeners. Without it clients are told the address that they reached.";
    "auto.create.topics.enable" = "true", "Create a topic that a client asks for and that is missing, if the client wants that too.";
    "connections.max.idle.ms" = "600000", "A connection that is silent for so long, in ms, is closed.";
    "default.replication.factor" = "1", "Only 1: there is one broker.";
    "delete.topic.enable" = "true", "Let clients delete topics.";
    "durability" = "fsync", "What an acknowledgement survives. fsync: a power cut; records are synced before they are acknowledged or shown. os: only the end of the process; for benchmarks.";
    "fetch.max.bytes" = "57671680", "Most bytes of records in one answer, whatever the client asks for.";
    "group.initial.rebalance.delay.ms" = "100", "How long in ms an empty group waits for more members after the first, and again after each that comes. Kafka waits 3000. The tasks of a connector join within a few ms of each other; without any delay the first takes everything, and hands over in two rebalances.";
    "group.max.session.timeout.ms" = "1800000", "Longest session time-out, in ms, that a member may ask for.";
    "group.max.size" = "2147483647", "Most members of a group.";
    "group.min.session.timeout.ms" = "6000", "Shortest session time-out, in ms, that a member may ask for.";
    "listeners" = "PLAINTEXT://127.0.0.1:9092", "Addresses to listen on. Port 0 takes a free one. There is no authentication yet: an address that others can reach lets them read and write everything.";
    "log.dirs" = "naru-log", "The folder of the log: one.";
    "log.message.timestamp.type" = "CreateTime", "CreateTime keeps the producers' timestamps, LogAppendTime sets the broker's. Topics may differ.";
    "log.retention.bytes" = "-1", "Only -1: records are not deleted by size yet.";
    "log.retention.ms" = "-1", "Only -1: records are not deleted by age yet.";
    "log.segment.bytes" = "134217728", "Size in bytes at which a partition starts a new segment. Kafka's default is eight times this; smaller segments make a restart after a kill quicker.";
    "max.connections" = "1000", "Most connections at a time; over it new ones are closed at once.";
    "max.partitions" = "10000", "Most partitions that may be created, over all topics.";
    "max.partitions.per.request" = "20000", "Most partitions that one request may name.";
    "max.pending.requests.per.connection" = "100", "Requests of one connection that may wait for their answers; over it the connection is not read.";
    "message.max.bytes" = "1048588", "Largest record batch in bytes. Topics may differ.";
    "node.id" = "1", "Id of this broker.";
    "num.partitions" = "1", "Partitions of a topic that is created without a number.";
    "offset.metadata.max.bytes" = "4096", "Longest text in bytes that may be kept with a committed offset.";
    "offsets.topic.num.partitions" = "1", "Partitions of __consumer_offsets, when it is created.";
    "socket.first.request.max.bytes" = "1048576", "Largest request in bytes while nothing is known of the client: before its first whole request.";
    "socket.request.max.bytes" = "104857600", "Largest request in bytes.";
    "transaction.max.timeout.ms" = "900000", "Longest time, in ms, that a producer may ask for as transaction.timeout.ms: after that time the log aborts a transaction that was not ended.";
    "transaction.state.log.num.partitions" = "1", "Partitions of __transaction_state, when it is created.";
    "transactional.id.expiration.ms" = "604800000", "How long in ms a transactional id that nobody uses is remembered.";
}

/// A setting by its name.
pub fn find(name: &str) -> Option<&'static ConfigKey> {
    KEYS.iter().find(|key| key.name == name)
}
