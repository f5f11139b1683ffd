"""Large records and idempotent producers, with confluent-kafka.

usage: limits.py BOOTSTRAP
"""
import sys

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition


def large(bootstrap):
    outcome = []
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 5_000_000})
    for size in [900_000, 2_000_000]:
        producer.produce("large", value=b"x" * size, on_delivery=lambda error, message: outcome.append(error))
        assert producer.flush(20) == 0
    assert outcome[0] is None, outcome
    assert outcome[1].code() == KafkaError.MSG_SIZE_TOO_LARGE, outcome
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "large", "fetch.message.max.bytes": 1000})
    consumer.assign([TopicPartition("large", 0, 0)])
    message = consumer.poll(20)
    assert message.error() is None and len(message.value()) == 900_000
    consumer.close()


def idempotent(bootstrap):
    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "batch.num.messages": 50})
    for i in range(5000):
        producer.produce("once", value=b"%d" % i, on_delivery=lambda error, message: error and failed.append(error))
        producer.poll(0)
    assert producer.flush(20) == 0 and not failed, failed
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "once"})
    consumer.assign([TopicPartition("once", 0, 0)])
    for i in range(5000):
        message = consumer.poll(20)
        assert message.error() is None and message.value() == b"%d" % i and message.offset() == i
    consumer.close()


if __name__ == "__main__":
    large(sys.argv[1])
    idempotent(sys.argv[1])
