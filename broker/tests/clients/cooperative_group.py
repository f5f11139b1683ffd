"""Groups with confluent-kafka: cooperative-sticky with a join and a leave, and static members that come back.

usage: cooperative_group.py BOOTSTRAP TOPIC GROUP     The topic has six partitions.
"""
import sys
import time

from confluent_kafka import Consumer


class Member:
    def __init__(self, bootstrap, topic, group, **settings):
        self.owned, self.revoked, self.rounds = set(), 0, 0
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 200,
                "auto.offset.reset": "earliest",
                **settings,
            }
        )
        self.consumer.subscribe([topic], on_assign=self.assigned, on_revoke=self.taken)

    def assigned(self, consumer, partitions):
        self.rounds += 1
        self.owned |= {partition.partition for partition in partitions}
        consumer.incremental_assign(partitions)

    def taken(self, consumer, partitions):
        self.revoked += len(partitions)
        self.owned -= {partition.partition for partition in partitions}
        consumer.incremental_unassign(partitions)


def settled(members, counts, deadline=40):
    until = time.time() + deadline
    while time.time() < until:
        for member in members:
            message = member.consumer.poll(0.02)
            assert message is None or message.error() is None, message.error()
        owned = [sorted(member.owned) for member in members]
        if sorted(sum(owned, [])) == list(range(6)) and sorted(map(len, owned)) == counts:
            return owned
    raise AssertionError(f"never settled: {[member.owned for member in members]}")


def cooperative(bootstrap, topic, group):
    members = [Member(bootstrap, topic, group)]
    settled(members, [6])
    members.append(Member(bootstrap, topic, group))
    settled(members, [3, 3])
    members.append(Member(bootstrap, topic, group))
    settled(members, [2, 2, 2])
    # Only what moves is revoked: three partitions went to the second member and two to the third.
    assert sum(member.revoked for member in members) <= 6, [member.revoked for member in members]
    members.pop(1).consumer.close()
    settled(members, [3, 3])
    for member in members:
        member.consumer.close()


def static(bootstrap, topic, group):
    settings = {"partition.assignment.strategy": "range", "group.instance.id": "one"}

    def eager(name):
        member = Member(bootstrap, topic, group, **{**settings, "group.instance.id": name})
        member.consumer.unsubscribe()

        def assigned(consumer, partitions):
            member.rounds += 1
            member.owned = {partition.partition for partition in partitions}
            consumer.assign(partitions)

        def taken(consumer, partitions):
            member.owned = set()
            consumer.unassign()

        member.consumer.subscribe([topic], on_assign=assigned, on_revoke=taken)
        return member

    one, two = eager("one"), eager("two")
    first = settled([one, two], [3, 3])
    rounds = two.rounds
    # Closing a static member does not leave the group; coming back in time changes nothing for the other.
    one.consumer.close()
    one = eager("one")
    assert settled([one, two], [3, 3]) == first
    assert two.rounds == rounds, "the other member had to rebalance"
    one.consumer.close()
    two.consumer.close()


if __name__ == "__main__":
    bootstrap, topic, group = sys.argv[1:]
    cooperative(bootstrap, topic, group)
    static(bootstrap, topic, group + "-static")
