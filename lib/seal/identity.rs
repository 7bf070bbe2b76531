//! Who can open what was sealed: age identity files, as `age-keygen` writes them.

use super::Recipient;
use age::secrecy::ExposeSecret as _;
use std::fmt;
use zeroize::Zeroizing;

/// An identity file is never larger: 16 KiB.
const LIMIT_BYTES: usize = 16 * 1024;

/// An X25519 secret key.
#[derive(Clone)]
pub struct Identity(pub(super) age::x25519::Identity);

/// Why a text is no identity file of ours. None of these repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Nothing in it.
    #[error("the identity file is empty")]
    Empty,
    /// Comments and blank lines only.
    #[error("no identity in it, only comments")]
    NoIdentity,
    /// Larger than an identity file may be.
    #[error("too large for an identity file")]
    TooLarge,
    /// Not UTF-8.
    #[error("not text")]
    NotText,
    /// The post-quantum hybrid type.
    #[error("line {0}: post-quantum identities are not supported, only X25519 ones")]
    PostQuantum(usize),
    /// Sealed with a passphrase or to another identity.
    #[error("the identity file is itself sealed, which is not supported")]
    Sealed,
    /// A public key where a secret one belongs.
    #[error("line {0}: this is a recipient, not an identity")]
    Recipient(usize),
    /// Anything else.
    #[error("line {0}: not an age identity (AGE-SECRET-KEY-1…), or a damaged one")]
    Malformed(usize),
}

impl Identity {
    /// A new one from the system's randomness.
    pub fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Whom to seal to so that this opens it.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    /// One line: `AGE-SECRET-KEY-1…`, from white space freed.
    pub fn parse(text: &str) -> Option<Self> {
        // Bech32 is of one case; age prints identities in upper case.
        text.trim().parse().ok().map(Self)
    }

    /// The content of a new identity file, as `age-keygen` writes it.
    pub fn to_file(&self) -> Zeroizing<String> {
        let secret = self.0.to_string();
        Zeroizing::new(format!("# public key: {}\n{}\n", self.recipient(), secret.expose_secret()))
    }

    /// All identities of a file: one a line; blank lines and lines that start
    /// with `#` are skipped; `\r\n` ends a line too.
    pub fn parse_file(content: &[u8]) -> Result<Vec<Self>, IdentityError> {
        if content.len() > LIMIT_BYTES {
            return Err(IdentityError::TooLarge);
        }
        if content.starts_with(b"age-encryption.org/") || content.starts_with(b"-----BEGIN AGE ENCRYPTED FILE") {
            return Err(IdentityError::Sealed);
        }
        let text = std::str::from_utf8(content).map_err(|_| IdentityError::NotText)?;
        if text.trim().is_empty() {
            return Err(IdentityError::Empty);
        }
        let mut identities = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            identities.push(Self::parse(line).ok_or_else(|| {
                let lower = Zeroizing::new(line.to_ascii_lowercase());
                if lower.starts_with("age-secret-key-pq-") {
                    IdentityError::PostQuantum(index + 1)
                } else if lower.starts_with("age1") {
                    IdentityError::Recipient(index + 1)
                } else {
                    IdentityError::Malformed(index + 1)
                }
            })?);
        }
        if identities.is_empty() { Err(IdentityError::NoIdentity) } else { Ok(identities) }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.recipient())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_in_every_spelling() {
        let identity = Identity::generate();
        let file = identity.to_file();
        for spelled in [file.to_string(), file.replace('\n', "\r\n"), format!("\n\n  {}\n#end", file.trim())] {
            let read = Identity::parse_file(spelled.as_bytes()).expect("good");
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].recipient(), identity.recipient());
        }
        let two = format!("{}{}", *file, *Identity::generate().to_file());
        assert_eq!(Identity::parse_file(two.as_bytes()).expect("two").len(), 2);
        assert!(!format!("{identity:?}").contains("SECRET"));
    }

    #[test]
    fn what_is_no_identity_is_named_by_its_line() {
        let recipient = Identity::generate().recipient();
        for (content, error) in [
            (String::new(), IdentityError::Empty),
            (" \n\n".to_owned(), IdentityError::Empty),
            ("# only\n# comments\n".to_owned(), IdentityError::NoIdentity),
            (format!("#\n{recipient}\n"), IdentityError::Recipient(2)),
            ("AGE-SECRET-KEY-PQ-1QQQ".to_owned(), IdentityError::PostQuantum(1)),
            ("\nAGE-SECRET-KEY-1QQQ".to_owned(), IdentityError::Malformed(2)),
            ("age-encryption.org/v1\n".to_owned(), IdentityError::Sealed),
            ("#".repeat(LIMIT_BYTES + 1), IdentityError::TooLarge),
        ] {
            assert_eq!(Identity::parse_file(content.as_bytes()).map(|_| ()), Err(error), "{content:.40}");
        }
        assert_eq!(Identity::parse_file(b"\xff").map(|_| ()), Err(IdentityError::NotText));
    }
}
