//! The APIs that this crate speaks: key, versions, and the first flexible version (KIP-482).

use std::ops::RangeInclusive;

macro_rules! api_keys {
    ($( $(#[$meta:meta])* $name:ident = $key:literal, $lo:literal ..= $hi:literal, flexible $flexible:literal; )*) => {
        /// An API of the Kafka protocol. The numbers are the protocol's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ApiKey {
            $( $(#[$meta])* #[doc = ""] #[doc = concat!("Versions ", $lo, " to ", $hi, ".")] $name = $key, )*
        }

        impl ApiKey {
            /// Every API of this crate, in the order of their keys.
            pub const ALL: &[Self] = &[$( Self::$name, )*];

            /// The API with this key, if this crate knows it.
            pub const fn from_i16(key: i16) -> Option<Self> {
                match key {
                    $( $key => Some(Self::$name), )*
                    _ => None,
                }
            }

            /// The versions whose layout this crate knows.
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $( Self::$name => $lo..=$hi, )*
                }
            }

            /// The first version with compact lengths and tagged fields; `i16::MAX` if there is none.
            pub const fn flexible_from(self) -> i16 {
                match self {
                    $( Self::$name => $flexible, )*
                }
            }
        }
    };
}

api_keys! {
    /// Appends record batches.
    Produce = 0, 3..=12, flexible 9;
    /// Reads record batches.
    Fetch = 1, 4..=17, flexible 12;
    /// Finds offsets by time, or the ends of a partition.
    ListOffsets = 2, 1..=10, flexible 6;
    /// Lists brokers, topics and partitions.
    Metadata = 3, 0..=13, flexible 9;
    /// Stores a group's offsets.
    OffsetCommit = 8, 2..=9, flexible 8;
    /// Reads a group's offsets.
    OffsetFetch = 9, 1..=9, flexible 6;
    /// Finds the broker that coordinates a group or a transactional id.
    FindCoordinator = 10, 0..=6, flexible 3;
    /// Enters a group's next generation.
    JoinGroup = 11, 0..=9, flexible 6;
    /// Keeps a group membership alive.
    Heartbeat = 12, 0..=4, flexible 4;
    /// Ends group memberships.
    LeaveGroup = 13, 0..=5, flexible 4;
    /// Hands out a generation's assignments.
    SyncGroup = 14, 0..=5, flexible 4;
    /// Describes classic groups.
    DescribeGroups = 15, 0..=6, flexible 5;
    /// Lists groups.
    ListGroups = 16, 0..=5, flexible 3;
    /// Names the SASL mechanism of a connection.
    SaslHandshake = 17, 0..=1, flexible 32767;
    /// Tells which APIs and versions a broker offers.
    ApiVersions = 18, 0..=4, flexible 3;
    /// Creates topics.
    CreateTopics = 19, 2..=7, flexible 5;
    /// Deletes topics.
    DeleteTopics = 20, 1..=6, flexible 4;
    /// Allocates a producer id.
    InitProducerId = 22, 0..=5, flexible 2;
    /// Finds where a leader epoch ends.
    OffsetForLeaderEpoch = 23, 2..=4, flexible 4;
    /// Adds partitions to a transaction, in the clients' layout.
    AddPartitionsToTxn = 24, 0..=3, flexible 3;
    /// Adds a group's offsets to a transaction.
    AddOffsetsToTxn = 25, 0..=4, flexible 3;
    /// Commits or aborts a transaction.
    EndTxn = 26, 0..=4, flexible 3;
    /// Stores a group's offsets within a transaction.
    TxnOffsetCommit = 28, 0..=4, flexible 3;
    /// Lists access rules.
    DescribeAcls = 29, 1..=3, flexible 2;
    /// Reads the configs of topics and brokers.
    DescribeConfigs = 32, 1..=4, flexible 4;
    /// Tells how large the partitions on disk are.
    DescribeLogDirs = 35, 1..=4, flexible 2;
    /// Carries the SASL exchange.
    SaslAuthenticate = 36, 0..=2, flexible 2;
    /// Adds partitions to topics.
    CreatePartitions = 37, 0..=3, flexible 2;
    /// Deletes groups.
    DeleteGroups = 42, 0..=2, flexible 2;
    /// Sets and removes single config keys.
    IncrementalAlterConfigs = 44, 0..=1, flexible 1;
    /// Deletes a group's offsets.
    OffsetDelete = 47, 0..=0, flexible 32767;
    /// Lists brokers, without topics.
    DescribeCluster = 60, 0..=2, flexible 0;
    /// Lists the producers that a partition remembers.
    DescribeProducers = 61, 0..=0, flexible 0;
    /// Describes transactions by their ids.
    DescribeTransactions = 65, 0..=0, flexible 0;
    /// Lists transactions.
    ListTransactions = 66, 0..=1, flexible 0;
}

impl ApiKey {
    /// True if this crate knows the version.
    pub fn supports(self, version: i16) -> bool {
        self.versions().contains(&version)
    }

    /// True if the version has compact lengths and tagged fields.
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }
}
