"""A source in one file, without dependencies: its records are {"n": 0}, {"n": 1} and so on.

To make a source of your own, copy this file and change what stands above the line "The protocol", which
connector-api/protocol.md describes.
"""

import json
import os
import re
import select
import socket
import struct
import sys
import traceback

DESCRIPTION = {
    "kind": "source",
    "class": "examples.CounterSource",
    "aliases": ["counter"],
    "version": "1.0.0",
    "doc": "Counts from 0, one record for each number.",
    "keys": [
        {"name": "topic", "required": True, "importance": "HIGH", "doc": "Where the records go."},
        {"name": "count", "type": "LONG", "at_least": 0, "doc": "How many records. Without it, there is no end."},
        {"name": "batch", "type": "INT", "default": "2000", "at_least": 1, "doc": "The most records of a poll."},
    ],
}

# Names what the position belongs to. A source of several files or tables has one of these for each.
PARTITION = {"source": "counter"}


def problems(config):
    """What is wrong with a configuration, as keys and sentences. What DESCRIPTION says is checked before."""
    topic = config.get("topic", "")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic) or topic in (".", ".."):
        yield "topic", f"`{topic}` is no name of a topic: letters, digits, dots, underscores and dashes, 249 at most"
    for key in ("count", "batch"):
        if key in config and not re.fullmatch(r"\s*\d{1,18}\s*", config[key], re.ASCII):
            yield key, f"`{config[key]}` is not a whole number"


class Counter:
    """What the calls of the worker do. A method reads its request and returns its reply, or raises."""

    def __init__(self, worker):
        self.worker = worker

    # Calls of the connector as a whole, each in a process of its own.

    def validate(self, request):
        return many(b"\1" + text(key) + text(message) for key, message in problems(request.config()))

    def split(self, request):
        config = request.config()  # behind it stands the most tasks that are wanted; one counts
        return many([many(text(key) + text(value) for key, value in config.items())])

    def exactly_once(self, _):
        return b"\1"  # yes: a position names a record, and the same position always leads to the same records

    def check_positions(self, request):
        request.config()
        for partition, offset in request.positions():
            if partition != PARTITION:
                raise ValueError(f"the partition must be {json.dumps(PARTITION)}")
            if offset is not None and not isinstance(offset.get("next"), int):
                raise ValueError('the offset must be {"next": NUMBER}')
        return b""

    # Calls of a task.

    def start(self, request):
        request.text(), request.u32()  # the connector's name, the task's number
        config = request.config()
        for key, message in problems(config):
            raise BadConfig(key, message)
        self.topic = config["topic"]
        self.count = int(config["count"]) if "count" in config else sys.maxsize
        self.batch = int(config.get("batch", 2000))
        stored = [offset["next"] for partition, offset in request.positions() if partition == PARTITION and offset]
        self.next = int(stored[0]) if stored else 0
        print(f"counting from {self.next}", flush=True)  # into the worker's log
        return b""

    def poll(self, request):
        most_records, most_bytes, milliseconds = request.take(POLL)
        end = min(self.next + min(most_records, self.batch), self.count)
        if self.next >= end:
            self.worker.tell_activity(f"has counted to {self.count}")
            self.worker.wait(milliseconds / 1000)  # to return at once would keep a core busy
            return b"\0"
        records, size = [], 0
        while self.next < end and size < most_bytes:
            records.append(record(0, b'{"n":%d}' % self.next))  # json.dumps does it too, at a third of the speed
            size += len(records[-1])
            self.next += 1
        position = text(json.dumps(PARTITION)) + b"\1" + text(json.dumps({"next": self.next}))
        return b"\1" + U64.pack(self.next) + many([position]) + batch([self.topic], records)

    def settled(self, _):
        return b""  # a source that has to confirm what it has read does so here

    def stop(self, _):
        return b""


# ---- The protocol: the same in every source ----------------------------------------------------------------

HELLO, OPEN, CALL, CANCEL, REPLY, NEWS, REFUSAL = 1, 2, 3, 4, 6, 7, 8
OK, ERROR, BROKEN, CANCELLED = 0, 2, 4, 5
FAIL, BAD_CONFIG = 2, 4
CALLS = {1: "validate", 2: "split", 4: "exactly_once", 5: "check_positions"}
CALLS |= {16: "start", 17: "poll", 18: "settled", 19: "stop"}
U32, U64, FRAME, POLL = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<IB"), struct.Struct("<IQQ")
DECISION = struct.Struct("<Bq")
RECORD = struct.Struct("<IiqqIIBBBBIII")
NO_TIMESTAMP, JSON_FORM = -(1 << 63), 2


