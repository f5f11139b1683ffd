"""Prints the cases that `Record.java` records: every class with values with and without schemas, nulls, wrong types, odd settings."""

import itertools
import json

NUMBER = 0


def case(cls, config, value=None, key=None, **record):
    print(json.dumps({"class": cls, "config": config, "record": {"key": key, "value": value, **record}}, ensure_ascii=False))


def plain(value):
    return {"plain": value}


def schema(kind, optional=False, **more):
    return {"type": kind, "optional": optional, **more}


def logical(name, kind, optional=False, **more):
    return schema(kind, optional, name="org.apache.kafka.connect.data." + name, version=1, **more)


def field(name, schema):
    return {**schema, "field": name}


def struct(fields, optional=False, **more):
    return schema("struct", optional, fields=[field(name, of) for name, of in fields], **more)


def typed(schema, payload):
    return {"schema": schema, "payload": payload}


def tag(kind, text):
    return {"$": kind, "v": text}


INNER = struct([("x", schema("int32")), ("y", schema("string", True))], optional=True, name="inner", version=3)
FIELDS = [
    ("i8", schema("int8"), 5), ("i16", schema("int16"), 300), ("i32", schema("int32"), -70000), ("i64", schema("int64"), 2**40 + 7),
    ("f32", schema("float"), 1.5), ("f64", schema("double"), 1e21), ("b", schema("boolean"), True), ("s", schema("string"), "17"),
    ("by", schema("bytes"), "AQID"), ("os", schema("string", True, doc="perhaps"), None),
    ("ds", schema("string", True, default="dflt"), None), ("di", schema("int32", True, default=42), None),
    ("date", logical("Date", "int32"), 19782), ("time", logical("Time", "int32"), 45296789),
    ("ts", logical("Timestamp", "int64"), 1709210096789), ("dec", logical("Decimal", "bytes", parameters={"scale": "2"}), 12.50),
    ("arr", schema("array", items=schema("int32")), [1, 2]), ("in", INNER, {"x": 1, "y": "z"}),
]
ROW = typed(struct([(n, s) for n, s, _ in FIELDS], name="row", version=2, doc="a row", parameters={"p": "q"}),
            {n: v for n, _, v in FIELDS})
NULL_ROW = typed({**ROW["schema"], "optional": True}, None)
MAP = {"i": 12, "big": 2**40, "f": 1.25, "b": False, "s": "17", "t": "text", "n": None, "l": [1, "a"], "o": {"x": 1, "p": {"q": 2}},
       "i8": tag("int8", "3"), "by": tag("bytes", "AQID"), "f32": tag("float32", "0.1")}
MAP["f"] = tag("float64", "1.25")
ROWS = [ROW, plain(MAP), None, NULL_ROW, typed(schema("string"), "text"), plain("text"), typed(schema("int32", True), None)]
TYPES = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"]


def cast():
    for kind in TYPES:
        for name in [f[0] for f in FIELDS]:
            case("Cast$Value", {"spec": f"{name}:{kind}"}, ROW)
        for name in MAP:
            case("Cast$Value", {"spec": f"{name}:{kind}"}, plain(MAP))
    singles = [("int32", 300), ("int64", -1), ("double", 3.99), ("float", -0.5), ("boolean", True), ("string", "12"), ("string", " 1"),
               ("string", "1e3"), ("string", "tRUE"), ("string", "+7"), ("string", ""), ("string", "NaN"), ("bytes", "AA=="),
               ("double", 1e10), ("double", 1e300), ("double", -1e300), ("double", 1e-5), ("int64", 2**63 - 1)]
    for kind in TYPES:
        for of, value in singles:
            case("Cast$Key", {"spec": kind}, key=typed(schema(of, True, name="n", doc="d"), value))
        for value in [12, "x", True, tag("float64", "2.5"), tag("int16", "-300"), [1], {"a": 1}, tag("float64", "1.0E-7")]:
            case("Cast$Value", {"spec": kind}, plain(value))
        case("Cast$Value", {"spec": kind}, typed(schema("string", True, default="1"), "2"))
        for of, value in [(logical("Timestamp", "int64"), 1709210096789), (logical("Date", "int32", True), 19782),
                          (logical("Decimal", "bytes", parameters={"scale": "2"}), 12.50)]:
            case("Cast$Value", {"spec": kind}, typed(of, value))
    for days in [0, 1, 19782, 100000]:
        case("Cast$Value", {"spec": "d:string"}, typed(struct([("d", logical("Date", "int32"))]), {"d": days}))
    for ts in [86400000, 86400001, 1709164800000, 1709210096789, 253402300799999]:
        case("Cast$Value", {"spec": "d:string"}, typed(struct([("d", logical("Timestamp", "int64"))]), {"d": ts}))
    for spec in ["int9", "a:int9", "a:bytes", "int8,a:int8", "a:b:int8", "", "a:INT8", " a : int8 ", "a:int8,a:string", "a:array"]:
        case("Cast$Value", {"spec": spec}, plain({"a": 1}))
    case("Cast$Value", {}, plain({"a": 1}))
    for keep in ["true", "false"]:
        case("Cast$Value", {"spec": "di:string,ds:string", "replace.null.with.default": keep}, ROW)
    default = typed(struct([("a", schema("int32", default=7)), ("c", schema("string", True, default="9"))], True), {"a": 1, "c": "2"})
    case("Cast$Value", {"spec": "a:string,c:int8"}, default)
    case("Cast$Value", {"spec": "c:int8"}, typed(struct([("c", schema("string", True, default="many"))]), {"c": "2"}))
    for row in ROWS:
        case("Cast$Value", {"spec": "i8:int64,s:int32"}, row)
        case("Cast$Key", {"spec": "i8:int64"}, key=row)


