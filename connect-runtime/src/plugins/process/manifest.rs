//! Programs in the folders of `plugin.path`: files named `*.plugin.json`, which say how the program is run.
//!
//! ```json
//! {"command": ["python3", "counter.py"]}
//! ```
//!
//! It runs in the folder of the file. A first word with a slash is taken from there.

use std::path::Path;

use serde::Deserialize;

use super::command::Program;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    command: Vec<String>,
}

/// The program that such a file names. The error completes the sentence "it is not loaded: ...".
pub fn program_of(file: &Path, content: &[u8]) -> Result<Program, String> {
    let manifest: Manifest = serde_json::from_slice(content)
        .map_err(|why| format!("it should be {{\"command\": [\"program\", \"argument\"]}}: {why}"))?;
    match (manifest.command.first(), file.parent()) {
        (Some(first), Some(folder)) if !first.is_empty() => {
            Ok(Program::Command(manifest.command.clone(), folder.to_owned()))
        }
        _ => Err("its command is empty".to_owned()),
    }
}
