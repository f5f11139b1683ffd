//! `include/naru_plugin.h` says the same as the Rust code: a C program prints what the header holds.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use std::collections::BTreeSet;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use connector_api::boundary::abi::{self, Buffer, Descriptor, Host, Slice, Waker};
use connector_api::boundary::batch::{NO_TIMESTAMP, RECORD_HEADER};
use connector_api::boundary::frame::Writer;
use connector_api::boundary::message::{self, Call, Reply, Request};
use connector_api::boundary::news::News;
use connector_api::boundary::value::MAX_DEPTH;
use connector_api::data::Format;
use connector_api::{Decision, Error, FlushOccasion, Flushed, Outcome, Written};

const HEADER: &str = include_str!("../include/naru_plugin.h");

/// What an expression in C is, by the Rust code.
struct Said {
    expression: String,
    value: i128,
}

fn said(expression: impl Into<String>, value: impl TryInto<i128>) -> Said {
    Said { expression: expression.into(), value: value.try_into().ok().unwrap() }
}

/// The values of expressions in C, by a program that prints them.
fn printed(name: &str, expressions: &[Said]) -> Vec<i128> {
    let print = |said: &Said| {
        let c = &said.expression;
        format!("    printf((({c}) < 0) ? \"%lld\\n\" : \"%llu\\n\", (unsigned long long)({c}));\n")
    };
    let prints: String = expressions.iter().map(print).collect();
    let source =
        format!("#include <stdio.h>\n#include \"naru_plugin.h\"\nint main(void) {{\n{prints}    return 0;\n}}\n");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = program.with_extension("c");
    std::fs::write(&file, source).unwrap();
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let compiled =
        Command::new("cc").arg("-std=c11").arg("-I").arg(include).arg(&file).arg("-o").arg(&program).output();
    let compiled = compiled.unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let run = Command::new(&program).output().unwrap();
    String::from_utf8(run.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

fn assert_same(name: &str, expected: &[Said]) {
    let values = printed(name, expected);
    assert_eq!(values.len(), expected.len());
    for (Said { expression, value }, printed) in expected.iter().zip(values) {
        assert_eq!(printed, *value, "`{expression}` in C, and what it is in Rust");
    }
}

macro_rules! layout {
    ($all:ident, $c:literal, $rust:ident: $($field:ident),+) => {
        $all.push(said(concat!("sizeof(", $c, ")"), size_of::<$rust>()));
        $all.push(said(concat!("_Alignof(", $c, ")"), align_of::<$rust>()));
        $($all.push(said(concat!("offsetof(", $c, ", ", stringify!($field), ")"), offset_of!($rust, $field)));)+
        // Every field is named, or this does not compile.
        let _ = |$rust { $($field: _),+ }: $rust| ();
    };
}

#[test]
fn structs_of_the_header_are_laid_out_as_in_rust() {
    let mut all = Vec::new();
    layout!(all, "naru_slice", Slice: data, length);
    layout!(all, "naru_buffer", Buffer: data, length, owner, release);
    layout!(all, "naru_waker", Waker: context, clone, wake, release);
    layout!(all, "naru_host", Host: context, tell, release);
    layout!(
        all, "naru_descriptor", Descriptor:
        magic, abi_major, abi_minor, size, capabilities, package, built_with, definitions, definition_count, reserved,
        initialize, open, call, resume, cancel, drive, close
    );
    assert_same("layout", &all);
}

/// `ExactlyOnce` as `EXACTLY_ONCE`.
fn constant(name: &str) -> String {
    let mut upper = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !upper.is_empty() {
            upper.push('_');
        }
        upper.push(letter.to_ascii_uppercase());
    }
    upper
}

fn calls() -> impl Iterator<Item = Said> {
    Call::ALL.into_iter().map(|call| said(format!("NARU_CALL_{}", constant(&format!("{call:?}"))), call as u32))
}

/// All news that there are: a message of zeros is one of each.
fn news() -> impl Iterator<Item = Said> {
    let read = |number| News::read(number, Bytes::from(vec![0; 100])).ok().map(|news| (number, news));
    (1..).map_while(read).map(|(number, news)| {
        let shown = format!("{news:?}");
        let name = shown.split(|letter: char| !letter.is_alphanumeric()).next().unwrap();
        said(format!("NARU_NEWS_{}", constant(name)), number)
    })
}

fn first_byte(write: impl FnOnce(&mut Writer)) -> u8 {
    let mut to = Writer::default();
    write(&mut to);
    to.bytes[0]
}

/// Numbers that stand inside messages, as they are written.
fn inside_messages() -> Vec<Said> {
    let decision = |decision| first_byte(|to| message::error(to, &Error::new(decision, "")));
    let outcome = |outcome| {
        let mut to = Writer::default();
        Request::Settled(0, outcome).write(&mut to);
        to.bytes[8]
    };
    let occasion = |occasion| first_byte(|to| Request::Flush(occasion).write(to));
    let flushed = |flushed: Flushed| first_byte(|to| flushed.write(to));
    vec![
        said("NARU_RETRY", decision(Decision::Retry { after: None })),
        said("NARU_REJECT", decision(Decision::Reject)),
        said("NARU_FAIL", decision(Decision::Fail)),
        said("NARU_FATAL", decision(Decision::Fatal)),
        said("NARU_BAD_CONFIG", decision(Decision::BadConfig { key: String::new() })),
        said("NARU_DELIVERED", outcome(Outcome::Delivered)),
        said("NARU_FAILED", outcome(Outcome::Failed(String::new()))),
        said("NARU_UNKNOWN", outcome(Outcome::Unknown)),
        said("NARU_INTERVAL", occasion(FlushOccasion::Interval)),
        said("NARU_CLOSING", occasion(FlushOccasion::Closing)),
        said("NARU_EVERYTHING", flushed(Flushed::Everything)),
        said("NARU_UP_TO", flushed(Flushed::UpTo(Vec::new()))),
        said("NARU_WHAT_BECAME", flushed(Flushed::Written(Written::default()))),
        said("NARU_NULL", 0),
        said("NARU_BYTES", message::format(Format::Bytes)),
        said("NARU_JSON", message::format(Format::Json)),
        said("NARU_VALUE", message::format(Format::Structured)),
    ]
}

fn constants() -> Vec<Said> {
    let mut all = vec![
        said("NARU_MAGIC", abi::MAGIC),
        said("NARU_ABI_MAJOR", abi::MAJOR),
        said("NARU_ABI_MINOR", abi::MINOR),
        said("NARU_CATCHES_PANICS", abi::CATCHES_PANICS),
        said("NARU_NEEDS", abi::NEEDS),
        said("NARU_OK", abi::OK),
        said("NARU_PENDING", abi::PENDING),
        said("NARU_ERROR", abi::ERROR),
        said("NARU_PANIC", abi::PANIC),
        said("NARU_BROKEN", abi::BROKEN),
        said("NARU_FULL", abi::FULL),
        said("NARU_CONNECTOR", abi::CONNECTOR),
        said("NARU_TASK", abi::TASK),
        said("NARU_RECORD_HEADER", RECORD_HEADER),
        said("NARU_NO_TIMESTAMP", NO_TIMESTAMP),
        said("NARU_MAX_DEPTH", MAX_DEPTH),
    ];
    all.extend(calls());
    all.extend(news());
    all.extend(inside_messages());
    all
}

#[test]
fn numbers_of_the_header_are_those_of_rust() {
    assert_same("constants", &constants());
}

#[test]
fn the_header_has_no_number_that_rust_does_not_know() {
    // These are no numbers.
    let others = ["NARU_PLUGIN_H", "NARU_EXPORT", "NARU_SYMBOL"];
    let defined = HEADER.lines().filter_map(|line| line.strip_prefix("#define ")?.split_whitespace().next());
    let defined: BTreeSet<String> = defined.filter(|name| !others.contains(name)).map(str::to_owned).collect();
    let known: BTreeSet<String> = constants().into_iter().map(|said| said.expression).collect();
    assert_eq!(defined, known);
}

#[test]
fn the_header_exports_the_symbol_that_the_worker_looks_for() {
    assert!(HEADER.contains(&format!("#define NARU_SYMBOL \"{}\"", abi::SYMBOL)));
    assert!(HEADER.contains(&format!("NARU_EXPORT const naru_descriptor *{}(void);", abi::SYMBOL)));
}
