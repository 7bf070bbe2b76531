//! `--suggest`: what a wrong token may have been.

use cooee::agentid::{Registered, TokenError, TokenText};
use cooee::cli::{self, Failure, Folder, Reject};
use cooee::store::Registry;
use std::path::Path;

/// What `--suggest` without a file stands for; no file has this name.
pub const REGISTRY: &str = "";
/// A file of tokens is not larger: 64 MiB, seven million tokens.
const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// More are not listed in a hint.
const LISTED: usize = 8;

/// The registered tokens, if they were asked for.
pub struct Suggestions(Option<Registered>);

impl Suggestions {
    /// From a file of one token a line, or from the folder's registry.
    pub fn load(suggest: Option<&Path>, dir: Option<&Path>) -> Result<Self, Failure> {
        let registered = match suggest {
            None => None,
            Some(path) if path == Path::new(REGISTRY) => Some(from_registry(&Folder::find(dir)?)?),
            Some(file) => Some(from_file(file)?),
        };
        Ok(Self(registered))
    }

    /// The hint for a wrong word.
    pub fn hint(&self, word: &str) -> Option<String> {
        let near = self.0.as_ref()?.near(word);
        let listed: Vec<String> = near.iter().take(LISTED).map(TokenText::to_string).collect();
        Some(match near.len() {
            0 => "no registered token is one typo away".to_owned(),
            1..=LISTED => format!("did you mean {}?", listed.join(" or ")),
            more => format!("one typo away: {} and {} more", listed.join(", "), more - LISTED),
        })
    }

    /// The error with its hint, for a line of stdin.
    pub fn reject(&self, error: &TokenError, word: &str) -> Reject {
        let reject = Reject::new(error);
        match self.hint(word) {
            Some(hint) => reject.hint(hint),
            None => reject,
        }
    }
}

fn from_file(path: &Path) -> Result<Registered, Failure> {
    let Some(content) = cli::read_bounded(path, FILE_LIMIT_BYTES)? else {
        return Err(Failure::could_not_run(format_args!("{}: no such file", path.display())));
    };
    let lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let tokens = lines.filter(|(_, line)| !line.is_empty()).map(|(index, line)| {
        TokenText::read(line)
            .map_err(|error| Failure::could_not_run(format_args!("{}: line {}: {error}", path.display(), index + 1)))
    });
    tokens.collect()
}

fn from_registry(folder: &Folder) -> Result<Registered, Failure> {
    let tokens = Registry::read(&folder.file("registry.db"))?.tokens()?;
    Ok(tokens.into_iter().collect())
}
