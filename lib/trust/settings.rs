//! A configuration as an operator writes it: TOML → [`Config`], all or nothing.
//!
//! Must not know where the text comes from.

use super::{Config, ConfigError, Dimension};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// A text is never longer: 64 KiB.
pub const SETTINGS_LIMIT_BYTES: u64 = 64 * 1024;

/// Why a text is no configuration, and where.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct SettingsError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: SettingsFault,
}

/// What is wrong with a configuration.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SettingsFault {
    /// Not TOML, an unknown name, or a value of another type.
    #[error("{0}")]
    Toml(String),
    /// Not between what may be meant.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl SettingsError {
    /// How to mend it.
    pub fn hint(&self) -> String {
        match &self.fault {
            SettingsFault::Config(ConfigError::Sum(_)) => {
                "name all five weights so that they add up to 1; one that is not named keeps its default: ".to_owned()
                    + &defaults()
            }
            SettingsFault::Config(ConfigError::Weight { .. }) => "a weight is a share, such as 0.25".to_owned(),
            SettingsFault::Config(ConfigError::Threshold { .. }) => "a threshold is a score, such as 300".to_owned(),
            SettingsFault::Config(ConfigError::Interval(_)) => "the default is 30".to_owned(),
            SettingsFault::Toml(_) => "a configuration has [weights], revocation_threshold, warning_threshold and \
                 update_interval_seconds, and nothing else"
                .to_owned(),
        }
    }
}

fn defaults() -> String {
    let weights = Dimension::ALL.into_iter().zip(Config::default().weights);
    weights.map(|(dimension, weight)| format!("{} {weight}", dimension.name())).collect::<Vec<_>>().join(", ")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    weights: Option<Spanned<Weights>>,
    revocation_threshold: Option<Spanned<i64>>,
    warning_threshold: Option<Spanned<i64>>,
    update_interval_seconds: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    policy_compliance: Option<Spanned<f64>>,
    resource_efficiency: Option<Spanned<f64>>,
    output_quality: Option<Spanned<f64>>,
    security_posture: Option<Spanned<f64>>,
    collaboration_health: Option<Spanned<f64>>,
}

impl Config {
    /// Reads TOML. What is not named keeps its default; what is named and cannot
    /// be meant refuses the whole.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let read: Text = toml::from_str(text).map_err(|error| SettingsError {
            line: line_of(text, &error.span().unwrap_or_default()),
            fault: SettingsFault::Toml(one_line(error.message())),
        })?;
        let mut config = Self::default();
        let mut place = 0..0;
        if let Some(weights) = read.weights {
            place = weights.span();
            let weights = weights.into_inner();
            let named = [
                weights.policy_compliance,
                weights.resource_efficiency,
                weights.output_quality,
                weights.security_posture,
                weights.collaboration_health,
            ];
            for ((dimension, kept), named) in Dimension::ALL.into_iter().zip(&mut config.weights).zip(named) {
                let Some(named) = named else { continue };
                let value = *named.get_ref();
                if !(0.0..=1.0).contains(&value) || value.is_sign_negative() {
                    return Err(fault(text, &named.span(), ConfigError::Weight { dimension, value }));
                }
                *kept = value;
            }
        }
        let threshold = |name: &'static str, value: i64| {
            let value = u16::try_from(value).ok().filter(|value| *value <= 1000).ok_or(value);
            value.map_err(|value| ConfigError::Threshold { name, value })
        };
        let interval = |_: &'static str, value: i64| {
            let value = u16::try_from(value).ok().filter(|value| (1..=300).contains(value)).ok_or(value);
            value.map_err(ConfigError::Interval)
        };
        let whole =
            |named: Option<Spanned<i64>>, name, check: &dyn Fn(&'static str, i64) -> Result<u16, ConfigError>| {
                let checked =
                    named.map(|named| check(name, *named.get_ref()).map_err(|error| fault(text, &named.span(), error)));
                checked.transpose()
            };
        if let Some(value) = whole(read.revocation_threshold, "revocation_threshold", &threshold)? {
            config.revocation_threshold = value;
        }
        if let Some(value) = whole(read.warning_threshold, "warning_threshold", &threshold)? {
            config.warning_threshold = value;
        }
        if let Some(value) = whole(read.update_interval_seconds, "update_interval_seconds", &interval)? {
            config.update_interval_seconds = value;
        }
        // What is left is about the weights as a whole.
        config.check().map_err(|error| fault(text, &place, error))?;
        Ok(config)
    }
}

fn fault(text: &str, place: &Range<usize>, error: ConfigError) -> SettingsError {
    SettingsError { line: line_of(text, place), fault: error.into() }
}

fn line_of(text: &str, place: &Range<usize>) -> usize {
    let before = text.as_bytes().iter().take(place.start);
    1 + before.filter(|byte| **byte == b'\n').count()
}