def extract():
    for name in ["i8", "os", "ds", "in", "ts", "none", "in.x", "in.y", "in.z", "arr", "o", "o.x", "o.p.q", "n", "s.x", "", "`in`.x",
                 "`in", "o.`p`.q", "in.", "i8.x"]:
        for version in ["V1", "V2", "v2", "V3"]:
            if version in ("V3", "v2") and name != "in.x":
                continue
            for row in ROWS[:4]:
                case("ExtractField$Value", {"field": name, "field.syntax.version": version}, row)
    case("ExtractField$Value", {"field": "ds", "replace.null.with.default": "false"}, ROW)
    case("ExtractField$Key", {"field": "id"}, key=plain({"id": 3}))
    case("ExtractField$Key", {"field": "id"}, key=plain("x"))
    case("ExtractField$Key", {"field": "id"}, key=typed(schema("string"), "x"))
    nested = typed(struct([("in", INNER)]), {"in": None})
    case("ExtractField$Value", {"field": "in.x", "field.syntax.version": "V2"}, nested)
    case("ExtractField$Value", {}, ROW)


def flatten():
    deep = struct([("a", struct([("b", struct([("c", schema("int32"))], True)), ("d", schema("string", True, default="dd"))])),
                   ("e", schema("array", items=INNER)), ("t", logical("Timestamp", "int64", True))], True, name="deep")
    payloads = [{"a": {"b": {"c": 1}, "d": None}, "e": [{"x": 1, "y": None}], "t": 5}, {"a": {"b": None, "d": "x"}, "e": [], "t": None}]
    for delimiter in [{}, {"delimiter": "_"}, {"delimiter": ""}, {"delimiter": " "}]:
        for payload in payloads:
            case("Flatten$Value", delimiter, typed(deep, payload))
        for value in [MAP, {"a": {"b": {"c": 1}}, "a.b": 2, "a_b": 3}, {"a": {"b": 1}, "a.b": 2}, {"a": {}}, {}]:
            value = {k: v for k, v in value.items() if not (isinstance(v, dict) and "$" in v)}
            case("Flatten$Value", delimiter, plain(value))
    case("Flatten$Value", {}, typed(struct([("m", schema("map", keys=schema("string"), values=schema("int32")))]), {"m": {"a": 1}}))
    case("Flatten$Value", {}, typed(struct([("a.b", schema("int32")), ("a", struct([("b", schema("int32"))]))]), {"a.b": 1, "a": {"b": 2}}))
    for row in ROWS:
        case("Flatten$Value", {}, row)
        case("Flatten$Key", {"delimiter": "-"}, key=row)


def header_from():
    for operation, keep in itertools.product(["move", "copy"], ["true", "false"]):
        for fields, headers in [("i8", "h"), ("ds,s", "h,h"), ("none", "h"), ("ts,dec,by", "a,b,c"), ("s,s", "a,b"), ("i8", "h,g"),
                                ("", ""), ("in", "h"), ("os", "h")]:
            config = {"fields": fields, "headers": headers, "operation": operation, "replace.null.with.default": keep}
            case("HeaderFrom$Value", config, ROW, headers=[["h", plain("old")]])
            case("HeaderFrom$Value", config, plain(MAP))
        for row in ROWS:
            case("HeaderFrom$Key", {"fields": "s", "headers": "h", "operation": operation}, key=row)
    case("HeaderFrom$Value", {"fields": "s", "headers": "h", "operation": "MOVE"}, ROW)


