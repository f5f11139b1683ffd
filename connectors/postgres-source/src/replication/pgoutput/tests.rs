use std::sync::Arc;

use bytes::BytesMut;
use pg_walstream::{ColumnData, ColumnInfo, LogicalReplicationMessage as Theirs, TupleData, encode_message_to_bytes};
use proptest::prelude::*;

use super::*;

/// Another implementation's messages and its encoder stand on the other side.
fn theirs() -> impl Strategy<Value = Theirs> {
    let name = "[a-zA-Zé ü\"]{0,12}";
    let tuple = || prop::collection::vec(column(), 0..6).prop_map(TupleData::new);
    let text = || name.prop_map(String::from);
    prop_oneof![
        (any::<u64>(), any::<i64>(), any::<u32>()).prop_map(|(final_lsn, timestamp, xid)| Theirs::Begin {
            final_lsn,
            timestamp,
            xid
        }),
        (any::<u8>(), any::<u64>(), any::<u64>(), any::<i64>()).prop_map(|(flags, commit_lsn, end_lsn, timestamp)| {
            Theirs::Commit { flags, commit_lsn, end_lsn, timestamp }
        }),
        (any::<u32>(), text(), text(), any::<u8>(), prop::collection::vec(relation_column(), 0..5)).prop_map(
            |(relation_id, namespace, relation_name, replica_identity, columns)| Theirs::Relation {
                relation_id,
                namespace: Arc::from(namespace),
                relation_name: Arc::from(relation_name),
                replica_identity,
                columns,
            }
        ),
        (any::<u32>(), tuple()).prop_map(|(relation_id, tuple)| Theirs::Insert { relation_id, tuple }),
        (any::<u32>(), prop::option::of((old_kind(), tuple())), tuple()).prop_map(|(relation_id, old, new_tuple)| {
            let (key_type, old_tuple) = old.unzip();
            Theirs::Update { relation_id, old_tuple, new_tuple, key_type }
        }),
        (any::<u32>(), old_kind(), tuple()).prop_map(|(relation_id, key_type, old_tuple)| Theirs::Delete {
            relation_id,
            old_tuple,
            key_type
        }),
        (prop::collection::vec(any::<u32>(), 0..5), any::<u8>())
            .prop_map(|(relation_ids, flags)| Theirs::Truncate { relation_ids, flags }),
        (any::<u64>(), text()).prop_map(|(origin_lsn, origin_name)| Theirs::Origin { origin_lsn, origin_name }),
    ]
}

fn old_kind() -> impl Strategy<Value = char> {
    prop::sample::select(vec!['K', 'O'])
}

fn column() -> impl Strategy<Value = ColumnData> {
    prop_oneof![
        Just(ColumnData::null()),
        Just(ColumnData::unchanged()),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(ColumnData::text),
    ]
}

fn relation_column() -> impl Strategy<Value = ColumnInfo> {
    (any::<bool>(), "[a-z]{0,8}", any::<u32>(), any::<i32>())
        .prop_map(|(key, name, type_id, modifier)| ColumnInfo::new(u8::from(key), name, type_id, modifier))
}

fn same_tuple(ours: Tuple<'_>, theirs: &TupleData) -> bool {
    let same = |(ours, theirs): (Cell<'_>, &ColumnData)| match ours {
        Cell::Null => theirs.data_type == b'n',
        Cell::Unchanged => theirs.data_type == b'u',
        Cell::Text(text) => theirs.data_type == b't' && theirs.clone().into_bytes() == text,
    };
    ours.len() == theirs.columns.len() && ours.cells().zip(&theirs.columns).all(same)
}

fn same_kind(ours: OldTuple, theirs: char) -> bool {
    (ours == OldTuple::Key) == (theirs == 'K')
}

fn same(ours: &Message<'_>, theirs: &Theirs) -> bool {
    let time = |micros: i64| micros.saturating_add(SERVER_EPOCH);
    match (ours, theirs) {
        (Message::Begin(ours), Theirs::Begin { final_lsn, timestamp, xid }) => {
            *ours == Begin { commit: Lsn(*final_lsn), time: time(*timestamp), xid: *xid }
        }
        (Message::Commit(ours), Theirs::Commit { commit_lsn, end_lsn, timestamp, .. }) => {
            *ours == Commit { commit: Lsn(*commit_lsn), end: Lsn(*end_lsn), time: time(*timestamp) }
        }
        (Message::Origin { lsn, name }, Theirs::Origin { origin_lsn, origin_name }) => {
            lsn.0 == *origin_lsn && name == origin_name
        }
        (
            Message::Relation(ours),
            Theirs::Relation { relation_id, namespace, relation_name, replica_identity, columns },
        ) => {
            let schema = if namespace.is_empty() { "pg_catalog" } else { namespace };
            let column = |(ours, theirs): (&RelationColumn<'_>, &ColumnInfo)| {
                ours.identity == theirs.is_key()
                    && ours.name == &*theirs.name
                    && (ours.type_id, ours.modifier) == (theirs.type_id, theirs.type_modifier)
            };
            (ours.id, ours.schema, ours.table, ours.identity)
                == (*relation_id, schema, &**relation_name, *replica_identity)
                && ours.columns.len() == columns.len()
                && ours.columns.iter().zip(columns).all(column)
        }
        (Message::Insert { relation, new }, Theirs::Insert { relation_id, tuple }) => {
            relation == relation_id && same_tuple(*new, tuple)
        }
        (Message::Update { relation, old, new }, Theirs::Update { relation_id, old_tuple, new_tuple, key_type }) => {
            let old_same = match (old, old_tuple, key_type) {
                (None, None, _) => true,
                (Some((kind, ours)), Some(theirs), Some(key)) => same_kind(*kind, *key) && same_tuple(*ours, theirs),
                _ => false,
            };
            relation == relation_id && old_same && same_tuple(*new, new_tuple)
        }
        (Message::Delete { relation, old: (kind, ours) }, Theirs::Delete { relation_id, old_tuple, key_type }) => {
            relation == relation_id && same_kind(*kind, *key_type) && same_tuple(*ours, old_tuple)
        }
        (Message::Truncate(relations), Theirs::Truncate { relation_ids, .. }) => relations == relation_ids,
        _ => false,
    }
}

proptest! {
    #[test]
    fn another_implementations_messages_are_read_alike(message in theirs()) {
        let bytes = encode_message_to_bytes(&message, 1);
        let ours = decode(&bytes).unwrap();
        prop_assert!(same(&ours, &message), "{:?} is not {:?}", ours, message);
    }

    #[test]
    fn a_message_that_is_cut_or_goes_on_is_refused(message in theirs(), cut: prop::sample::Index, more: u8) {
        let bytes = encode_message_to_bytes(&message, 1);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        let mut longer = BytesMut::from(&bytes[..]);
        longer.extend_from_slice(&[more]);
        prop_assert!(decode(&longer).is_err());
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..200), tag in prop::sample::select(b"BCORYIUDTM".to_vec())) {
        let _ = decode(&bytes);
        bytes.insert(0, tag);
        let _ = decode(&bytes);
    }
}

#[test]
fn a_count_that_lies_takes_no_memory() {
    let truncate = [&b"T"[..], &u32::MAX.to_be_bytes(), &[0], &[0; 8]].concat();
    assert_eq!(decode(&truncate), Err(Malformed("a message ends too early")));
    let insert = [&b"I"[..], &[0; 4], b"N", &u16::MAX.to_be_bytes(), b"t", &i32::MAX.to_be_bytes(), &[0; 8]].concat();
    assert_eq!(decode(&insert), Err(Malformed("a message ends too early")));
}
