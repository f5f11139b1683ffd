//! `connection.url`.

use reqwest::Url;

/// The most addresses.
const MOST: usize = 100;

/// What is wrong with a list of addresses; completes "`connection.url` is wrong: ...".
pub fn check_urls(text: &str) -> Result<(), String> {
    parse_urls(text).map(|_| ())
}

/// The addresses, each ending in `/`.
pub fn parse_urls(text: &str) -> Result<Vec<Url>, String> {
    let all: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    match all.len() {
        0 => Err("it must name at least one address such as `http://localhost:9200`".to_owned()),
        1..=MOST => all.into_iter().map(parse_url).collect(),
        _ => Err(format!("it may name at most {MOST} addresses")),
    }
}

fn parse_url(text: &str) -> Result<Url, String> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err("each address must begin with `http://` or `https://`".to_owned());
    }
    let mut url = Url::parse(text).map_err(|why| format!("one of the addresses cannot be read: {why}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address must hold no user; use `connection.username` and `connection.password`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address must end with its port or path".to_owned());
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_wrong_ones_named() {
        let urls = parse_urls("http://a:9200, https://b/under/here ,").unwrap();
        assert_eq!(urls.iter().map(Url::as_str).collect::<Vec<_>>(), ["http://a:9200/", "https://b/under/here/"]);
        for (text, part) in [
            ("", "at least one"),
            ("localhost:9200", "must begin with"),
            ("http://u:p@a", "no user"),
            ("http://a:99999", "port"),
            ("http://a/?x=1", "must end with"),
        ] {
            let why = parse_urls(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}
