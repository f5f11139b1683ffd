//! Config providers: files, folders, the environment. There are only those that the worker's configuration names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use connector_api::config::{Issue, RawConfig};

use crate::config::connector::whole_name;
use crate::config::properties;

/// The largest file that a provider reads.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The providers of a worker, by name.
#[derive(Default)]
pub struct Providers(BTreeMap<String, Provider>);

enum Provider {
    /// A properties file: the path is the file, the key a key in it. Only below these paths, if there are any.
    File(Vec<PathBuf>),
    /// A folder: the path is the folder, the key a file in it. Only below these paths, if there are any.
    Directory(Vec<PathBuf>),
    /// The environment: the key is a variable that the pattern matches, if there is one.
    Environment(Option<fancy_regex::Regex>),
}

impl Providers {
    /// The providers that `config.providers` names, with what there is to say about them.
    pub fn read(names: &[String], worker: &RawConfig) -> Result<(Providers, Vec<Issue>), Vec<Issue>> {
        let (mut providers, mut issues) = (BTreeMap::new(), Vec::new());
        for name in names {
            match provider(name, worker) {
                Ok((provider, warning)) => {
                    providers.insert(name.clone(), provider);
                    issues.extend(warning);
                }
                Err(issue) => issues.push(issue),
            }
        }
        if issues.iter().any(Issue::is_error) { Err(issues) } else { Ok((Providers(providers), issues)) }
    }

    /// The value of `${provider:path:key}`. The error never holds anything of a file's content.
    pub fn get(&self, provider: &str, path: &str, key: &str) -> Result<String, String> {
        match self.0.get(provider) {
            None => Err(format!("the worker has no config provider `{provider}`; `config.providers` names them")),
            Some(Provider::Environment(pattern)) => from_environment(pattern.as_ref(), key),
            Some(Provider::File(allowed)) => {
                let text = read(allowed, Path::new(path))?;
                let entries =
                    properties::parse(&text).map_err(|bad| format!("line {} of {path} is wrong", bad.line))?;
                entries.get(key).cloned().ok_or_else(|| format!("{path} has no key `{key}`"))
            }
            Some(Provider::Directory(allowed)) => {
                if key.contains(['/', '\0']) || key == ".." {
                    return Err(format!("`{key}` is no name of a file"));
                }
                read(allowed, &Path::new(path).join(key))
            }
        }
    }
}

fn provider(name: &str, worker: &RawConfig) -> Result<(Provider, Option<Issue>), Issue> {
    let key = |suffix: &str| format!("config.providers.{name}.{suffix}");
    let get = |suffix: &str| worker.get(&key(suffix)).map(|value| value.trim()).filter(|value| !value.is_empty());
    let class = get("class").ok_or_else(|| Issue::error(key("class"), format!("`{}` is required.", key("class"))))?;
    let allowed: Vec<PathBuf> = get("param.allowed.paths")
        .map(|paths| paths.split(',').map(|path| PathBuf::from(path.trim())).collect())
        .unwrap_or_default();
    let open = |what: &str, suffix: &str| {
        let message = format!("The config provider `{name}` gives {what}; bound it with `{}`.", key(suffix));
        Some(Issue::warning(key(suffix), message))
    };
    let open_files =
        allowed.is_empty().then(|| open("any file that the worker may read", "param.allowed.paths")).flatten();
    match class.rsplit('.').next() {
        Some("FileConfigProvider") => Ok((Provider::File(allowed), open_files)),
        Some("DirectoryConfigProvider") => Ok((Provider::Directory(allowed), open_files)),
        Some("EnvVarConfigProvider") => match get("param.allowlist.pattern") {
            None => {
                Ok((Provider::Environment(None), open("any variable of the environment", "param.allowlist.pattern")))
            }
            Some(pattern) => {
                let pattern = whole_name(pattern).map_err(|why| {
                    let suffix = "param.allowlist.pattern";
                    Issue::error(key(suffix), format!("`{}` is no regular expression: {why}.", key(suffix)))
                })?;
                Ok((Provider::Environment(Some(pattern)), None))
            }
        },
        _ => Err(Issue::error(
            key("class"),
            format!(
                "`{class}` is no config provider. Known are FileConfigProvider, DirectoryConfigProvider and EnvVarConfigProvider."
            ),
        )),
    }
}

fn from_environment(pattern: Option<&fancy_regex::Regex>, name: &str) -> Result<String, String> {
    if pattern.is_some_and(|pattern| !pattern.is_match(name).unwrap_or(false)) {
        return Err(format!("the worker does not allow the variable `{name}`"));
    }
    std::env::var(name).map_err(|_| format!("the environment has no variable `{name}`"))
}

/// Reads a file that is allowed once every link on the way has been followed.
fn read(allowed: &[PathBuf], file: &Path) -> Result<String, String> {
    let shown = file.display();
    let real = file.canonicalize().map_err(|why| format!("cannot read {shown}: {why}"))?;
    let below = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| real.starts_with(folder));
    if !allowed.is_empty() && !allowed.iter().any(below) {
        return Err(format!("{shown} is not below the paths that the worker allows"));
    }
    let length = std::fs::metadata(&real).map_err(|why| format!("cannot read {shown}: {why}"))?.len();
    if length > MAX_FILE_BYTES {
        return Err(format!("{shown} is larger than {MAX_FILE_BYTES} bytes"));
    }
    std::fs::read_to_string(&real).map_err(|why| format!("cannot read {shown}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers(pairs: &[(&str, &str)]) -> Result<(Providers, Vec<Issue>), Vec<Issue>> {
        let raw = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Providers::read(&["p".to_owned()], &raw)
    }

    #[test]
    fn files_are_read_only_below_the_allowed_paths_also_behind_links() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(inside.path().join("a.properties"), "pw=s3cret\n").unwrap();
        std::fs::write(outside.path().join("b.properties"), "pw=other\n").unwrap();
        std::os::unix::fs::symlink(outside.path().join("b.properties"), inside.path().join("link")).unwrap();
        let folder = inside.path().to_string_lossy().into_owned();
        let class = "org.apache.kafka.common.config.provider.FileConfigProvider";
        let pairs = [("config.providers.p.class", class), ("config.providers.p.param.allowed.paths", &folder)];
        let (providers, issues) = providers(&pairs).unwrap();
        assert!(issues.is_empty());
        let get = |file: String| providers.get("p", &file, "pw");
        assert_eq!(get(format!("{folder}/a.properties")), Ok("s3cret".to_owned()));
        assert!(get(format!("{folder}/link")).unwrap_err().contains("not below the paths"));
        assert!(get(format!("{folder}/../{}/b.properties", outside.path().display())).is_err());
        assert!(providers.get("p", &format!("{folder}/a.properties"), "no").unwrap_err().contains("no key `no`"));
        assert!(providers.get("q", "x", "y").unwrap_err().contains("no config provider `q`"));
    }

    #[test]
    fn the_environment_is_bounded_by_its_pattern() {
        let class = ("config.providers.p.class", "EnvVarConfigProvider");
        let (bounded, _) = providers(&[class, ("config.providers.p.param.allowlist.pattern", "CARGO_.*")]).unwrap();
        assert!(bounded.get("p", "", "CARGO_PKG_NAME").is_ok());
        assert!(bounded.get("p", "", "PATH").unwrap_err().contains("does not allow"));
        let (_, warnings) = providers(&[class]).unwrap();
        assert!(warnings[0].message.contains("bound it with"), "{warnings:?}");
        assert!(providers(&[("config.providers.p.class", "Vault")]).is_err());
        assert!(providers(&[]).is_err());
    }
}
