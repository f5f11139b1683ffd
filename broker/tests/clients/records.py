"""The records that every client writes, and the line that each prints for what it reads."""
import json

RECORDS = [(b"k%d" % i, b"value %d " % i * 20, [("n", b"%d" % i), ("n", b"again")]) for i in range(300)]
RECORDS += [
    (None, b"no key", []),
    (b"tombstone", None, [("why", b"gone")]),
    (b"", b"", []),
    ("ключ".encode(), "значение ✓".encode(), [("заголовок", b"\x00\xff")]),
]


def line(topic, offset, key, value, headers):
    def text(field):
        return None if field is None else field.hex()

    return json.dumps([topic, offset, text(key), text(value), [[name, text(part)] for name, part in headers or []]])
