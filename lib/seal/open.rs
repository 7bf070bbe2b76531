//! Opening: age file → plaintext, or nothing.

use super::{Identity, strict};
use age::armor::{ArmoredReadError, ArmoredReader};
use age::{DecryptError, Decryptor};
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use zeroize::Zeroizing;

/// Why a file does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not an age file, or its header is not as the specification says.
    #[error("not a well-formed age file (header)")]
    Header,
    /// A later version of the format.
    #[error("an age file of another version than 1")]
    Version,
    /// The armor is not as the specification says.
    #[error("not a well-formed age file (armor)")]
    Armor,
    /// Sealed to others.
    #[error("sealed to none of the identities")]
    NoMatch,
    /// The header was changed after it was sealed.
    #[error("the header does not match its authentication code")]
    Mac,
    /// The content was changed, cut or extended after it was sealed.
    #[error("the content was changed or cut after it was sealed")]
    Payload,
    /// Larger than the caller takes.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// The input cannot be read.
    #[error("reading: {0}")]
    Read(#[source] io::Error),
    /// The output cannot be written.
    #[error("writing: {0}")]
    Write(#[source] io::Error),
}

/// Opens a file, binary or armored, that is in memory. The plaintext comes
/// whole or not at all.
pub fn open(identities: &[Identity], file: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    // As large as the file at once: growing would leave copies behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(file.len()));
    open_stream(identities, file, &mut *plaintext)?;
    Ok(plaintext)
}

/// Opens a file, binary or armored, chunk by chunk. What was written before an
/// error is authentic but not whole: the caller throws it away.
pub fn open_stream(identities: &[Identity], input: impl Read, output: impl Write) -> Result<(), OpenError> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    if strict::skip_to_armor(&mut input)? {
        decrypt(identities, BufReader::new(ArmoredReader::new(input)), output)
    } else {
        decrypt(identities, input, output)
    }
}

fn decrypt(identities: &[Identity], mut input: impl BufRead, mut output: impl Write) -> Result<(), OpenError> {
    let header = strict::header(&mut input)?;
    let file = header.as_slice().chain(input);
    let decryptor = Decryptor::new_buffered(file).map_err(refused)?;
    let keys = identities.iter().map(|identity| &identity.0 as &dyn age::Identity);
    let mut plaintext = decryptor.decrypt(keys).map_err(refused)?;
    let mut block = Zeroizing::new(vec![0; 64 * 1024]);
    loop {
        match plaintext.read(&mut block) {
            Ok(0) => return output.flush().map_err(OpenError::Write),
            Ok(count) => output.write_all(&block[..count]).map_err(OpenError::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(faulty(error, OpenError::Payload)),
        }
    }
}

fn refused(error: DecryptError) -> OpenError {
    match error {
        DecryptError::UnknownFormat => OpenError::Version,
        DecryptError::NoMatchingKeys => OpenError::NoMatch,
        DecryptError::InvalidMac => OpenError::Mac,
        DecryptError::DecryptionFailed => OpenError::Payload,
        // Here the nonce behind the header was cut.
        DecryptError::Io(error) => faulty(error, OpenError::Payload),
        _ => OpenError::Header,
    }
}

/// Tells bytes that are wrong from bytes that cannot be had.
pub(super) fn faulty(error: io::Error, wrong: OpenError) -> OpenError {
    if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<ArmoredReadError>) {
        return OpenError::Armor;
    }
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => wrong,
        _ => OpenError::Read(error),
    }
}
