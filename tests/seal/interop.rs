//! Both ways with the `age` command.

use super::Keys;
use assert_cmd::Command;
use std::fs;

const SIZES: [usize; 7] = [0, 1, 1000, 65_535, 65_536, 65_537, 200_000];

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 31 % 251) as u8).collect()
}

#[test]
fn age_opens_what_we_seal() {
    let keys = Keys::new();
    for size in SIZES {
        for armor in [&[][..], &["-a"]] {
            let sealed = keys.seal(&content(size), armor);
            assert_eq!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"), !armor.is_empty());
            let opened = Command::new("age").args(["-d", "-i", &keys.identity]).write_stdin(sealed).output();
            let opened = opened.expect("age runs");
            assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
            assert!(opened.stdout == content(size), "{size} bytes");
        }
    }
}

#[test]
fn we_open_what_age_seals() {
    let (keys, other) = (Keys::new(), Keys::new());
    for size in SIZES {
        for armor in [&[][..], &["-a"]] {
            let mut age = Command::new("age");
            age.args(["-r", &other.recipient, "-r", &keys.recipient]).args(armor).write_stdin(content(size));
            let sealed = age.assert().success().get_output().stdout.clone();
            let opened = keys.opening(&sealed).assert().success().stderr("").get_output().stdout.clone();
            assert!(opened == content(size), "{size} bytes");
        }
    }
}

#[test]
fn a_key_of_age_keygen_serves() {
    let keys = Keys::new();
    let path = keys.path("keygen");
    let path = path.to_str().expect("text");
    Command::new("age-keygen").args(["-o", path]).assert().success();
    let recipient = Command::new("age-keygen").args(["-y", path]).assert().success().get_output().stdout.clone();
    let recipient = String::from_utf8(recipient).expect("text");
    let other = keys.seal(b"x", &["-r", recipient.trim()]);
    super::age_enrol(&["--open", "--bytes", "-i", path]).write_stdin(other).assert().success().stdout("x");
}

#[test]
fn each_of_several_recipients_opens_and_others_do_not() {
    let (one, two, three) = (Keys::new(), Keys::new(), Keys::new());
    let sealed = one.seal(b"for two\n", &["-r", &two.recipient]);
    for keys in [&one, &two] {
        keys.opening(&sealed).assert().success().stdout("for two\n").stderr("");
    }
    three.opening(&sealed).assert().code(1).stdout("").stderr(predicates::str::contains("none of the identities"));
    // Several identity files, and several identities in one.
    let both = format!("{}{}", read(&three.identity), read(&two.identity));
    super::secret(&three.path("both"), both.as_bytes());
    three.opening(&sealed).args(["-i", &two.identity]).assert().success().stdout("for two\n");
    let path = three.path("both");
    let path = path.to_str().expect("text");
    super::age_enrol(&["--open", "--bytes", "-i", path]).write_stdin(sealed).assert().success().stdout("for two\n");
}

fn read(path: &str) -> String {
    fs::read_to_string(path).expect("a file")
}
