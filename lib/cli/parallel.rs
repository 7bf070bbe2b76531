//! The loop of a filter whose work on a line is worth more than one core.

use super::{Failure, Input, Io, Reject, Tally, Wait};
use std::thread;

/// Lines in work at once.
const BATCH_LINES: usize = 512;
/// Their bytes, so that long lines do not fill the memory.
const BATCH_BYTES: usize = 4 << 20;
/// Fewer lines are done sooner than a thread starts.
const WORTH_A_THREAD: usize = 4;
const THREADS_LIMIT: usize = 8;

/// A line's number and what became of it.
type Line<T> = (u64, Result<T, Halt>);

/// What went wrong while a line was worked on.
#[derive(Debug)]
pub enum Halt {
    /// The line is at fault: it is reported, and the rest go on.
    Line(Reject),
    /// Nothing can go on.
    Run(Failure),
}

impl From<Reject> for Halt {
    fn from(reject: Reject) -> Self {
        Self::Line(reject)
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Run(failure)
    }
}

impl Io {
    /// As [`Io::filter`], in two steps: `prepare` sees the lines one by one in
    /// their order; `work` writes the output for what it made of them, on all
    /// cores. Output and rejects keep the order of the lines. At most 512 lines
    /// or 4 MiB wait at a time, and none waits for a later one to arrive. Where
    /// nobody reads stdout any more it ends without waiting for the next line: a
    /// resident pipe one of whose commands died is to end, and to be started again.
    pub fn filter_parallel<J: Send>(
        &mut self,
        input: Input,
        strict: bool,
        mut prepare: impl FnMut(&[u8]) -> Result<J, Halt>,
        work: impl Fn(J, &mut Vec<u8>) -> Result<(), Halt> + Sync,
    ) -> Result<Tally, Failure> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_LIMIT);
        let mut lines = input.lines();
        let mut tally = Tally::default();
        let mut batch: Vec<Line<J>> = Vec::new();
        loop {
            if !lines.ready() {
                self.out.flush()?;
                if self.out.wait(Some(&rustix::stdio::stdin()), None) == Wait::Closed {
                    return Err(Failure::closed());
                }
            }
            let mut bytes = 0;
            let mut at_end = false;
            while batch.is_empty() || (lines.ready() && batch.len() < BATCH_LINES && bytes < BATCH_BYTES) {
                let next = lines.next();
                match next.map_err(|error| Failure::could_not_run(format_args!("reading stdin: {error}")))? {
                    None => {
                        at_end = true;
                        break;
                    }
                    Some(line) => {
                        bytes += line.as_ref().map_or(0, |line| line.len());
                        let job = line.map_err(|fault| Reject::new(fault).into()).and_then(&mut prepare);
                        batch.push((lines.number(), job));
                    }
                }
            }
            for share in shares(&mut batch, threads, &work) {
                self.take(share, strict, &mut tally)?;
            }
            if at_end {
                return Ok(tally);
            }
        }
    }

    /// Puts out what a share of the lines became.
    fn take(&mut self, share: Share, strict: bool, tally: &mut Tally) -> Result<(), Failure> {
        let mut from = 0;
        for (number, outcome) in share.lines {
            match outcome {
                Ok(to) => {
                    self.out.bytes(&share.output[from..to])?;
                    from = to;
                    tally.taken += 1;
                }
                Err(Halt::Run(failure)) => {
                    self.out.flush()?;
                    return Err(failure);
                }
                Err(Halt::Line(reject)) => {
                    tally.rejected += 1;
                    if let Err(failure) = self.reject(number, &reject, strict) {
                        self.out.flush()?;
                        return Err(failure);
                    }
                }
            }
        }
        Ok(())
    }
}

/// What one thread made of its lines: their output, and where each line's ends.
struct Share {
    output: Vec<u8>,
    lines: Vec<Line<usize>>,
}

/// Divides the batch among threads; what comes back is in the batch's order.
fn shares<J: Send>(
    batch: &mut Vec<Line<J>>,
    threads: usize,
    work: &(impl Fn(J, &mut Vec<u8>) -> Result<(), Halt> + Sync),
) -> Vec<Share> {
    if threads < 2 || batch.len() < WORTH_A_THREAD {
        return vec![share(std::mem::take(batch), work)];
    }
    let each = batch.len().div_ceil(threads);
    thread::scope(|scope| {
        let mut started = Vec::new();
        while !batch.is_empty() {
            let rest = batch.split_off(each.min(batch.len()));
            let jobs = std::mem::replace(batch, rest);
            started.push(scope.spawn(move || share(jobs, work)));
        }
        started.into_iter().map(|thread| thread.join().expect("the work does not panic")).collect()
    })
}

fn share<J>(jobs: Vec<Line<J>>, work: &impl Fn(J, &mut Vec<u8>) -> Result<(), Halt>) -> Share {
    let mut output = Vec::new();
    let lines = jobs.into_iter().map(|(number, job)| {
        let before = output.len();
        let done = job.and_then(|job| work(job, &mut output));
        if done.is_err() {
            output.truncate(before);
        }
        (number, done.map(|()| output.len()))
    });
    let lines = lines.collect();
    Share { output, lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_lines_is_kept_on_any_number_of_threads() {
        for threads in 1..9 {
            for count in [0, 1, 3, 4, 5, 17, 100] {
                let mut batch: Vec<Line<u64>> = (0..count).map(|n| (n, Ok(n))).collect();
                let work = |n: u64, output: &mut Vec<u8>| {
                    output.extend_from_slice(format!("{n},").as_bytes());
                    if n % 5 == 3 { Err(Reject::new(n).into()) } else { Ok(()) }
                };
                let (mut output, mut rejected) = (Vec::new(), Vec::new());
                for share in shares(&mut batch, threads, &work) {
                    output.extend_from_slice(&share.output);
                    rejected.extend(share.lines.into_iter().filter_map(|(n, line)| line.is_err().then_some(n)));
                }
                let good: Vec<_> = (0..count).filter(|n| n % 5 != 3).collect();
                let output = String::from_utf8(output).expect("text");
                let output: Vec<u64> = output.split_terminator(',').map(|n| n.parse().expect("a number")).collect();
                assert_eq!(output, good, "{threads} threads, {count} lines");
                assert_eq!(rejected, (0..count).filter(|n| n % 5 == 3).collect::<Vec<_>>());
                assert!(batch.is_empty());
            }
        }
    }
}
