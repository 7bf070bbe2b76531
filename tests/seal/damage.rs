//! Damaged files: refused whole, at every byte and every length.

use super::Keys;
use cooee::seal::{Identity, open};
use std::fs;

/// One header, two chunks of content; opened in this process, because there are
/// thousands of damages.
fn sealed(content: usize) -> (Vec<Identity>, Vec<u8>) {
    let identity = Identity::generate();
    let sealed = cooee::seal::seal(&[identity.recipient()], &vec![b'x'; content]);
    (vec![identity], sealed)
}

#[test]
fn a_bit_flipped_anywhere_is_found() {
    let (identities, good) = sealed(500);
    assert_eq!(open(&identities, &good).expect("good").len(), 500);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(open(&identities, &bad).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_file_cut_anywhere_or_extended_is_refused() {
    let (identities, good) = sealed(500);
    for length in 0..good.len() {
        assert!(open(&identities, &good[..length]).is_err(), "cut to {length}");
    }
    assert!(open(&identities, &[&good[..], b"\n"].concat()).is_err());
    // Around the end of the first chunk of two, where a cut leaves whole ones.
    let (identities, good) = sealed(65_536 + 10);
    for length in good.len() - 65_536 - 20..good.len() - 65_536 + 60 {
        assert!(open(&identities, &good[..length]).is_err(), "cut to {length}");
    }
    for length in good.len() - 40..good.len() {
        assert!(open(&identities, &good[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn an_armored_file_cut_or_changed_is_refused() {
    let keys = Keys::new();
    let good = keys.seal(b"some content", &["--armor"]);
    let identities = Identity::parse_file(&fs::read(&keys.identity).expect("a file")).expect("good");
    assert_eq!(open(&identities, &good).expect("good").as_slice(), b"some content");
    for length in 0..good.len() - 1 {
        assert!(open(&identities, &good[..length]).is_err(), "cut to {length}");
    }
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(open(&identities, &bad).is_err(), "byte {at}");
    }
}

#[test]
fn nothing_of_a_damaged_file_comes_out() {
    let keys = Keys::new();
    let mut bad = keys.seal(&vec![b'x'; 3 * 65_536], &[]);
    let last = bad.len() - 1;
    bad[last] ^= 1;
    keys.opening(&bad).assert().code(5).stdout("").stderr(predicates::str::contains("changed or cut"));
    let output = keys.path("output");
    let arguments = ["--force", "-o", output.to_str().expect("text")];
    keys.opening(&bad).args(arguments).assert().code(5).stdout("");
    assert!(!output.exists());
    fs::write(&output, "before").expect("written");
    keys.opening(&bad).args(arguments).assert().code(5).stdout("");
    assert_eq!(fs::read_to_string(&output).expect("a file"), "before");
    assert_eq!(fs::read_dir(keys.folder.path()).expect("a folder").count(), 2, "nothing else is left");
}
