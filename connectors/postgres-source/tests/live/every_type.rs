//! Every type: its schema and its values, in the snapshot and in the stream. The expectations are what Debezium 3.7.0
//! makes of the same rows, except where the README names a difference.

use connector_api::SourceRecord;
use connector_api::data::{Payload, Schema};

use crate::driver::{Driver, on_a_task_thread};
use crate::json;
use crate::shared::{SERVER, database, with};

/// A column: its type, its schema in a line, and SQL literals with the values that they become.
struct Case(&'static str, &'static str, &'static [(&'static str, &'static str)]);

const EXTENSIONS: &str = "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION isn; \
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN posint AS int CHECK (VALUE > 0); \
    CREATE DOMAIN posint2 AS posint; CREATE DOMAIN money2 AS numeric(8,3);";

const NUMBERS: &[Case] = &[
    Case("smallint", "int16?", &[("-32768", "-32768"), ("32767", "32767"), ("NULL", "null")]),
    Case("int", "int32?", &[("-2147483648", "-2147483648"), ("2147483647", "2147483647")]),
    Case(
        "bigint",
        "int64?",
        &[("-9223372036854775808", "-9223372036854775808"), ("9223372036854775807", "9223372036854775807")],
    ),
    Case("real", "float?", &[("1.5", "1.5"), ("'NaN'", "\"NaN\""), ("'-Infinity'", "\"-Infinity\""), ("0.1", "0.1")]),
    Case("float8", "double?", &[("2.25", "2.25"), ("'Infinity'", "\"Infinity\""), ("1e300", "1e300"), ("0.1", "0.1")]),
    Case("boolean", "boolean?", &[("true", "true"), ("false", "false"), ("NULL", "null")]),
    Case("oid", "int64?", &[("4294967295", "4294967295"), ("0", "0")]),
    Case("posint", "int32?", &[("5", "5")]),
    Case("posint2", "int32?", &[("6", "6")]),
    Case(
        "money2",
        "bytes? org.apache.kafka.connect.data.Decimal v1 {scale=3, connect.decimal.precision=8}",
        &[("1.2345", "\"BNM=\""), ("0", "\"AA==\"")],
    ),
    Case(
        "numeric",
        "struct<scale: int32, value: bytes>? io.debezium.data.VariableScaleDecimal v1",
        &[
            ("12.340", r#"{"scale":2,"value":"BNI="}"#),
            ("1200", r#"{"scale":0,"value":"BLA="}"#),
            ("1e-10", r#"{"scale":10,"value":"AQ=="}"#),
            ("'100000000000000000000000000000.5'", r#"{"scale":1,"value":"DJ8snNBGdO3qQAAABQ=="}"#),
            ("'NaN'", "null"),
        ],
    ),
    Case(
        "numeric(5)",
        "bytes? org.apache.kafka.connect.data.Decimal v1 {scale=0, connect.decimal.precision=5}",
        &[("12345", "\"MDk=\""), ("99999", "\"AYaf\"")],
    ),
    Case(
        "numeric(10,2)",
        "bytes? org.apache.kafka.connect.data.Decimal v1 {scale=2, connect.decimal.precision=10}",
        &[("99.5", "\"Jt4=\""), ("-0.01", "\"/w==\""), ("99999999.99", "\"AlQL4/8=\"")],
    ),
    Case(
        "numeric(5,-2)",
        "bytes? org.apache.kafka.connect.data.Decimal v1 {scale=0, connect.decimal.precision=5}",
        &[("12345", "\"MAw=\""), ("-100", "\"nA==\"")],
    ),
    Case(
        "money",
        "bytes? org.apache.kafka.connect.data.Decimal v1 {scale=2}",
        &[("'$1,234.56'", "\"AeJA\""), ("'-$0.05'", "\"+w==\"")],
    ),
];

const TEXTS: &[Case] = &[
    Case(
        "text",
        "string?",
        &[(r#"E'line\nbreak "q" \\ é 😀'"#, r#""line\nbreak \"q\" \\ é 😀""#), ("''", "\"\""), ("NULL", "null")],
    ),
    Case("varchar(20)", "string?", &[("'v'", "\"v\"")]),
    Case("char(5)", "string?", &[("'ab'", "\"ab   \"")]),
    Case("\"char\"", "string?", &[("'z'", "\"z\"")]),
    Case("name", "string?", &[("'nm'", "\"nm\"")]),
    Case("citext", "string?", &[("'CiText'", "\"CiText\"")]),
    Case(
        "uuid",
        "string? io.debezium.data.Uuid v1",
        &[("'6F1ED002-ab5e-4c00-8f00-0123456789ab'", "\"6f1ed002-ab5e-4c00-8f00-0123456789ab\"")],
    ),
    Case("xml", "string? io.debezium.data.Xml v1", &[("'<a b=\"1\">x</a>'", r#""<a b=\"1\">x</a>""#)]),
    Case(
        "json",
        "string? io.debezium.data.Json v1",
        &[(r#"'{ "a" : [1, 2.50, null] }'"#, r#""{ \"a\" : [1, 2.50, null] }""#)],
    ),
    Case("jsonb", "string? io.debezium.data.Json v1", &[(r#"'{"b": 1, "a": 1.50}'"#, r#""{\"a\": 1.50, \"b\": 1}""#)]),
    Case("mood", "string? io.debezium.data.Enum v1 {allowed=sad,ok,happy}", &[("'ok'", "\"ok\"")]),
    Case(
        "hstore",
        "string? io.debezium.data.Json v1",
        &[(r#"'"a b"=>"1", "c"=>NULL'"#, r#""{\"c\":null,\"a b\":\"1\"}""#), ("''", "\"{}\"")],
    ),
    Case("ltree", "string? io.debezium.data.Ltree v1", &[("'Top.Science'", "\"Top.Science\"")]),
    Case("tsvector", "string? io.debezium.data.Tsvector v1", &[("'fat:2 cat:3 sat'", "\"'cat':3 'fat':2 'sat'\"")]),
    Case("isbn", "string?", &[("'978-0-393-04002-9'", "\"0-393-04002-X\"")]),
    Case("inet", "string?", &[("'192.168.1.5/24'", "\"192.168.1.5/24\""), ("'::1'", "\"::1\"")]),
    Case("cidr", "string?", &[("'10.0.0.0/8'", "\"10.0.0.0/8\"")]),
    Case("macaddr", "string?", &[("'08:00:2b:01:02:03'", "\"08:00:2b:01:02:03\"")]),
    Case("macaddr8", "string?", &[("'08:00:2b:01:02:03:04:05'", "\"08:00:2b:01:02:03:04:05\"")]),
    Case("int4range", "string?", &[("'[1,5)'", "\"[1,5)\""), ("'empty'", "\"empty\"")]),
    Case("int8range", "string?", &[("'(1,5]'", "\"[2,6)\"")]),
    Case("numrange", "string?", &[("'[1.5,)'", "\"[1.5,)\"")]),
    Case(
        "tsrange",
        "string?",
        &[("'[2020-01-01,2021-01-01)'", r#""[\"2020-01-01 00:00:00\",\"2021-01-01 00:00:00\")""#)],
    ),
    Case(
        "tstzrange",
        "string?",
        &[("'[2020-01-01 00:00:00+00,infinity)'", r#""[\"2020-01-01 00:00:00+00\",infinity)""#)],
    ),
    Case("daterange", "string?", &[("'[2020-01-01,2020-02-01]'", "\"[2020-01-01,2020-02-02)\"")]),
];

const TIMES: &[Case] = &[
    Case(
        "date",
        "int32? io.debezium.time.Date v1",
        &[
            ("'2024-02-29'", "19782"),
            ("'0044-03-15 BC'", "-735160"),
            ("'infinity'", "2147483647"),
            ("'-infinity'", "-2147483648"),
            ("'12024-01-01'", "3672148"),
        ],
    ),
    Case(
        "time",
        "int64? io.debezium.time.MicroTime v1",
        &[("'12:34:56.789012'", "45296789012"), ("'24:00'", "86400000000")],
    ),
    Case("time(3)", "int32? io.debezium.time.Time v1", &[("'12:34:56.789'", "45296789")]),
    Case("time(0)", "int32? io.debezium.time.Time v1", &[("'01:02:03'", "3723000")]),
    Case(
        "timetz",
        "string? io.debezium.time.ZonedTime v1",
        &[
            ("'12:34:56.789012+02'", "\"10:34:56.789012Z\""),
            ("'24:00:00+00'", "\"24:00:00Z\""),
            ("'00:00+15:59'", "\"08:01:00Z\""),
        ],
    ),
    Case(
        "timestamp",
        "int64? io.debezium.time.MicroTimestamp v1",
        &[
            ("'2024-02-29 12:34:56.789012'", "1709210096789012"),
            ("'0044-03-15 12:00:00 BC'", "-63517780800000000"),
            ("'infinity'", "9223372036854775807"),
            ("'-infinity'", "-9223372036854775808"),
        ],
    ),
    Case(
        "timestamp(3)",
        "int64? io.debezium.time.Timestamp v1",
        &[
            ("'2024-02-29 12:34:56.789'", "1709210096789"),
            ("'1969-12-31 23:59:59'", "-1000"),
            ("'infinity'", "9223372036825200000"),
            ("'-infinity'", "-9223372036832400000"),
            ("'290000-01-01'", "9089348860800000"),
        ],
    ),
    Case(
        "timestamptz",
        "string? io.debezium.time.ZonedTimestamp v1",
        &[
            ("'2024-02-29 12:34:56.789012+02'", "\"2024-02-29T10:34:56.789012Z\""),
            ("'0044-03-15 12:00:00+00 BC'", "\"-0043-03-15T12:00:00.000000Z\""),
            ("'infinity'", "\"infinity\""),
            ("'12024-01-01 00:00:00+00'", "\"+12024-01-01T00:00:00.000000Z\""),
        ],
    ),
    Case(
        "timestamptz(3)",
        "string? io.debezium.time.ZonedTimestamp v1",
        &[
            ("'2024-02-29 12:34:56.789+02'", "\"2024-02-29T10:34:56.789Z\""),
            ("'1969-12-31 23:59:59.5+00'", "\"1969-12-31T23:59:59.500Z\""),
        ],
    ),
    Case(
        "timestamptz(0)",
        "string? io.debezium.time.ZonedTimestamp v1",
        &[("'2020-01-01 00:00:00.6+00'", "\"2020-01-01T00:00:01Z\"")],
    ),
    Case(
        "interval",
        "int64? io.debezium.time.MicroDuration v1",
        &[
            ("'1 year 2 mons 3 days 04:05:06.789'", "37091106789000"),
            ("'-1 year -2 mons +3 days -04:05:06.789'", "-36572706789000"),
            ("'0'", "0"),
            ("'178000000 years'", "9223372036854775807"),
        ],
    ),
];

const BINARY: &[Case] = &[
    Case("bytea", "bytes?", &[("'\\xdeadbeef'", "\"3q2+7w==\""), ("''", "\"\"")]),
    Case("bit", "boolean?", &[("B'1'", "true"), ("B'0'", "false")]),
    Case(
        "bit(8)",
        "bytes? io.debezium.data.Bits v1 {length=8}",
        &[("B'10100001'", "\"oQ==\""), ("B'00000000'", "\"\"")],
    ),
    Case(
        "varbit",
        "bytes? io.debezium.data.Bits v1 {length=2147483647}",
        &[("B'101'", "\"BQ==\""), ("B'1111000011110000111'", "\"h4cH\"")],
    ),
    Case("varbit(5)", "bytes? io.debezium.data.Bits v1 {length=5}", &[("B'11'", "\"Aw==\"")]),
    Case("varbit(1)", "boolean?", &[("B'1'", "true")]),
    Case(
        "point",
        "struct<x: double, y: double, wkb: bytes?, srid: int32?>? io.debezium.data.geometry.Point v1",
        &[("'(1.5,-2)'", r#"{"x":1.5,"y":-2.0,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAADA","srid":null}"#)],
    ),
    Case(
        "box",
        GEOMETRY,
        &[(
            "'(2,2),(0,0)'",
            r#"{"wkb":"AQMAAAABAAAABQAAAAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAQAAAAAAAAABA","srid":null,"extensions":{"type":"box"}}"#,
        )],
    ),
    Case(
        "lseg",
        GEOMETRY,
        &[(
            "'[(0,0),(1,1)]'",
            r#"{"wkb":"AQIAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/AAAAAAAA8D8=","srid":null,"extensions":{"type":"lseg"}}"#,
        )],
    ),
    Case(
        "path",
        GEOMETRY,
        &[
            (
                "'[(0,0),(1,1),(2,0)]'",
                r#"{"wkb":"AQIAAAADAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/AAAAAAAA8D8AAAAAAAAAQAAAAAAAAAAA","srid":null,"extensions":{"type":"path","closed":"false"}}"#,
            ),
            (
                "'((0,0),(1,1),(2,0))'",
                r#"{"wkb":"AQIAAAADAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/AAAAAAAA8D8AAAAAAAAAQAAAAAAAAAAA","srid":null,"extensions":{"type":"path","closed":"true"}}"#,
            ),
        ],
    ),
    Case(
        "polygon",
        GEOMETRY,
        &[(
            "'((0,0),(1,1),(2,0))'",
            r#"{"wkb":"AQMAAAABAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADwPwAAAAAAAPA/AAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","srid":null,"extensions":{"type":"polygon"}}"#,
        )],
    ),
    Case(
        "circle",
        "struct<center: struct<x: double, y: double, wkb: bytes?, srid: int32?> io.debezium.data.geometry.Point v1, radius: double>? io.debezium.data.geometry.Circle v1",
        &[(
            "'<(1,2),3.5>'",
            r#"{"center":{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null},"radius":3.5}"#,
        )],
    ),
    Case(
        "line",
        "struct<a: double, b: double, c: double>? io.debezium.data.geometry.Line v1",
        &[("'{1,2,3}'", r#"{"a":1.0,"b":2.0,"c":3.0}"#)],
    ),
];

const GEOMETRY: &str =
    "struct<wkb: bytes, srid: int32?, extensions: map<string, string>?>? io.debezium.data.geometry.Geometry v2";

const ARRAYS: &[Case] = &[
    Case("smallint[]", "array<int16?>?", &[("'{1,NULL}'", "[1,null]"), ("'{}'", "[]"), ("NULL", "null")]),
    Case("int[]", "array<int32?>?", &[("'{1,2,3}'", "[1,2,3]"), ("'{{1,2},{3,4}}'", "null")]),
    Case("bigint[]", "array<int64?>?", &[("'[0:1]={5,6}'", "[5,6]")]),
    Case("real[]", "array<float?>?", &[("'{1.5,NaN}'", "[1.5,\"NaN\"]")]),
    Case("float8[]", "array<double?>?", &[("'{2.5}'", "[2.5]")]),
    Case(
        "numeric[]",
        "array<struct<scale: int32, value: bytes>? io.debezium.data.VariableScaleDecimal v1>?",
        &[("'{1.50,NULL}'", r#"[{"scale":1,"value":"Dw=="},null]"#)],
    ),
    Case(
        "numeric(10,2)[]",
        "array<bytes? org.apache.kafka.connect.data.Decimal v1 {scale=2, connect.decimal.precision=10}>?",
        &[("'{1.5}'", "[\"AJY=\"]")],
    ),
    Case("boolean[]", "array<boolean?>?", &[("'{t,f,NULL}'", "[true,false,null]")]),
    Case(
        "text[]",
        "array<string?>?",
        &[(
            r#"E'{a,"b c",NULL,"q\\"x","back\\\\slash","","NULL"}'"#,
            r#"["a","b c",null,"q\"x","back\\slash","","NULL"]"#,
        )],
    ),
    Case("varchar(5)[]", "array<string?>?", &[("'{ab}'", "[\"ab\"]")]),
    Case("char(3)[]", "array<string?>?", &[("'{a}'", "[\"a  \"]")]),
    Case(
        "uuid[]",
        "array<string? io.debezium.data.Uuid v1>?",
        &[("'{6f1ed002-ab5e-4c00-8f00-0123456789ab}'", "[\"6f1ed002-ab5e-4c00-8f00-0123456789ab\"]")],
    ),
    Case("json[]", "array<string? io.debezium.data.Json v1>?", &[(r#"'{"{\"a\":1}",NULL}'"#, r#"["{\"a\":1}",null]"#)]),
    Case("date[]", "array<int32? io.debezium.time.Date v1>?", &[("'{2020-01-01}'", "[18262]")]),
    Case("time[]", "array<int64? io.debezium.time.MicroTime v1>?", &[("'{01:02:03.5}'", "[3723500000]")]),
    Case("timetz[]", "array<string? io.debezium.time.ZonedTime v1>?", &[("'{01:02:03+02}'", "[\"23:02:03Z\"]")]),
    Case(
        "timestamp[]",
        "array<int64? io.debezium.time.MicroTimestamp v1>?",
        &[("'{\"2020-01-01 00:00:00.5\",NULL}'", "[1577836800500000,null]")],
    ),
    Case("timestamp(3)[]", "array<int64? io.debezium.time.Timestamp v1>?", &[("'{2020-01-01}'", "[1577836800000]")]),
    Case(
        "timestamptz[]",
        "array<string? io.debezium.time.ZonedTimestamp v1>?",
        &[("'{\"2020-01-01 00:00:00+02\"}'", "[\"2019-12-31T22:00:00.000000Z\"]")],
    ),
    Case(
        "mood[]",
        "array<string? io.debezium.data.Enum v1 {allowed=sad,ok,happy}>?",
        &[("'{ok,sad}'", "[\"ok\",\"sad\"]")],
    ),
    Case("bytea[]", "array<bytes?>?", &[(r#"'{"\\x01"}'"#, "[\"AQ==\"]")]),
    Case("inet[]", "array<string?>?", &[("'{10.0.0.1}'", "[\"10.0.0.1\"]")]),
    Case("int4range[]", "array<string?>?", &[("'{\"[1,2)\"}'", "[\"[1,2)\"]")]),
    Case("oid[]", "array<int64?>?", &[("'{1}'", "[1]")]),
    Case("citext[]", "array<string?>?", &[("'{A}'", "[\"A\"]")]),
    Case("ltree[]", "array<string? io.debezium.data.Ltree v1>?", &[("'{a.b}'", "[\"a.b\"]")]),
    Case("hstore[]", "array<string? io.debezium.data.Json v1>?", &[("'{\"a=>1\"}'", r#"["{\"a\":\"1\"}"]"#)]),
];

const LEFT_OUT: &[&str] = &[
    "tsquery",
    "refcursor",
    "jsonpath",
    "int4multirange",
    "pg_lsn",
    "xid",
    "tid",
    "regclass",
    "money[]",
    "interval[]",
    "xml[]",
    "name[]",
    "point[]",
    "varbit[]",
    "bit(3)[]",
    "posint[]",
];

fn column(number: usize) -> String {
    format!("c{number}")
}

fn table(cases: &[Case]) -> String {
    let columns = cases.iter().enumerate().map(|(at, case)| format!(", {} {}", column(at), case.0)).collect::<String>();
    format!("CREATE TABLE t (id int PRIMARY KEY{columns})")
}

/// One row for each place in the lists of values; shorter lists go on with NULL.
fn rows(cases: &[Case], first_id: usize) -> String {
    let count = cases.iter().map(|case| case.2.len()).max().unwrap_or(0);
    let literal = |case: &Case, at: usize| case.2.get(at).map_or("NULL", |(sql, _)| sql).to_owned();
    let row = |at: usize| {
        let values: Vec<String> = cases.iter().map(|case| literal(case, at)).collect();
        format!("INSERT INTO t VALUES ({}, {});", first_id + at, values.join(", "))
    };
    (0..count).map(row).collect()
}

fn after(record: &SourceRecord) -> (&Schema, serde_json::Value) {
    let Payload::Structured { schema: Some(schema), .. } = &record.value else { panic!("no schema") };
    let value = json::plain(&record.value);
    let row = &schema.fields().iter().find(|field| &*field.name == "after").unwrap().schema;
    (row, value["after"].clone())
}

fn check(cases: &[Case], records: &[SourceRecord]) {
    for (at, record) in records.iter().enumerate() {
        let (schema, row) = after(record);
        for (number, Case(kind, line, values)) in cases.iter().enumerate() {
            let field =
                schema.fields().iter().find(|field| *field.name == column(number)).unwrap_or_else(|| panic!("{kind}"));
            assert_eq!(json::line(&field.schema), *line, "schema of {kind}");
            let expected = values.get(at).map_or("null", |(_, json)| json);
            let expected: serde_json::Value =
                serde_json::from_str(expected).unwrap_or_else(|_| panic!("{kind}: {expected}"));
            assert_eq!(row[column(number)], expected, "{kind} {}", values.get(at).map_or("NULL", |(sql, _)| sql));
        }
    }
}

fn come_through(name: &str, cases: &[Case], settings: &[(&str, &str)]) {
    let config = database(name, &format!("{EXTENSIONS}{};{}", table(cases), rows(cases, 0)));
    let count = cases.iter().map(|case| case.2.len()).max().unwrap_or(0);
    on_a_task_thread(async {
        let mut driver = Driver::start(&with(&config, settings), None).await;
        let read = driver.take(count).await;
        check(cases, &read);
        SERVER.sql(name, &rows(cases, 100));
        let streamed = driver.take(count).await;
        check(cases, &streamed);
        driver.stop().await;
    });
}

#[test]
fn numbers_come_through() {
    come_through("types_numbers", NUMBERS, &[]);
}

#[test]
fn texts_come_through() {
    come_through("types_texts", TEXTS, &[]);
}

#[test]
fn times_come_through() {
    come_through("types_times", TIMES, &[]);
}

#[test]
fn bytes_bits_and_shapes_come_through() {
    come_through("types_binary", BINARY, &[]);
}

#[test]
fn arrays_come_through() {
    come_through("types_arrays", ARRAYS, &[]);
}

#[test]
fn decimals_can_be_text() {
    const CASES: &[Case] = &[
        Case(
            "numeric",
            "string?",
            &[("12.340", "\"12.340\""), ("'NaN'", "\"NAN\""), ("'Infinity'", "\"POSITIVE_INFINITY\"")],
        ),
        Case("numeric(10,2)", "string?", &[("1", "\"1.00\"")]),
        Case("numeric(10,2)[]", "array<string?>?", &[("'{1.5}'", "[\"1.50\"]")]),
        Case("money", "string?", &[("'$1,234.56'", "\"1234.560\"")]),
        Case(
            "interval",
            "string? io.debezium.time.Interval v1",
            &[
                ("'1 year 2 mons 3 days 04:05:06.789'", "\"P1Y2M3DT4H5M6.789S\""),
                ("'-0.001 s'", "\"P0Y0M0DT0H0M-0.001S\""),
            ],
        ),
        Case("hstore", "map<string, string?>?", &[(r#"'"a b"=>"1", "c"=>NULL'"#, r#"{"c":null,"a b":"1"}"#)]),
        Case("hstore[]", "array<map<string, string?>?>?", &[("'{\"a=>1\"}'", r#"[{"a":"1"}]"#)]),
        Case("bytea", "string?", &[("'\\xdeadbeef'", "\"3q2+7w==\"")]),
    ];
    let settings = [
        ("decimal.handling.mode", "string"),
        ("money.fraction.digits", "3"),
        ("interval.handling.mode", "string"),
        ("hstore.handling.mode", "map"),
        ("binary.handling.mode", "base64"),
    ];
    come_through("types_strings", CASES, &settings);
}

#[test]
fn decimals_can_be_floating_point_and_times_kafka_connects_own() {
    const CASES: &[Case] = &[
        Case("numeric", "double?", &[("12.340", "12.34"), ("'NaN'", "\"NaN\"")]),
        Case("money", "double?", &[("'-$0.05'", "-0.05")]),
        Case("date", "int32? org.apache.kafka.connect.data.Date v1", &[("'2024-02-29'", "19782")]),
        Case("time", "int32? org.apache.kafka.connect.data.Time v1", &[("'12:34:56.789012'", "45296789")]),
        Case(
            "timestamp",
            "int64? org.apache.kafka.connect.data.Timestamp v1",
            &[("'1600-01-01 00:00:00.000001'", "-11676096000000"), ("'infinity'", "9223372036825200000")],
        ),
        Case(
            "timestamptz",
            "string? io.debezium.time.ZonedTimestamp v1",
            &[("'2024-02-29 12:34:56+02'", "\"2024-02-29T10:34:56.000000Z\"")],
        ),
        Case("bytea", "string?", &[("'\\xdeadbeef'", "\"deadbeef\"")]),
    ];
    let settings =
        [("decimal.handling.mode", "double"), ("time.precision.mode", "connect"), ("binary.handling.mode", "hex")];
    come_through("types_double", CASES, &settings);
}

#[test]
fn times_can_be_iso_text_or_in_one_unit() {
    const ISO: &[Case] = &[
        Case("date", "string? io.debezium.time.IsoDate v1", &[("'2024-02-29'", "\"2024-02-29Z\"")]),
        Case(
            "time",
            "string? io.debezium.time.IsoTime v1",
            &[("'12:34:56.789012'", "\"12:34:56.789012Z\""), ("'00:00'", "\"00:00:00Z\"")],
        ),
        Case(
            "timestamp",
            "string? io.debezium.time.IsoTimestamp v1",
            &[
                ("'2024-02-29 12:34:56.1'", "\"2024-02-29T12:34:56.1Z\""),
                ("'infinity'", "\"+292278994-08-16T23:00:00Z\""),
            ],
        ),
    ];
    come_through("types_iso", ISO, &[("time.precision.mode", "isostring")]);
    const MICROS: &[Case] = &[
        Case("time(0)", "int64? io.debezium.time.MicroTime v1", &[("'01:02:03'", "3723000000")]),
        Case("timestamp(0)", "int64? io.debezium.time.MicroTimestamp v1", &[("'1969-12-31 23:59:59'", "-1000000")]),
    ];
    come_through("types_micros", MICROS, &[("time.precision.mode", "microseconds")]);
    const NANOS: &[Case] = &[
        Case("time(0)", "int64? io.debezium.time.NanoTime v1", &[("'01:02:03'", "3723000000000")]),
        Case(
            "timestamp(0)",
            "int64? io.debezium.time.NanoTimestamp v1",
            &[("'1969-12-31 23:59:59'", "-1000000000"), ("'9999-12-31'", "null")],
        ),
    ];
    come_through("types_nanos", NANOS, &[("time.precision.mode", "nanoseconds")]);
    const ADAPTIVE: &[Case] = &[
        Case("time(0)", "int64? io.debezium.time.MicroTime v1", &[("'01:02:03'", "3723000000")]),
        Case("timestamp(0)", "int64? io.debezium.time.Timestamp v1", &[("'1969-12-31 23:59:59'", "-1000")]),
    ];
    come_through("types_adaptive", ADAPTIVE, &[("time.precision.mode", "adaptive_time_microseconds")]);
}

#[test]
fn unknown_types_are_left_out_with_a_word_or_shown_as_bytes() {
    let columns = LEFT_OUT.iter().enumerate().map(|(at, kind)| format!(", {} {kind}", column(at))).collect::<String>();
    let statements = format!(
        "{EXTENSIONS} CREATE TABLE t (id int PRIMARY KEY{columns}); INSERT INTO t (id, c4) VALUES (1, '16/B374D848')"
    );
    let config = database("types_unknown", &statements);
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        let read = driver.take(1).await;
        assert_eq!(after(&read[0]).1, serde_json::json!({ "id": 1 }));
        SERVER.sql("types_unknown", "INSERT INTO t (id) VALUES (2)");
        driver.take(1).await;
        let warned = driver.warnings().join(" ");
        assert!(warned.contains("include.unknown.datatypes") && warned.contains("`c0`"), "{warned}");
        driver.stop().await;
    });
    on_a_task_thread(async {
        let settings = [("include.unknown.datatypes", "true"), ("slot.name", "slot_types_unknown_2")];
        let mut driver = Driver::start(&with(&config, &settings), None).await;
        let read = driver.take(2).await;
        let (schema, row) = after(&read[0]);
        assert_eq!(row["c4"], "MTYvQjM3NEQ4NDg=");
        assert_eq!(json::line(&schema.fields()[5].schema), "bytes?");
        assert_eq!(json::line(&schema.fields()[9].schema), "array<bytes?>?");
        driver.stop().await;
    });
}

#[test]
fn defaults_show_in_schemas_as_debezium_shows_them() {
    let table = "CREATE TABLE t (id bigserial PRIMARY KEY, i int DEFAULT 7, t text DEFAULT 'it''s', tn text NOT NULL DEFAULT 'x', \
        b boolean NOT NULL DEFAULT true, f float8 DEFAULT -1.5, n numeric(10,2) DEFAULT 12.5, nn numeric DEFAULT 3.25, \
        ts timestamp DEFAULT now(), ts2 timestamp DEFAULT '2020-01-02 03:04:05', d date NOT NULL DEFAULT '2021-02-03', \
        tz timestamptz DEFAULT '2020-01-02 03:04:05+01', u uuid DEFAULT gen_random_uuid(), e mood DEFAULT 'ok', \
        j jsonb DEFAULT '{\"a\": 1}', a int[] DEFAULT '{1,2}', v varchar(10) DEFAULT 'abc', c char(4) NOT NULL DEFAULT 'ab', \
        iv interval DEFAULT '1 day', ba bytea DEFAULT '\\x0102', big bigint NOT NULL DEFAULT 9999999999, ex int DEFAULT 1+1, \
        nul int DEFAULT NULL, tm time DEFAULT '01:02:03', b1 bit(1) DEFAULT B'1', b4 bit(4) DEFAULT B'1010', \
        ct citext DEFAULT 'Ci', m money DEFAULT 5.5, re real DEFAULT 2.5, si smallint NOT NULL DEFAULT 3, \
        gen int GENERATED ALWAYS AS (1) STORED, idn int GENERATED BY DEFAULT AS IDENTITY, js json DEFAULT to_json(1))";
    let expected = [
        ("id", "int64 = 0"),
        ("i", "int32? = 7"),
        ("t", "string? = \"it's\""),
        ("tn", "string = \"x\""),
        ("b", "boolean = true"),
        ("f", "double? = -1.5"),
        ("n", "bytes? org.apache.kafka.connect.data.Decimal v1 {scale=2, connect.decimal.precision=10} = \"BOI=\""),
        ("nn", "struct<scale: int32, value: bytes>? io.debezium.data.VariableScaleDecimal v1"),
        ("ts", "int64? io.debezium.time.MicroTimestamp v1 = 0"),
        ("ts2", "int64? io.debezium.time.MicroTimestamp v1 = 1577934245000000"),
        ("d", "int32 io.debezium.time.Date v1 = 18661"),
        ("tz", "string? io.debezium.time.ZonedTimestamp v1 = \"2020-01-02T02:04:05.000000Z\""),
        ("u", "string? io.debezium.data.Uuid v1 = \"00000000-0000-0000-0000-000000000000\""),
        ("e", "string? io.debezium.data.Enum v1 {allowed=sad,ok,happy} = \"ok\""),
        ("j", "string? io.debezium.data.Json v1 = \"{\\\"a\\\": 1}\""),
        ("a", "array<int32?>?"),
        ("v", "string? = \"abc\""),
        ("c", "string = \"ab\""),
        ("iv", "int64? io.debezium.time.MicroDuration v1 = 86400000000"),
        ("ba", "bytes?"),
        ("big", "int64 = 9999999999"),
        ("ex", "int32?"),
        ("nul", "int32?"),
        ("tm", "int64? io.debezium.time.MicroTime v1 = 3723000000"),
        ("b1", "boolean? = true"),
        ("b4", "bytes? io.debezium.data.Bits v1 {length=4} = \"Cg==\""),
        ("ct", "string?"),
        ("m", "bytes? org.apache.kafka.connect.data.Decimal v1 {scale=2}"),
        ("re", "float? = 2.5"),
        ("si", "int16 = 3"),
        ("idn", "int32"),
        ("js", "string? io.debezium.data.Json v1 = \"{}\""),
    ];
    let config = database("types_defaults", &format!("{EXTENSIONS}{table}; INSERT INTO t DEFAULT VALUES"));
    on_a_task_thread(async {
        let mut driver = Driver::start(&config, None).await;
        let read = driver.take(1).await;
        SERVER.sql("types_defaults", "INSERT INTO t DEFAULT VALUES");
        let streamed = driver.take(1).await;
        for record in [&read[0], &streamed[0]] {
            let (schema, _) = after(record);
            let found: Vec<(String, String)> =
                schema.fields().iter().map(|field| (field.name.to_string(), json::line(&field.schema))).collect();
            let expected: Vec<(String, String)> =
                expected.map(|(name, line)| (name.to_owned(), line.to_owned())).into();
            assert_eq!(found, expected);
        }
        driver.stop().await;
    });
}
