//! What is promised of every command and of every page: pages are up to date,
//! lint-clean and true to the last printed byte; every command meets the
//! process edge alike. Commands are found in `src/bin`, pages in `man`, so that
//! nothing new can be forgotten here.

mod edges;
mod examples;
mod help;
mod pages;

pub use examples::roff_examples;

use crate::shell;
use std::path::{Path, PathBuf};

/// The package's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the commands of this build are.
pub fn bin_dir() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_cooee-pub")).parent().expect("an executable is in a folder")
}

/// Every command's name: the files and folders of `src/bin`.
pub fn commands() -> Vec<String> {
    let mut names = listed("src/bin", |name| Some(name.strip_suffix(".rs").unwrap_or(name).to_owned()));
    names.sort();
    assert!(names.len() >= 2, "src/bin holds the commands");
    names
}

/// Every page that people read: the man pages and the README.
pub fn all_pages() -> Vec<PathBuf> {
    let section = |name: &str| matches!(name.rsplit_once('.'), Some((_, "1" | "5" | "7"))).then(|| name.to_owned());
    let mut names = listed("man", section);
    names.sort();
    let mut pages: Vec<PathBuf> = names.iter().map(|name| root().join("man").join(name)).collect();
    pages.push(root().join("README.md"));
    pages
}

fn listed(folder: &str, pick: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder exists");
    entries.filter_map(|entry| pick(entry.expect("readable").file_name().to_str()?)).collect()
}
