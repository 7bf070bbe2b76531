//! `--bytes`: stdin as it is, sealed or opened, as `age` does it.

use crate::Enrol;
use cooee::cli::{Exit, Failure, Folder, Input, Io, Output, unwritten};
use cooee::seal::{self, Form, OpenError, Recipient, SealError};
use rustix::fs::{FileType, fstat};
use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// What is opened to stdout is held in memory until it is whole: 16 MiB.
const STDOUT_LIMIT_BYTES: u64 = 16 << 20;

pub fn run(enrol: &Enrol, io: &mut Io) -> Result<Exit, Failure> {
    if enrol.open { open(enrol, io) } else { close(enrol, io) }
}

fn close(enrol: &Enrol, io: &mut Io) -> Result<Exit, Failure> {
    let recipients = if enrol.recipient.is_empty() {
        let fleet = Folder::find(enrol.dir.as_deref())?.need_fleet()?;
        crate::leaders(&fleet)?
    } else {
        enrol.recipients()?
    };
    let form = if enrol.armor { Form::Armored } else { Form::Binary };
    let Some(path) = enrol.file() else {
        let input = io.stdin()?;
        let mut sink = Sink { output: &mut io.out, failure: None };
        let sealed = seal_to(&recipients, form, input, &mut sink);
        return match sink.failure.take() {
            Some(failure) => Err(failure),
            None => sealed.map(|()| Exit::Done),
        };
    };
    let target = Target::new(path, enrol.force, 0o644)?;
    seal_to(&recipients, form, io.stdin()?, &target.file)?;
    target.finish()
}

fn seal_to(recipients: &[Recipient], form: Form, input: Input, output: impl Write) -> Result<(), Failure> {
    seal::seal_stream(recipients, form, input, output).map_err(|error| match error {
        SealError::Read(error) => Failure::could_not_run(format_args!("reading stdin: {error}")),
        SealError::Write(error) => Failure::could_not_run(format_args!("writing: {error}")),
    })
}

fn open(enrol: &Enrol, io: &mut Io) -> Result<Exit, Failure> {
    let identities = enrol.identities()?;
    if let Some(path) = enrol.file() {
        let target = Target::new(path, enrol.force, 0o600)?;
        seal::open_stream(&identities, io.stdin()?, &target.file).map_err(refused)?;
        return target.finish();
    }
    let input = io.stdin()?;
    if let Ok(stat) = fstat(rustix::stdio::stdin())
        && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && u64::try_from(stat.st_size).unwrap_or(0) > STDOUT_LIMIT_BYTES
    {
        return Err(too_large());
    }
    let mut input = Counted { input: input.take(STDOUT_LIMIT_BYTES + 1), count: 0 };
    let mut plaintext = Zeroizing::new(Vec::new());
    let opened = seal::open_stream(&identities, &mut input, &mut *plaintext);
    if input.count > STDOUT_LIMIT_BYTES {
        return Err(too_large());
    }
    opened.map_err(refused)?;
    io.out.bytes(&plaintext)?;
    Ok(Exit::Done)
}

fn too_large() -> Failure {
    Failure::could_not_run(format_args!("more than {STDOUT_LIMIT_BYTES} bytes are not opened to stdout"))
        .hint("write to a file instead: -o FILE")
}

fn refused(error: OpenError) -> Failure {
    match error {
        OpenError::NoMatch => Failure::no(error).hint("name another identity file with -i"),
        OpenError::Read(_) => Failure::could_not_run(format_args!("stdin: {error}")),
        OpenError::Write(_) => Failure::could_not_run(error),
        _ => Failure::security(error),
    }
}

/// An output file, written beside its place and put there when it is whole.
struct Target<'a> {
    path: &'a Path,
    file: NamedTempFile,
    force: bool,
}

impl<'a> Target<'a> {
    fn new(path: &'a Path, force: bool, mode: u32) -> Result<Self, Failure> {
        let failure = |error: io::Error| Failure::could_not_run(format_args!("{}: {error}", path.display()));
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failure(error)),
            Ok(there) => {
                let stdin = fstat(rustix::stdio::stdin());
                if stdin.is_ok_and(|stdin| (stdin.st_dev, stdin.st_ino) == (there.dev(), there.ino())) {
                    let message = format!("{}: the output is the input", path.display());
                    return Err(Failure::could_not_run(message));
                }
                if !there.is_file() {
                    return Err(Failure::could_not_run(format_args!("{}: not a regular file", path.display())));
                }
                if !force {
                    return Err(exists(path));
                }
            }
        }
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder);
        Ok(Self { path, file: file.map_err(|error| unwritten(path, &error))?, force })
    }

    /// Puts the whole file in its place, on disk.
    fn finish(self) -> Result<Exit, Failure> {
        let failure = |error: io::Error| Failure::could_not_run(format_args!("{}: {error}", self.path.display()));
        self.file.as_file().sync_all().map_err(failure)?;
        let placed = if self.force { self.file.persist(self.path) } else { self.file.persist_noclobber(self.path) };
        placed.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => exists(self.path),
            _ => failure(error.error),
        })?;
        Ok(Exit::Done)
    }
}

fn exists(path: &Path) -> Failure {
    Failure::could_not_run(format_args!("{}: there already is such a file", path.display()))
        .hint("write over it with --force")
}

/// Stdout as a writer; its failure is kept with its exit code.
struct Sink<'a> {
    output: &'a mut Output,
    failure: Option<Failure>,
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.bytes(bytes).map(|()| bytes.len()).map_err(|failure| {
            self.failure = Some(failure);
            io::Error::other("stdout")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what goes through.
struct Counted<R> {
    input: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}
