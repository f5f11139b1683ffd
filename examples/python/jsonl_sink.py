"""A sink in one file, without dependencies: it appends each record to a file as a line of JSON.

To make a sink of your own, copy this file and change what stands above the line "The protocol", which
connector-api/protocol.md describes.
"""

import fcntl
import json
import mmap
import os
import select
import socket
import struct
import sys
import traceback

DESCRIPTION = {
    "kind": "sink",
    "class": "examples.JsonLinesSink",
    "aliases": ["jsonl"],
    "version": "1.0.0",
    "doc": "Appends each record to a file, as a line of JSON.",
    "keys": [
        {"name": "file", "required": True, "importance": "HIGH", "doc": "The file, with its whole path."},
    ],
}


def problems(config):
    """What is wrong with a configuration, as keys and sentences. What DESCRIPTION says is checked before."""
    file = config.get("file", "")
    folder = os.path.dirname(file)
    if not os.path.isabs(file):
        yield "file", f"`{file}` is not a whole path: it must begin with a slash"
    elif not os.path.isdir(folder):
        yield "file", f"there is no folder `{folder}`"
    elif os.path.isdir(file):
        yield "file", f"`{file}` is a folder"
    elif not os.access(file if os.path.exists(file) else folder, os.W_OK):
        yield "file", f"`{file}` cannot be written by the worker's user"


def no_number(word):
    raise ValueError(f"{word} is not JSON")


# Only checks, so numbers stay the texts that they are. Python would take NaN and Infinity.
parse_json = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=no_number).decode


def line_of(topic, partition, offset, key, value):
    """A record as a line, the value as it was written; raises a ValueError if it cannot be one."""
    key = "null" if key is None else json.dumps(key.decode())
    value = "null" if value is None else value.decode()
    parse_json(value)
    # Outside of strings a line break means as much as a space, and inside JSON has none.
    value = value.replace("\n", " ").replace("\r", " ")
    return f'{{"topic":{topic},"partition":{partition},"offset":{offset},"key":{key},"value":{value}}}\n'


class JsonLines:
    """What the calls of the worker do. A method reads its request and returns its reply, or raises."""

    def __init__(self, worker):
        self.worker = worker
        self.file = None
        self.unsafe = False

    # Calls of the connector as a whole, each in a process of its own.

    def validate(self, request):
        return many(b"\1" + text(key) + text(message) for key, message in problems(request.config()))

    def split(self, request):
        config = request.config()  # behind it stands the most tasks that are wanted; a file has one writer
        return many([many(text(key) + text(value) for key, value in config.items())])

    def formats(self, _):
        return bytes([BYTES_FORM, BYTES_FORM])  # of keys, of values: as they stand in the log

    # Calls of a task.

    def start(self, request):
        request.text(), request.u32()  # the connector's name, the task's number
        config = request.config()
        for key, message in problems(config):
            raise BadConfig(key, message)
        self.file = os.open(config["file"], os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"another process writes to {config['file']}") from None
        self.cut_torn_line()
        return b""

    def cut_torn_line(self):
        """A process that was killed may have left half a line. It was not reported as safe, so it comes again."""
        if size := os.fstat(self.file).st_size:
            with mmap.mmap(self.file, 0, access=mmap.ACCESS_READ) as content:
                whole = content.rfind(b"\n") + 1
            if whole < size:
                os.ftruncate(self.file, whole)

    def open(self, _):
        return many([])  # a sink that keeps offsets itself says here where to read on

    def put(self, request):
        lines, rejected = [], []
        for index, record in enumerate(records(request.message, request.at)):
            try:
                lines.append(line_of(*record))
            except (ValueError, RecursionError) as why:
                rejected.append(U32.pack(index) + error(REJECT, f"the key is no text or the value is no JSON: {why}"))
        self.unsafe = True
        rest = memoryview("".join(lines).encode())
        while rest:
            rest = rest[os.write(self.file, rest) :]
        # Nothing is rejected later, some are rejected now, none shall come again.
        return b"\0" + many(rejected) + b"\0"

    def written(self, _):
        self.worker.wait(None)  # until it is cancelled: nothing goes on between the calls

    def flush(self, _):
        if self.unsafe:
            os.fsync(self.file)
        self.unsafe = False
        return b"\0"  # everything that was put is safe

    def close(self, _):
        return b""

    def stop(self, _):
        if self.file is not None:
            os.close(self.file)
        return b""


# ---- The protocol: the same in every sink ------------------------------------------------------------------

HELLO, OPEN, CALL, CANCEL, REPLY, NEWS, REFUSAL = 1, 2, 3, 4, 6, 7, 8
OK, ERROR, BROKEN, CANCELLED = 0, 2, 4, 5
REJECT, FAIL, BAD_CONFIG = 1, 2, 4
CALLS = {1: "validate", 2: "split", 6: "formats"}
CALLS |= {16: "start", 19: "stop", 20: "open", 21: "put", 22: "written", 23: "flush", 24: "close"}
U32, FRAME, DECISION = struct.Struct("<I"), struct.Struct("<IB"), struct.Struct("<Bq")
RECORD, BATCH = struct.Struct("<IiqqIIBBBBIII"), struct.Struct("<II")
NULL_FORM, BYTES_FORM = 0, 1


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


def records(message, start):
    """Topic (as a JSON text), partition, offset, key, value of each record. Timestamps and headers are passed over."""
    count, tables = BATCH.unpack_from(message, start)
    table = Request(message, start + tables)
    topics = [json.dumps(table.text()) for _ in range(table.u32())]
    at = start + BATCH.size
    for _ in range(count):
        stored = RECORD.unpack_from(message, at)
        topic, partition, offset, _, key, value, key_form, value_form, _, _, headers, _, _ = stored
        key_at = at + RECORD.size
        value_at = key_at + key
        at = value_at + value
        for _ in range(headers):
            at += 4 + U32.unpack_from(message, at)[0] + 1  # its name and its form
            at += 4 + U32.unpack_from(message, at)[0]
        yield (
            topics[topic],
            partition,
            offset,
            None if key_form == NULL_FORM else message[key_at:value_at],
            None if value_form == NULL_FORM else message[value_at : value_at + value],
        )


class Request:
    def __init__(self, message, at=0):
        self.message, self.at = message, at

    def u32(self):
        self.at += 4
        return U32.unpack_from(self.message, self.at - 4)[0]

    def text(self):
        length = self.u32()
        self.at += length
        return self.message[self.at - length : self.at].decode()

    def config(self):
        return {self.text(): self.text() for _ in range(self.u32())}


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


def answer(connector, call, request):
    if call not in CALLS:
        return BROKEN, text(f"a sink has no call of number {call}")
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
    connector = JsonLines(worker)
    while True:
        kind, frame = worker.read()
        if kind == CALL:
            number, call = frame.u32(), frame.u32()
            status, reply = answer(connector, call, frame)
            worker.write(REPLY, U32.pack(number), U32.pack(status), reply)
        # The rest is an open, of the only connector here, and cancels that came after their replies.


main()
