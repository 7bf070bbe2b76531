//! `--config`: a file → a configuration.

use cooee::cli::{Failure, read_bounded};
use cooee::trust::{Config, SETTINGS_LIMIT_BYTES};
use std::path::Path;

/// Reads the file: all of it is good, or nothing runs.
pub fn read(path: &Path) -> Result<(Vec<u8>, Config), Failure> {
    let shown = path.display();
    let text = read_bounded(path, SETTINGS_LIMIT_BYTES)?
        .ok_or_else(|| Failure::could_not_run(format_args!("{shown}: no such file")))?;
    let utf8 = std::str::from_utf8(&text).map_err(|error| {
        let line = 1 + text[..error.valid_up_to()].split(|byte| *byte == b'\n').skip(1).count();
        Failure::could_not_run(format_args!("{shown}: line {line}: not UTF-8")).hint("a configuration is TOML text")
    })?;
    let config = Config::from_toml(utf8)
        .map_err(|error| Failure::could_not_run(format_args!("{shown}: {error}")).hint(error.hint()))?;
    Ok((text, config))
}