class BadConfig(Exception):
    def __init__(self, key, message):
        super().__init__(message)
        self.key = key


class Cancelled(Exception):
    """The worker does not want the reply any more."""


def text(value):
    data = value.encode()
    return U32.pack(len(data)) + data


def many(items):
    items = list(items)
    return U32.pack(len(items)) + b"".join(items)


def error(decision, message, key=""):
    return DECISION.pack(decision, -1) + text(key) + text(message) + b"\0" + U32.pack(0)


def record(topic, value, form=JSON_FORM):
    """A record without key, headers and timestamp, for the topic of that number in its batch."""
    return RECORD.pack(topic, -1, 0, NO_TIMESTAMP, 0, len(value), 0, form, 0, 0, 0, 0, 0) + value


def batch(topics, records):
    records_bytes = b"".join(records)
    head = U32.pack(len(records)) + U32.pack(8 + len(records_bytes))
    return b"".join((head, records_bytes, many(map(text, topics)), many([])))


class Request:
    def __init__(self, message):
        self.message, self.at = message, 0

    def take(self, layout):
        values = layout.unpack_from(self.message, self.at)
        self.at += layout.size
        return values

    def u32(self):
        return self.take(U32)[0]

    def flag(self):
        self.at += 1
        return self.message[self.at - 1] == 1

    def text(self):
        length = self.u32()
        self.at += length
        return self.message[self.at - length : self.at].decode()

    def config(self):
        return {self.text(): self.text() for _ in range(self.u32())}

    def positions(self):
        one = lambda: (json.loads(self.text()), json.loads(self.text()) if self.flag() else None)
        return [one() for _ in range(self.u32())]


class Worker:
    """The other end of the socket."""

    def __init__(self):
        # Standard input is the socket. Nothing else may read from it, and no child may hold it open.
        self.socket = socket.socket(fileno=os.dup(0))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def exactly(self, length):
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            try:
                read = self.socket.recv_into(rest)
            except ConnectionResetError:
                read = 0
            if read == 0:
                sys.exit(0)  # the worker is gone, or needs this process no more
            rest = rest[read:]
        return bytes(data)

    def read(self):
        length, kind = FRAME.unpack(self.exactly(FRAME.size))
        return kind, Request(self.exactly(length - 1))

    def write(self, kind, *parts):
        try:
            self.socket.sendall(b"".join((FRAME.pack(1 + sum(map(len, parts)), kind), *parts)))
        except (BrokenPipeError, ConnectionResetError):
            sys.exit(0)

    def wait(self, seconds):
        """Waits, or raises if the call is cancelled: during a call, nothing else comes."""
        if select.select([self.socket], [], [], seconds)[0]:
            self.read()
            raise Cancelled

    def tell_activity(self, words):
        self.write(NEWS, U32.pack(2), U32.pack(0), text(words))


def answer(connector, call, request):
    if call not in CALLS:
        return BROKEN, text(f"a source has no call of number {call}")
    try:
        return OK, getattr(connector, CALLS[call])(request)
    except Cancelled:
        return CANCELLED, b""
    except BadConfig as why:
        return ERROR, error(BAD_CONFIG, str(why), why.key)
    except Exception as why:
        traceback.print_exc()  # into the worker's log
        return ERROR, error(FAIL, f"{type(why).__name__}: {why}")


def main():
    worker = Worker()
    _, hello = worker.read()
    _, major = hello.u32(), hello.u32()  # the letters NARU, and the major version
    if major != 1:
        worker.write(REFUSAL, text(f"it speaks version 1 of the protocol, and the worker {major}"))
        return
    version = U32.pack(1) + U32.pack(0)
    worker.write(HELLO, b"NARU", version, text(os.path.basename(__file__)), many([text(json.dumps(DESCRIPTION))]))
    connector = Counter(worker)
    while True:
        kind, frame = worker.read()
        if kind == CALL:
            number, call = frame.u32(), frame.u32()
            status, reply = answer(connector, call, frame)
            worker.write(REPLY, U32.pack(number), U32.pack(status), reply)
        # The rest is an open, of the only connector here, and cancels that came after their replies.


main()