def hoist():
    for row in ROWS + [plain([1, 2])]:
        case("HoistField$Value", {"field": "f"}, row)
        case("HoistField$Key", {"field": "a.b"}, key=row)
    case("HoistField$Value", {}, ROW)


def insert_field():
    simple = typed(struct([("a", schema("int32", True, default=1))], True, name="n"), {"a": None})
    specs = [{"topic.field": "t"}, {"topic.field": "t!"}, {"topic.field": "t?"}, {"partition.field": "p"}, {"offset.field": "o"},
             {"offset.field": "o!"}, {"timestamp.field": "ts"}, {"timestamp.field": "ts!"}, {"static.field": "s", "static.value": "x"},
             {"static.field": "s"}, {"static.value": "x"}, {}, {"topic.field": "a"}, {"topic.field": "x", "partition.field": "x"},
             {"topic.field": "t", "partition.field": "p!", "timestamp.field": "ts", "static.field": "s!", "static.value": " v "},
             {"topic.field": "t", "replace.null.with.default": "false"}, {"static.field": "s", "static.value": ""}]
    for spec in specs:
        for value in [simple, plain({"a": 1}), None, typed(struct([], True), None), typed(schema("string"), "x"), plain("x")]:
            case("InsertField$Value", spec, value, topic="orders", partition=3, offset=77, timestamp=1709210096789)
            case("InsertField$Value", spec, value, topic="orders")
    case("InsertField$Key", {"topic.field": "t"}, key=plain({}), topic="orders")
    case("InsertField$Key", {"topic.field": "t"}, key=simple, topic="orders")


def insert_header():
    literals = ["5", "300", "-70000", "3000000000", "9223372036854775808", "1.5", "1e2", "1.5e300", "1e400", "true", "false", "null",
                " true ", "text", "", " ", "two words", "2024-02-29", "12:34:56.789Z", "2024-02-29T12:34:56.789Z", "[1,2,300]",
                "[1, 2.5]", "[\"a\", \"b\"]", "[]", "[a]", "[1", "{\"a\":1}", "{\"a\":1,\"b\":300}", "{}", "{a:1}", "{1:2}", "[true,false]",
                "\"quoted\"", "1,5", "12 apples", "+7", "007", "-", "0x1", "1.0", "100.00", "[1,null]", "[[1],[2]]", "TRUE", "NaN",
                "2024-13-45", "1234567890", "a:b", "http://x/y", "[1,\"a\"]", "-0.0", ".5", "5.", "true}", "[true] x", "a\\:b", "ü",
                "1 ", " 1", "{\"a\":null}", "[\"2024-02-29\"]", "{\"a\":\"b\",\"c\":\"d\"}", "[1,]", "[,1]", "{\"a\":1,\"b\":null}", "[null]", "[\"a\",null]", "{\"a\":1 \"b\":2}", "[1 2]",
                "{\"a\":[1,2],\"b\":[3]}", "[1,\"2024-02-29\"]", "12:34:56", "12:34:56.789", "-2024-02-29", "1_000", "\\[1]"]
    for literal in literals:
        case("InsertHeader", {"header": "h", "value.literal": literal}, plain("v"), headers=[["h", plain("old")]])
    case("InsertHeader", {"header": "h"}, plain("v"))
    case("InsertHeader", {"value.literal": "h"}, plain("v"))


def mask():
    for name in [f[0] for f in FIELDS] + ["none"]:
        for more in [{}, {"replacement": "7"}, {"replacement": "12.9"}, {"replacement": "abc"}, {"replacement": "300"}, {"replacement": "1e2"}]:
            case("MaskField$Value", {"fields": name, **more}, ROW)
    for name in list(MAP) + ["none"]:
        for more in [{}, {"replacement": "7"}, {"replacement": "abc"}, {"replacement": " "}]:
            case("MaskField$Value", {"fields": name, **more}, plain(MAP))
    for row in ROWS:
        case("MaskField$Key", {"fields": "s,i8"}, key=row)
    case("MaskField$Value", {"fields": "s", "replacement": ""}, ROW)
    case("MaskField$Value", {"fields": "s", "replace.null.with.default": "false"}, ROW)
    case("MaskField$Value", {"fields": ""}, ROW)


