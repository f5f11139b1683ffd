"""Committed offsets and offsets by time, with confluent-kafka.

usage: offsets.py BOOTSTRAP write | check
"""
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

TOPIC, GROUP = "committed", "keeper"


def consumer(bootstrap):
    return Consumer(
        {"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    )


def write(bootstrap):
    producer = Producer({"bootstrap.servers": bootstrap})
    for i in range(100):
        producer.produce(TOPIC, value=b"%d" % i, timestamp=1_000_000 + i * 1000)
    assert producer.flush(20) == 0
    reader = consumer(bootstrap)
    reader.subscribe([TOPIC])
    for _ in range(40):
        message = reader.poll(20)
        assert message is not None and message.error() is None
    reader.commit(asynchronous=False)
    reader.close()


def check(bootstrap):
    reader = consumer(bootstrap)
    committed = reader.committed([TopicPartition(TOPIC, 0)], timeout=20)
    assert committed[0].offset == 40, committed
    for time, offset in [(0, 0), (1_000_000, 0), (1_050_500, 51), (1_099_000, 99)]:
        found = reader.offsets_for_times([TopicPartition(TOPIC, 0, time)], timeout=20)
        assert found[0].offset == offset, (time, found)
    reader.subscribe([TOPIC])
    message = reader.poll(20)
    assert message is not None and message.error() is None and message.offset() == 40, message
    reader.close()


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[2]](sys.argv[1])
