"""Produces and dumps topics with kafka-python, any version from 2.0.2 on.

usage: kafka_python.py BOOTSTRAP produce CODEC TOPIC [CODEC TOPIC ...] | dump TOPIC [TOPIC ...]
"""
import json
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from records import RECORDS, line


def produce(bootstrap, codec, topic):
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec, acks="all", linger_ms=20
    )
    sent = [producer.send(topic, key=key, value=value, headers=headers) for key, value, headers in RECORDS]
    offsets = [future.get(timeout=20).offset for future in sent]
    assert offsets == list(range(len(RECORDS))), offsets
    producer.close()


def dump(bootstrap, topic):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    consumer.seek_to_beginning(partition)
    next_offset = 0
    while next_offset < end:
        for records in consumer.poll(timeout_ms=1000).values():
            for record in records:
                assert record.offset == next_offset, record
                next_offset += 1
                print(line(topic, record.offset, record.key, record.value, record.headers))
    consumer.close()


if __name__ == "__main__":
    bootstrap, what, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    if what == "produce":
        for codec, topic in zip(rest[::2], rest[1::2]):
            produce(bootstrap, codec, topic)
    else:
        for topic in rest:
            dump(bootstrap, topic)