/// The parser's reasons may have several lines, and end in the names of Rust's
/// types.
fn one_line(message: &str) -> String {
    let line = message.lines().collect::<Vec<_>>().join("; ");
    match (line.strip_suffix("expected f64"), line.strip_suffix("expected i64")) {
        (Some(reason), _) => format!("{reason}expected a number"),
        (_, Some(reason)) => format!("{reason}expected an integer"),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::from_toml(text).expect_err(text).to_string()
    }

    #[test]
    fn what_is_named_changes_and_the_rest_stays() {
        assert_eq!(Config::from_toml(""), Ok(Config::default()));
        let text = "revocation_threshold = 250\nwarning_threshold = 600 # people ask early\nupdate_interval_seconds = 10\n\
            [weights]\npolicy_compliance = 0.3\nresource_efficiency = 0.1\noutput_quality = 0.2\n\
            security_posture = 0.4\ncollaboration_health = 0\n";
        let config = Config::from_toml(text).expect("good");
        assert_eq!(
            config,
            Config {
                weights: [0.3, 0.1, 0.2, 0.4, 0.0],
                revocation_threshold: 250,
                warning_threshold: 600,
                update_interval_seconds: 10,
            }
        );
        let some =
            Config::from_toml("weights = { policy_compliance = 0.20, security_posture = 0.30 }").expect("sums to 1");
        assert_eq!(some, Config { weights: [0.20, 0.15, 0.20, 0.30, 0.15], ..Config::default() });
    }

    #[test]
    fn each_fault_is_named_with_its_line() {
        for (text, expected) in [
            ("\n[weights]\npolicy_compliance = 0.3\n", "line 2: the weights sum to 1.05, not to 1"),
            (
                "[weights]\npolicy_compliance = -0.25\n",
                "line 2: the weight of policy_compliance is -0.25, which is not between 0 and 1",
            ),
            (
                "[weights]\npolicy_compliance = -0.0\n",
                "line 2: the weight of policy_compliance is -0, which is not between 0 and 1",
            ),
            (
                "[weights]\noutput_quality = nan",
                "line 2: the weight of output_quality is NaN, which is not between 0 and 1",
            ),
            (
                "[weights]\n\n\noutput_quality = inf",
                "line 4: the weight of output_quality is inf, which is not between 0 and 1",
            ),
            ("revocation_threshold = 1001", "line 1: revocation_threshold is 1001, which is not between 0 and 1000"),
            ("\nwarning_threshold = -1", "line 2: warning_threshold is -1, which is not between 0 and 1000"),
            (
                "warning_threshold = 9223372036854775807",
                "line 1: warning_threshold is 9223372036854775807, which is not between 0 and 1000",
            ),
            ("update_interval_seconds = 0", "line 1: update_interval_seconds is 0, which is not between 1 and 300"),
            ("update_interval_seconds = 301", "line 1: update_interval_seconds is 301, which is not between 1 and 300"),
            (
                "\n\nthreshold = 3",
                "line 3: unknown field `threshold`, expected one of `weights`, `revocation_threshold`, `warning_threshold`, `update_interval_seconds`",
            ),
            (
                "[weights]\nkindness = 0.1",
                "line 2: unknown field `kindness`, expected one of `policy_compliance`, `resource_efficiency`, `output_quality`, `security_posture`, `collaboration_health`",
            ),
            ("[weights]\noutput_quality = \"0.2\"", "line 2: invalid type: string \"0.2\", expected a number"),
            ("revocation_threshold = 299.5", "line 1: invalid type: floating point `299.5`, expected an integer"),
            ("revocation_threshold = true", "line 1: invalid type: boolean `true`, expected an integer"),
        ] {
            assert_eq!(refused(text), expected, "{text}");
        }
        // The parser's own words; the line is ours.
        for (text, line) in [
            ("{\"weights\":{}}", 1),
            ("revocation_threshold = 1\nrevocation_threshold = 2", 2),
            ("a\n\nb", 1),
            ("\n\nx = ", 3),
            ("revocation_threshold = 99999999999999999999", 1),
        ] {
            let error = Config::from_toml(text).expect_err(text);
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(matches!(error.fault, SettingsFault::Toml(_)) && !error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_refusal_says_how_to_mend_it() {
        let hint = |text| Config::from_toml(text).expect_err(text).hint();
        assert!(hint("[weights]\noutput_quality = 0.5").ends_with(
            "policy_compliance 0.25, resource_efficiency 0.15, output_quality 0.2, security_posture 0.25, collaboration_health 0.15"
        ));
        assert_eq!(hint("update_interval_seconds = 0"), "the default is 30");
        assert!(hint("x = 1").starts_with("a configuration has [weights], "));
    }
}
