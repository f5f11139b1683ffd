//! `./bench`: each row prints what was measured, the baseline of the same run, and their ratio.
//!
//! Time on a machine that others use too says little; a ratio of two runs within the same minute says more, and CPU
//! seconds say most. Every pair is run several times in turns, and the pair with the median ratio is shown.

mod herd;
mod log;
mod machine;
mod own_client;
mod plugins;
mod postgres;
mod sinks;
mod table;
mod usage;
mod worker;

use table::Table;

/// The allocator of `naru`, since the log and its client run in this process too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Adds what it measures to the table.
type Part = fn(&mut Table);

/// The parts, by the names that `./bench` takes.
const PARTS: [(&str, Part); 11] = [
    ("durable", log::durable),
    ("librdkafka", log::librdkafka_durable),
    ("cpu", log::cpu),
    ("start", worker::start),
    ("idle", worker::idle),
    ("postgres", postgres::measure),
    ("s3-pace", sinks::s3_pace),
    ("s3", sinks::s3),
    ("search", sinks::search),
    ("plugins", plugins::measure),
    ("herd", herd::measure),
];

/// Parts that go by one name as well.
const SINKS: (&str, [&str; 3]) = ("sinks", ["s3-pace", "s3", "search"]);

fn main() {
    if std::env::args().nth(1).is_some_and(|word| word == "plugin-process") {
        // A plugin is asked in a process of the program that wants to load it, which is this one here.
        std::process::exit(connect_runtime::cli::plugin_process(std::env::args()));
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).chain([SINKS.0]).collect();
    if let Some(unknown) = wanted.iter().find(|one| !names.contains(&one.as_str())) {
        eprintln!("There is no part `{unknown}`; there are: {}.", names.join(", "));
        std::process::exit(2);
    }
    let has = |name: &str, of: &str| name == of || (of == SINKS.0 && SINKS.1.contains(&name));
    let run = |name: &str| wanted.is_empty() || wanted.iter().any(|one| has(name, one));
    println!("{}\n", machine::describe());
    let mut table = Table::default();
    PARTS.iter().filter(|(name, _)| run(name)).for_each(|(_, measure)| measure(&mut table));
    println!("\n{}", table.render());
    if table.missed() > 0 {
        println!("{} of {} rows do not reach their target.", table.missed(), table.len());
        std::process::exit(1);
    }
}
