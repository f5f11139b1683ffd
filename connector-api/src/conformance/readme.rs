//! The table of keys in a connector's README.

use std::path::Path;

use crate::config::ConfigDef;

/// Checks that the README in a connector's folder has the table of its keys as they are; with `UPDATE_README` in the
/// environment, writes it there in place of the table that it has.
///
/// # Panics
/// The table is another one or missing, or the file cannot be read or written.
pub fn check_readme(folder: &Path, definition: &ConfigDef) {
    let path = folder.join("README.md");
    let shown = path.display();
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{shown}: {why}"));
    let expected = definition.markdown();
    let Some((before, table, after)) = around_table(&text, &expected) else {
        panic!("{shown} has no table of keys; it should be:\n\n{expected}");
    };
    if std::env::var_os("UPDATE_README").is_none() {
        assert!(table == expected, "{shown} is behind, run this with UPDATE_README=1; it should be:\n\n{expected}");
    } else if table != expected {
        std::fs::write(&path, format!("{before}{expected}{after}")).unwrap_or_else(|why| panic!("{shown}: {why}"));
    }
}

/// What stands before the table with the head of `like`, the table's lines, and what stands behind it.
fn around_table<'t>(text: &'t str, like: &str) -> Option<(&'t str, &'t str, &'t str)> {
    let head = like.lines().next()?;
    let begin = text.find(head)?;
    let (before, rest) = text.split_at(begin);
    let end: usize = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    let (table, after) = rest.split_at(end);
    Some((before, table, after))
}
