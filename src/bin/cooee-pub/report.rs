//! What is printed and said, and the exit code that comes of it.

use cooee::attach::Refused;
use cooee::cli::{Exit, Failure, Io};
use cooee::event::Event;
use cooee::handover::{Answer, Outcome};
use serde::Serialize;
use std::collections::HashSet;

/// Collects outcomes. A reader of stdout that goes away does not stop the
/// hand-over; it only silences the rest.
pub struct Report {
    pub exit: Exit,
    closed: bool,
    failure: Option<Failure>,
    /// Kept since `why` was said.
    kept: usize,
    /// All that is kept and has not been stored since.
    waiting: HashSet<String>,
    why: Option<String>,
    /// It was said how a host becomes a member.
    hinted: bool,
}

impl Report {
    pub fn new() -> Self {
        Self {
            exit: Exit::Done,
            closed: false,
            failure: None,
            kept: 0,
            waiting: HashSet::new(),
            why: None,
            hinted: false,
        }
    }

    /// A line of stdout.
    pub fn line(&mut self, io: &mut Io, line: &[u8]) {
        if !self.closed {
            let written = io.out.line(line);
            self.written(written);
        }
    }

    /// A record of stdout.
    pub fn record(&mut self, io: &mut Io, record: &impl Serialize) {
        let line = serde_json::to_vec(record).expect("records have string keys only");
        self.line(io, &line);
    }

    /// Lets readers see what was printed.
    pub fn flush(&mut self, io: &mut Io) {
        if !self.closed {
            let written = io.out.flush();
            self.written(written);
        }
    }

    fn written(&mut self, written: Result<(), Failure>) {
        if let Err(failure) = written {
            self.closed = true;
            if failure.exit() != Exit::Done {
                self.failure = Some(failure);
            }
        }
    }

    /// Makes the exit code at least as bad.
    pub fn worsen(&mut self, exit: Exit) {
        self.exit = self.exit.worst(exit);
    }

    /// These events stay in the spool. The first time it is said at once, the
    /// rest at the end.
    pub fn kept(&mut self, io: &Io, ids: Vec<String>, why: String, security: bool) {
        let count = ids.len();
        if security {
            self.worsen(Exit::Security);
        }
        self.waiting.extend(ids);
        if self.why.as_ref() == Some(&why) {
            self.kept += count;
            return;
        }
        self.say_kept(io);
        io.warn(&format!("{why}; {} kept in the spool", events(count)));
        if self.why.is_none() {
            io.hint("cooee-pub --flush, or the next run, sends what is kept");
        }
        self.why = Some(why);
    }

    /// A receipt has come for these, perhaps for some that were kept.
    pub fn stored(&mut self, ids: &[String]) {
        if !self.waiting.is_empty() {
            for id in ids {
                self.waiting.remove(id);
            }
        }
    }

    fn say_kept(&mut self, io: &Io) {
        if self.kept > 0 {
            io.warn(&format!("{} kept in the spool since then", events(self.kept)));
            self.kept = 0;
        }
    }

    /// An event was refused. `counts`: it decides how the command ends.
    pub fn refused(&mut self, io: &Io, refused: &Refused, counts: bool) {
        let kept = refused.is_temporary();
        if counts {
            match (kept, refused.is_security()) {
                (true, _) => drop(self.waiting.insert(refused.id.clone())),
                (false, true) => self.worsen(Exit::Security),
                (false, false) => self.worsen(Exit::No),
            }
        }
        let end = if kept { "; it is kept in the spool" } else { "" };
        io.warn(&format!("event {} was refused: {}{end}", refused.id, refused.reason));
        if refused.code == "not_a_member" && !self.hinted {
            io.hint("enrol this host: cooee-key join, then hwprobe --agents | agentid-hash | age-enrol | cooee-pub --wait answered");
            self.hinted = true;
        }
    }

    /// What came of waiting for an answer. Returns an answer that counts.
    pub fn answer(&mut self, io: &mut Io, outcome: Outcome) -> Option<Event> {
        match outcome {
            Outcome::Answered(_, event, answer) => {
                self.line(io, event.wire());
                if let Answer::Refused { security } = answer {
                    self.worsen(if security { Exit::Security } else { Exit::No });
                }
                Some(*event)
            }
            Outcome::Ignored(why) => {
                io.warn(&why);
                None
            }
            Outcome::TimedOut(request) => {
                self.worsen(Exit::Temporary);
                io.warn(&format!("no answer in time to {} {}; it is kept in the spool", request.kind, request.id));
                None
            }
        }
    }

    /// The exit code, or why stdout failed.
    pub fn finish(mut self, io: &mut Io) -> Result<Exit, Failure> {
        if self.waiting.is_empty() {
            // What was kept has been sent since.
            self.kept = 0;
        } else {
            self.worsen(Exit::Temporary);
        }
        self.say_kept(io);
        self.flush(io);
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.exit),
        }
    }
}

fn events(count: usize) -> String {
    if count == 1 { "1 event is".to_owned() } else { format!("{count} events are") }
}
