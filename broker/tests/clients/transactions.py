"""Transactions with confluent-kafka and kafka-python.

usage: transactions.py BOOTSTRAP confluent | kafka_python | pipeline | timeout
"""
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

EARLIEST = {"enable.auto.commit": False, "auto.offset.reset": "earliest"}


def read(bootstrap, topic, isolation, partitions=1):
    """Every value of a topic, up to its end for that isolation level."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "isolation.level": isolation, **EARLIEST,
                         "enable.partition.eof": True, "check.crcs": True})
    consumer.assign([TopicPartition(topic, index, 0) for index in range(partitions)])
    values, ends = [], set()
    while len(ends) < partitions:
        message = consumer.poll(20)
        assert message is not None
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ends.add(message.partition())
        else:
            values.append(message.value().decode())
    consumer.close()
    return values


def stable(bootstrap, topic):
    """Waits until nothing of the topic is open, and reads it in both ways."""
    deadline = time.time() + 20
    while True:
        committed, everything = (read(bootstrap, topic, level) for level in ("read_committed", "read_uncommitted"))
        if everything and everything[-1] == "end" and committed and committed[-1] == "end":
            return committed, everything
        assert time.time() < deadline, (committed, everything)
        time.sleep(0.1)


def end(bootstrap, topic):
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, value=b"end")
    assert producer.flush(20) == 0


def transactional(bootstrap, name, **more):
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "linger.ms": 5, **more})
    producer.init_transactions(20)
    return producer


def confluent(bootstrap):
    topic = "confluent-tx"
    first = transactional(bootstrap, "c")
    for number, commit in enumerate([True, False, True]):
        first.begin_transaction()
        for i in range(300):
            first.produce(topic, value=b"%d-%d" % (number, i))
        # Otherwise what is to be aborted is not even sent.
        assert first.flush(20) == 0
        first.commit_transaction(20) if commit else first.abort_transaction(20)
    # One that is open: readers of committed records stop before it.
    first.begin_transaction()
    first.produce(topic, value=b"open")
    assert first.flush(20) == 0
    kept = ["%d-%d" % (number, i) for number in (0, 2) for i in range(300)]
    assert read(bootstrap, topic, "read_committed") == kept
    assert read(bootstrap, topic, "read_uncommitted")[-1] == "open"

    second = transactional(bootstrap, "c")
    second.begin_transaction()
    second.produce(topic, value=b"second")
    second.commit_transaction(20)
    try:
        first.produce(topic, value=b"zombie")
        first.commit_transaction(20)
        raise AssertionError("the first producer is not fenced")
    except KafkaException as error:
        assert error.args[0].code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED), error
        assert error.args[0].fatal(), error
    end(bootstrap, topic)
    committed, everything = stable(bootstrap, topic)
    assert committed == kept + ["second", "end"], committed
    assert len(everything) == 3 * 300 + 3 and "zombie" not in everything, len(everything)


def kafka_python(bootstrap):
    from kafka import KafkaConsumer, KafkaProducer
    from kafka import TopicPartition as Partition
    from kafka.errors import KafkaError as PythonError

    topic = "python-tx"

    def producer():
        made = KafkaProducer(bootstrap_servers=bootstrap, transactional_id="k")
        made.init_transactions()
        return made

    first = producer()
    for number, commit in enumerate([True, False, True]):
        first.begin_transaction()
        sent = [first.send(topic, b"%d-%d" % (number, i)) for i in range(50)]
        assert all(future.get(20) for future in sent)
        first.commit_transaction() if commit else first.abort_transaction()
    second = producer()
    second.begin_transaction()
    second.send(topic, b"second").get(20)
    try:
        first.begin_transaction()
        first.send(topic, b"zombie").get(20)
        raise AssertionError("the first producer is not fenced")
    except PythonError:
        pass
    second.commit_transaction()
    end(bootstrap, topic)
    committed, everything = stable(bootstrap, topic)
    assert committed == ["%d-%d" % (n, i) for n in (0, 2) for i in range(50)] + ["second", "end"], committed
    assert "zombie" not in everything

    consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", consumer_timeout_ms=1000,
                             auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([Partition(topic, 0)])
    consumer.seek(Partition(topic, 0), 0)
    assert [record.value.decode() for record in consumer] == committed


def pipeline(bootstrap):
    """Reads, changes and writes within transactions, and gives up now and then: each record arrives once."""
    source, target, group, total = "pipe-in", "pipe-out", "pipe", 400
    producer = Producer({"bootstrap.servers": bootstrap})
    for i in range(total):
        producer.produce(source, value=b"%d" % i)
    assert producer.flush(20) == 0

    done, attempt = 0, 0
    while done < total:
        attempt += 1
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "isolation.level": "read_committed", **EARLIEST})
        consumer.subscribe([source])
        worker = transactional(bootstrap, "pipe")
        for batch in range(4):
            messages = consumer.consume(30, 20 if batch == 0 else 2)
            if not messages:
                break
            worker.begin_transaction()
            for message in messages:
                assert message.error() is None, message.error()
                worker.produce(target, value=b"<" + message.value() + b">")
            positions = consumer.position(consumer.assignment())
            worker.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 20)
            if batch == 2:
                # The worker dies in the middle of a transaction, or gives it up. Its records are in the log by then.
                worker.flush(20)
                if attempt % 2 == 0:
                    worker.abort_transaction(20)
                break
            worker.commit_transaction(20)
            done += len(messages)
        consumer.close()
        del worker
    end(bootstrap, target)
    committed, everything = stable(bootstrap, target)
    assert committed == ["<%d>" % i for i in range(total)] + ["end"], committed
    assert len(everything) > len(committed)
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **EARLIEST})
    offset = reader.committed([TopicPartition(source, 0)], 20)[0].offset
    assert offset == total, offset
    reader.close()


def timeout(bootstrap):
    """A transaction that takes too long is aborted; its producer can begin another."""
    topic = "slow-tx"
    producer = transactional(bootstrap, "slow", **{"transaction.timeout.ms": 1000})
    producer.begin_transaction()
    producer.produce(topic, value=b"slow")
    assert producer.flush(20) == 0
    time.sleep(1.6)
    try:
        producer.produce(topic, value=b"late")
        producer.commit_transaction(20)
        raise AssertionError("a transaction that took too long was committed")
    except KafkaException as error:
        fatal = error.args[0].fatal()
        if not fatal:
            assert error.args[0].txn_requires_abort(), error
            producer.abort_transaction(20)
    if fatal:
        producer = transactional(bootstrap, "slow")
    producer.begin_transaction()
    producer.produce(topic, value=b"next")
    producer.commit_transaction(20)
    end(bootstrap, topic)
    committed, everything = stable(bootstrap, topic)
    assert committed == ["next", "end"], committed
    assert everything[0] == "slow", everything


if __name__ == "__main__":
    {"confluent": confluent, "kafka_python": kafka_python, "pipeline": pipeline, "timeout": timeout}[sys.argv[2]](sys.argv[1])
