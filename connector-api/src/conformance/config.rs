//! Checks on definitions and hostile configurations.

use crate::config::{ConfigKey, ConfigType, Effect, Preset, RawConfig};
use crate::connector::Definition;
use crate::plugin::Plugin;

use super::{CALL_DEADLINE, within};

/// A word that must never show anywhere once it has been given as a password.
const CANARY: &str = "canary-7f3a";

/// Checks the definition itself and what it makes of hostile values: nothing panics, hangs or shows a password.
/// `valid` is a configuration that works.
pub async fn check_definition(plugin: &Plugin, valid: &RawConfig) {
    the_definition_is_complete(&plugin.definition());
    a_valid_configuration_has_no_errors(&plugin.definition(), valid);
    hostile_values_are_answered(plugin, valid).await;
}

pub(super) fn the_definition_is_complete(definition: &Definition) {
    assert!(
        !definition.version.is_empty() && !definition.doc.is_empty(),
        "{}: version or doc missing",
        definition.class
    );
    for key in definition.config.keys() {
        let documented = !key.doc.is_empty() || matches!(key.effect, Effect::None(_));
        assert!(documented, "`{}` has no documentation", key.name);
        assert!(!key.group.is_empty(), "`{}` has no group", key.name);
        preset_passes(key);
    }
}

fn preset_passes(key: &ConfigKey) {
    let Preset::Value(value) = &key.preset else { return };
    let lone = ConfigKey { effect: Effect::Full, ..key.clone() };
    let def = crate::config::ConfigDef::new().key(lone);
    let raw = RawConfig::from([(key.name.replace('*', "x"), value.to_string())]);
    let issues = def.check(&raw).issues;
    assert!(issues.is_empty(), "the default of `{}` does not pass its own check: {issues:?}", key.name);
}

pub(super) fn a_valid_configuration_has_no_errors(definition: &Definition, valid: &RawConfig) {
    let issues = definition.config.check(valid).issues;
    let errors: Vec<_> = issues.iter().filter(|issue| issue.is_error()).collect();
    assert!(errors.is_empty(), "the valid configuration has errors: {errors:?}");
}

async fn hostile_values_are_answered(plugin: &Plugin, valid: &RawConfig) {
    let long = "x".repeat(100_000);
    let hostile = ["", " ", "\0", "-1", "99999999999999999999", "*", "(", "[a-", "../../etc/passwd", "\u{202e}", &long];
    for key in plugin.definition().config.keys() {
        for value in hostile {
            let mut raw = valid.clone();
            raw.insert(key.name.replace('*', "x"), value.to_owned());
            raw.extend(canaries(plugin, &raw));
            answer(plugin, &raw, &key.name).await;
        }
    }
    for key in plugin.definition().config.keys().iter().filter(|key| key.preset == Preset::Required) {
        let mut raw = valid.clone();
        raw.remove(key.name.as_ref());
        let errors = plugin.definition().config.check(&raw).into_result();
        assert!(errors.is_err(), "a configuration without the required `{}` passes", key.name);
    }
}

fn canaries(plugin: &Plugin, raw: &RawConfig) -> RawConfig {
    let definition = plugin.definition();
    let secret = |name: &String| definition.config.find(name).is_some_and(|key| key.kind == ConfigType::Password);
    raw.keys().filter(|name| secret(name)).map(|name| (name.clone(), CANARY.to_owned())).collect()
}

async fn answer(plugin: &Plugin, raw: &RawConfig, key: &str) {
    let checked = plugin.definition().config.check(raw);
    let mut said: Vec<String> = checked.issues.iter().map(ToString::to_string).collect();
    if let Ok(config) = checked.into_result() {
        let check = format!("a hostile `{key}`");
        let issues = within(&check, "validate", CALL_DEADLINE, plugin.validate(&config)).await;
        said.extend(issues.iter().map(ToString::to_string));
        if let Err(error) = within(&check, "split", CALL_DEADLINE, plugin.split(&config, 2)).await {
            said.push(format!("{error} {error:?}"));
        }
    }
    for text in said {
        assert!(!text.contains(CANARY), "a password shows in: {text}");
    }
}
