"""Topics, configs and groups through confluent-kafka's admin client.

usage: admin.py BOOTSTRAP
"""
import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic


def one(futures):
    (future,) = futures.values()
    return future.result(timeout=20)


def fails(futures, name):
    try:
        one(futures)
    except KafkaException as error:
        assert error.args[0].name() == name, error
        return error.args[0].str()
    raise AssertionError(f"{name} expected")


def topics(admin):
    one(admin.create_topics([NewTopic("made", 3, config={"cleanup.policy": "compact"})]))
    assert "already exists" in fails(admin.create_topics([NewTopic("made", 3)]), "TOPIC_ALREADY_EXISTS")
    assert "one broker" in fails(admin.create_topics([NewTopic("x", 1, replication_factor=3)]), "INVALID_REPLICATION_FACTOR")
    assert "did you mean" in fails(admin.create_topics([NewTopic("x", 1, config={"retention.m": "1"})]), "INVALID_CONFIG")
    assert "not offered" in fails(admin.create_topics([NewTopic("x", 1, config={"retention.ms": "1"})]), "INVALID_CONFIG")
    one(admin.create_partitions([NewPartitions("made", 5)]))
    fails(admin.create_partitions([NewPartitions("made", 2)]), "INVALID_PARTITIONS")
    assert len(admin.list_topics(timeout=20).topics["made"].partitions) == 5
    configs = one(admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, "made")]))
    assert configs["cleanup.policy"].value == "compact" and configs["cleanup.policy"].source == 1
    assert configs["retention.ms"].value == "-1" and configs["retention.ms"].is_default
    broker = one(admin.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")]))
    assert broker["num.partitions"].value == "1" and broker["log.dirs"].is_read_only


def groups(admin, bootstrap):
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce("made", value=b"x", partition=0)
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "watched", "auto.offset.reset": "earliest"})
    consumer.subscribe(["made"])
    assert consumer.poll(20).error() is None
    consumer.commit(asynchronous=False)
    described = one(admin.describe_consumer_groups(["watched"]))
    assert described.state.name == "STABLE" and len(described.members) == 1, described
    assert {p.partition for p in described.members[0].assignment.topic_partitions} == {0, 1, 2, 3, 4}
    listed = admin.list_consumer_groups().result(timeout=20)
    assert [group.group_id for group in listed.valid] == ["watched"] and not listed.errors
    fails(admin.delete_consumer_groups(["watched"]), "NON_EMPTY_GROUP")
    consumer.close()
    offsets = one(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("watched")]))
    assert [p.offset for p in offsets.topic_partitions if p.partition == 0] == [1]
    altered = ConsumerGroupTopicPartitions("watched", [TopicPartition("made", 0, 0)])
    one(admin.alter_consumer_group_offsets([altered]))
    offsets = one(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("watched")]))
    assert [p.offset for p in offsets.topic_partitions if p.partition == 0] == [0]
    one(admin.delete_consumer_groups(["watched"]))
    assert admin.list_consumer_groups().result(timeout=20).valid == []


if __name__ == "__main__":
    bootstrap = sys.argv[1]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics(admin)
    groups(admin, bootstrap)
    one(admin.delete_topics(["made"]))
    time.sleep(0.1)
    assert "made" not in admin.list_topics(timeout=20).topics
