//! What it was measured on.

use std::process::Command;

/// A line on the machine, the disk and the versions.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_default();
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let disk = said("findmnt", &["-n", "-o", "SOURCE,FSTYPE", "-T", &std::env::temp_dir().to_string_lossy()]);
    let kernel = said("uname", &["-r"]);
    let postgres = said("psql", &["--version"]);
    let kcat = said("kcat", &["-V"]);
    let kcat = kcat.split("Version").nth(1).unwrap_or("none").trim().to_owned();
    format!(
        "Measured on {cores} cores ({model}), memory {memory}, disk {disk}, Linux {kernel}; {postgres}; kcat {kcat}; \
         naru {}",
        env!("CARGO_PKG_VERSION")
    )
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split(':').nth(1)?.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
