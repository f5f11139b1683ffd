"""Three members of an eager group with kafka-python (any version from 2.0.2 on): join, join, join, leave.

usage: eager_group.py BOOTSTRAP TOPIC GROUP     The topic has six partitions.
"""
import sys
import threading
import time

from kafka import KafkaConsumer


class Member(threading.Thread):
    def __init__(self, bootstrap, topic, group):
        super().__init__(daemon=True)
        self.settings = dict(
            bootstrap_servers=bootstrap,
            group_id=group,
            session_timeout_ms=6000,
            heartbeat_interval_ms=200,
            auto_offset_reset="earliest",
            metadata_max_age_ms=1000,
        )
        self.topic = topic
        self.partitions = set()
        self.stopping = False
        self.error = None

    def run(self):
        try:
            consumer = KafkaConsumer(self.topic, **self.settings)
            while not self.stopping:
                # kafka-python 3.0.12 forgets an assignment whose answer comes just after a poll has run out of time,
                # so a poll is given more time than its own pause of 100 ms between questions about topics.
                consumer.poll(timeout_ms=700)
                self.partitions = {partition.partition for partition in consumer.assignment()}
            consumer.close()
        except Exception as error:  # shown by the main thread
            self.error = error
        self.partitions = set()


def settled(members, deadline=40):
    """Waits until the members own all partitions between them, each at least one."""
    until = time.time() + deadline
    while time.time() < until:
        assert all(member.error is None for member in members), [member.error for member in members]
        owned = [sorted(member.partitions) for member in members]
        if sorted(sum(owned, [])) == list(range(6)) and all(owned):
            return owned
        time.sleep(0.05)
    raise AssertionError(f"never settled: {[member.partitions for member in members]}")


if __name__ == "__main__":
    bootstrap, topic, group = sys.argv[1:]
    members = []
    for _ in range(3):
        members.append(Member(bootstrap, topic, group))
        members[-1].start()
        settled(members)
    assert [len(member.partitions) for member in members] == [2, 2, 2]
    leaver = members.pop(0)
    leaver.stopping = True
    leaver.join()
    assert [len(owned) for owned in settled(members)] == [3, 3]
    for member in members:
        member.stopping = True
    for member in members:
        member.join()
        assert member.error is None, member.error
