//! Sealing: plaintext → age file.

use super::Recipient;
use age::Encryptor;
use age::armor::{ArmoredWriter, Format};
use std::io::{self, Read, Write};

/// How a sealed file is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The bytes themselves.
    Binary,
    /// `-----BEGIN AGE ENCRYPTED FILE-----`, base64 in lines of 64.
    Armored,
}

/// Seals `plaintext` to all of `recipients`, binary. A new file key each time.
///
/// # Panics
/// If `recipients` is empty.
pub fn seal(recipients: &[Recipient], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(plaintext.len() + 512);
    seal_stream(recipients, Form::Binary, plaintext, &mut sealed).expect("a Vec takes all bytes");
    sealed
}

/// Seals all of `input` into `output`, in chunks of 64 KiB.
///
/// # Panics
/// If `recipients` is empty.
pub fn seal_stream(
    recipients: &[Recipient],
    form: Form,
    mut input: impl Read,
    output: impl Write,
) -> Result<(), SealError> {
    let recipients = recipients.iter().map(|recipient| &recipient.0 as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).expect("X25519 recipients agree, and there is one");
    let format = match form {
        Form::Binary => Format::Binary,
        Form::Armored => Format::AsciiArmor,
    };
    let armored = ArmoredWriter::wrap_output(output, format).map_err(SealError::Write)?;
    let mut sealed = encryptor.wrap_output(armored).map_err(SealError::Write)?;
    let mut block = vec![0; 64 * 1024];
    loop {
        match input.read(&mut block) {
            Ok(0) => break,
            Ok(count) => sealed.write_all(&block[..count]).map_err(SealError::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SealError::Read(error)),
        }
    }
    sealed.finish().and_then(ArmoredWriter::finish).and_then(|mut output| output.flush()).map_err(SealError::Write)
}

/// Which side of a stream failed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The input.
    #[error("reading: {0}")]
    Read(#[source] io::Error),
    /// The output.
    #[error("writing: {0}")]
    Write(#[source] io::Error),
}