def routers():
    pairs = [("(.*)", "new-$1"), ("or(.*)", "$1"), ("orders", "x"), ("order", "x"), ("(a|ab)c?", "[$1]"), ("o|orders", "x"),
             ("(?<w>[a-z]+)", "${w}2"), ("(.)(.*)", "$2$1"), ("(.*)", "$11"), ("(.*)", "\\$1"), ("(.*)", "a\\\\b"), ("(", "x"),
             ("(.*)", "$"), ("(.*)", "$2"), ("(.*)", "${no}"), ("(.*)", ""), ("\\Qorders\\E", "x"), ("[a-z&&[^x]]+", "y"), ("ORDERS", "x"),
             ("(?i)ORDERS", "x"), ("o(x)?rders", "[$1]"), ("\\w+", "w"), ("[\\p{Alpha}]+", "p"), ("orders$", "d"), ("^orders", "c")]
    for regex, replacement in pairs:
        for topic in ["orders", "ab", "shop.public.orders-1"]:
            case("RegexRouter", {"regex": regex, "replacement": replacement}, plain(1), topic=topic)
    case("RegexRouter", {"regex": "a"}, plain(1))
    stamps = [0, 1709210096789, -1, 253402300799999, None]
    formats = [{}, {"timestamp.format": "yyyy-MM-dd'T'HH:mm:ss.SSS"}, {"topic.format": "${timestamp}.${topic}.${topic}"},
               {"topic.format": "fixed"}, {"topic.format": "${x}-$1-\\", "timestamp.format": "''yy''"}, {"timestamp.format": "EEE MMMM d D u"},
               {"timestamp.format": "hh KK kk HH a"}, {"timestamp.format": "SSSS S s m z Z X XX XXX"}, {"timestamp.format": "y yyy M MM MMM LLL"},
               {"timestamp.format": "EEEE E zzzz"}]
    for config in formats:
        for stamp in stamps:
            case("TimestampRouter", config, plain(1), topic="orders", timestamp=stamp)


def replace_field():
    configs = [{"exclude": "s,in"}, {"include": "s,i8"}, {"include": "s", "exclude": "s"}, {"renames": "s:t,i8:j"}, {"renames": "s:i8"},
               {"renames": "s:i8,i8:s"}, {"exclude": "i8", "renames": "s:i8"}, {"renames": "x:s"}, {"renames": "s"}, {"renames": "s:"}, {"renames": ":s"},
               {"renames": "a:b:c"}, {}, {"include": "none"}, {"include": "ds,di", "replace.null.with.default": "false"}, {"include": "ds,di"},
               {"exclude": "o,l", "renames": "t:u"}, {"renames": "s:a,s:b"}]
    for config in configs:
        for row in ROWS:
            # Which of two entries of one name stays is chance there.
            if row != ROWS[1] or config != {"renames": "s:i8"}:
                case("ReplaceField$Value", config, row)
        case("ReplaceField$Key", config, key=ROW)


def metadata():
    for config in [{"schema.name": "new"}, {"schema.version": "9"}, {"schema.name": "new", "schema.version": "-1"}, {}, {"schema.version": "x"},
                   {"schema.name": "n", "replace.null.with.default": "false"}]:
        for row in ROWS + [typed(schema("array", items=schema("int32")), [1]),
                           typed(schema("map", keys=schema("string"), values=schema("int32")), {"a": 1})]:
            case("SetSchemaMetadata$Value", config, row)
            case("SetSchemaMetadata$Key", config, key=row)


