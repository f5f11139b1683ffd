"""Produces and dumps topics with confluent-kafka.

usage: confluent.py BOOTSTRAP produce CODEC TOPIC [CODEC TOPIC ...] | dump TOPIC [TOPIC ...]
"""
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

from records import RECORDS, line


def produce(bootstrap, codec, topic):
    offsets = []

    def delivered(error, message):
        assert error is None, error
        offsets.append(message.offset())

    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 20})
    for key, value, headers in RECORDS:
        producer.produce(topic, key=key, value=value, headers=headers, on_delivery=delivered)
    assert producer.flush(20) == 0
    assert sorted(offsets) == list(range(len(RECORDS))), offsets


def dump(bootstrap, topic):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "dump", "enable.auto.commit": False, "check.crcs": True})
    partition = TopicPartition(topic, 0, 0)
    _, end = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign([partition])
    next_offset = 0
    while next_offset < end:
        message = consumer.poll(10)
        assert message is not None and message.error() is None, message and message.error()
        assert message.offset() == next_offset
        next_offset += 1
        print(line(topic, message.offset(), message.key(), message.value(), message.headers()))
    consumer.close()


if __name__ == "__main__":
    bootstrap, what, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if what == "produce":
        for codec, topic in zip(rest[::2], rest[1::2]):
            produce(bootstrap, codec, topic)
    else:
        for topic in rest:
            dump(bootstrap, topic)
