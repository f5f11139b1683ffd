//! What values must be beyond their types. Each error completes the sentence "`key` is wrong: ...".

/// For keys that must stay away: nothing is the only value that does not change what the user gets.
pub fn refuse(text: &str, why: &str) -> Result<(), String> {
    if text.trim().is_empty() { Ok(()) } else { Err(why.to_owned()) }
}

pub fn check_prefix(text: &str) -> Result<(), String> {
    const LIMIT: usize = 200;
    match text.trim() {
        "" => Err("it must not be empty".into()),
        text if text.len() > LIMIT => Err(format!("it must have at most {LIMIT} letters")),
        text if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) => Ok(()),
        _ => Err("it may hold letters, digits, `.`, `_` and `-`".into()),
    }
}

pub fn check_delimiter(text: &str) -> Result<(), String> {
    match text.trim() {
        "." | "_" | "-" => Ok(()),
        _ => Err("it must be `.`, `_` or `-`".into()),
    }
}

pub fn check_operations(text: &str) -> Result<(), String> {
    let wrong = text.split(',').map(str::trim).find(|word| !matches!(*word, "" | "c" | "u" | "d" | "t" | "none"));
    wrong.map_or(Ok(()), |text| refuse(text, "it must be made of `c`, `u`, `d`, `t`, or be `none`"))
}

pub fn check_snapshot_mode(text: &str) -> Result<(), String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "initial" | "initial_only" | "no_data" | "never" => Ok(()),
        "always" => {
            Err("a snapshot at every start is not offered; delete the connector's offsets to have a new one, and \
                         set `initial`"
                .into())
        }
        "when_needed" => {
            Err("a lost slot is never passed over; set `initial`, and delete the connector's offsets when a \
                              new snapshot is needed"
                .into())
        }
        "configuration_based" | "custom" => {
            Err("there are no custom modes; set `initial`, `initial_only` or `no_data`".into())
        }
        _ => Err("it must be `initial`, `initial_only` or `no_data`".into()),
    }
}

pub fn check_slot_name(text: &str) -> Result<(), String> {
    let text = text.trim();
    let good = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if good && (1..=63).contains(&text.len()) {
        return Ok(());
    }
    Err("it may hold up to 63 small letters, digits and `_`".into())
}

pub fn check_publication_name(text: &str) -> Result<(), String> {
    match text.trim() {
        "" => Err("it must not be empty".into()),
        text if text.len() > 63 => Err("it must have at most 63 bytes".into()),
        text if text.contains(['\0', ',', '\\']) => Err("it must not hold a comma, a backslash or a zero byte".into()),
        _ => Ok(()),
    }
}

pub fn check_stream_params(text: &str) -> Result<(), String> {
    stream_origin(text).map(|_| ())
}

/// The `origin` among `name=value;name=value`.
pub fn stream_origin(text: &str) -> Result<Option<String>, String> {
    let mut origin = None;
    for pair in text.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("origin", value @ ("any" | "none"))) => origin = Some(value.to_owned()),
            _ => return Err("only `origin=any` and `origin=none` are taken".into()),
        }
    }
    Ok(origin)
}

pub fn no_masks(text: &str) -> Result<(), String> {
    refuse(
        text,
        "columns are not masked or cut here; leave them out by `column.exclude.list` or mask them by a transform",
    )
}

pub fn no_propagation(text: &str) -> Result<(), String> {
    refuse(text, "schemas do not name the database's types")
}