def converter():
    sources = [(schema("string", True), "2024-02-29 12:34:56.789"), (schema("string"), "2024-02-29"), (schema("string"), "nonsense"),
               (schema("int64"), 1709210096789), (schema("int64", True), 1709210096), (schema("int64"), -1), (schema("int32"), 5),
               (logical("Date", "int32"), 19782), (logical("Time", "int32"), 45296789), (logical("Timestamp", "int64"), 1709210096789),
               (logical("Timestamp", "int64"), -1), (logical("Timestamp", "int64", True), None), (schema("string", True), None),
               (logical("Date", "int32", default=1), 2)]
    targets = ["string", "unix", "Date", "Time", "Timestamp"]
    for target, precision in itertools.product(targets, ["milliseconds", "seconds", "microseconds", "nanoseconds"]):
        config = {"target.type": target, "format": "yyyy-MM-dd HH:mm:ss.SSS", "unix.precision": precision}
        for of, value in sources:
            if precision == "milliseconds" or of["type"] == "int64":
                case("TimestampConverter$Value", config, typed(of, value))
                row = typed(struct([("t", of), ("d", schema("int32", True, default=4))], True, name="n"), {"t": value, "d": None})
                case("TimestampConverter$Value", {**config, "field": "t"}, row)
        for value in ["2024-02-29 12:34:56.789", "x", 1709210096789, tag("int32", "5"), None, True, {"t": 1709210096789}, {"t": "2024-02-29 1:2:3.4"},
                      {"t": None}, {}]:
            if precision != "milliseconds" and not isinstance(value, int):
                continue
            case("TimestampConverter$Key", config, key=plain(value))
            case("TimestampConverter$Key", {**config, "field": "t"}, key=plain(value))
    parsed = [("yyyy-MM-dd", "2024-02-30"), ("yyyy-MM-dd", "2024-14-01 rest"), ("yyyyMMdd", "20240229"), ("yyyyMMdd", "2024022"),
              ("yyyyMMddHHmmssSSS", "20240229123456789"), ("EEE, d MMM yyyy HH:mm:ss Z", "Thu, 29 Feb 2024 12:34:56 +0200"),
              ("EEE, d MMM yyyy HH:mm:ss z", "Thu, 29 Feb 2024 12:34:56 GMT"), ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:34:56-05:30"),
              ("yyyy-MM-dd'T'HH:mm:ssX", "2024-02-29T12:34:56+02"), ("yyyy-MM-dd'T'HH:mm:ssXX", "2024-02-29T12:34:56+0230"),
              ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T12:34:56Z"), ("dd/MM/yy", "01/02/99"), ("dd/MM/yy", "01/02/03"), ("dd/MM/yy", "1/2/2003"),
              ("d MMMM yyyy", "5 may 2024"), ("d MMM yyyy", "5 December 2024"), ("hh:mm a", "12:05 am"), ("hh:mm a", "12:05 PM"), ("KK:mm a", "0:05 PM"),
              ("kk:mm", "24:05"), ("HH:mm", "24:05"), ("D yyyy", "60 2024"), ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-29 12:34:56.123456"),
              ("yyyy-MM-dd", " 2024-2-9"), ("yyyy-MM-dd", "2024 -2-9"), ("yyyy-MM-dd", "-2024-02-09"), ("HH:mm z", "12:00 GMT+2:00"), ("HH:mm Z", "12:00 UTC"),
              ("yyyy", "24"), ("yy", "2024"), ("yyyy-MM-dd''HH", "2024-02-29'05"), ("MMM", "Foo"), ("ss", "61"), ("mm:ss", "-1:05"), ("y-M-d", "2024-2-9"),
              ("yyyy-MM-dd", "2024-0-0"), ("EEEE", "Monday"), ("u yyyy-MM-dd", "1 2024-02-29"), ("yyyy-MM-dd'T'HH:mm:ss'Z'", "2024-02-29T12:34:56Z"),
              ("SSS", "5"), ("ss.S", "1.5"), ("yyyyMM", "202402"), ("MMyyyy", "022024"), ("HHmm", "930"), ("yyyy-MM-dd", "2024-02-29Z")]
    for pattern, text in parsed:
        case("TimestampConverter$Value", {"target.type": "unix", "format": pattern}, plain(text))
    for config in [{"target.type": "string"}, {"target.type": "date"}, {"target.type": "unix", "unix.precision": "days"}, {},
                   {"target.type": "string", "format": "b"}, {"target.type": "string", "format": "'x"}, {"target.type": "unix"},
                   {"target.type": "unix", "format": " "}]:
        case("TimestampConverter$Value", config, plain("2024-02-29"))
    for row in ROWS:
        case("TimestampConverter$Value", {"target.type": "unix", "field": "ts"}, row)


def value_to_key():
    for fields in ["s", "s,i8", "i8,s", "none", "ds", "in,ts", "s,s", ""]:
        for keep in ["true", "false"]:
            for row in ROWS:
                case("ValueToKey", {"fields": fields, "replace.null.with.default": keep}, row, key=plain("old"))


def others():
    headers = [["a", plain("1")], ["b", typed(schema("int32"), 2)], ["a", None]]
    for names in ["a", "b", "a,b", "c", ""]:
        case("DropHeaders", {"headers": names}, plain(1), headers=headers)
    for name in ["a", "b", "c", "A", ""]:
        case("predicates.HasHeaderKey", {"name": name}, plain(1), headers=headers)
    for row in ROWS:
        case("Filter", {}, row)
        case("predicates.RecordIsTombstone", {}, row)
    for pattern in ["orders", "order", "o.*", ".*s", "", "(", "O.*", "(?i)ORDERS", "a|orders", "\\w+"]:
        case("predicates.TopicNameMatches", {"pattern": pattern}, plain(1), topic="orders")


for group in [cast, extract, flatten, header_from, hoist, insert_field, insert_header, mask, routers, replace_field, metadata, converter,
              value_to_key, others]:
    group()
