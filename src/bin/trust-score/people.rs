//! Views for people, and for what people look at.

use crate::run::Run;
use cooee::cli::{Failure, Io, write_whole};
use cooee::show::{Exposition, Measure, Page};
use std::path::Path;

/// `--table`: as wide as the terminal; whole names where stdout is none.
pub fn table(io: &mut Io, run: &Run) -> Result<(), Failure> {
    let mut measure = Measure::default();
    run.everyone(|did, agent, _| {
        measure.take(&run.subject(did, agent, Vec::new()), &run.config);
        Ok(())
    })?;
    let table = measure.table(io.out.columns());
    io.out.line(table.header().as_bytes())?;
    run.everyone(|did, agent, _| io.out.line(table.row(&run.subject(did, agent, Vec::new()), &run.config).as_bytes()))
}

/// `--html`: a page, written whole or not at all.
pub fn page(io: &mut Io, run: &Run, path: &Path, in_full: u16) -> Result<(), Failure> {
    let mut page = Page::new(usize::from(in_full));
    run.everyone(|did, agent, recent| {
        page.take(&run.subject(did, agent, recent.collect()), &run.config);
        Ok(())
    })?;
    let page = page.render(&run.config, run.now);
    if path == Path::new("-") { io.out.bytes(page.as_bytes()) } else { write_whole(path, page.as_bytes()) }
}

/// `--prometheus`: its text exposition format.
pub fn exposition(io: &mut Io, run: &Run) -> Result<(), Failure> {
    let mut exposition = Exposition::default();
    run.everyone(|did, agent, _| {
        exposition.take(&run.subject(did, agent, Vec::new()), &run.config);
        Ok(())
    })?;
    exposition.print(run.now, |lines| io.out.bytes(lines.as_bytes()))
}
