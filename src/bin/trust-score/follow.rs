//! `--follow`: stays in the pipe. A line for every change of a score; ticks by
//! the signals' own time, and by the clock when nothing comes.

use crate::desk::{Desk, Verdict};
use crate::intake;
use crate::keeper::{Keeper, Standing};
use crate::revoked;
use crate::settings::Tuning;
use cooee::cli::{Arrival, Arrivals, Exit, Failure, Io, Line, Reject};
use cooee::trust::read::AHEAD_MS;
use cooee::trust::{Beyond, Config, Fleet, Handle, Signal, record};
use std::time::{Duration, Instant};

/// The history holds no more ticks.
const TICKS: i64 = 100;

/// One recalculation that may be worth a line.
pub struct Change<'f> {
    pub fleet: &'f Fleet,
    pub handle: Handle,
    /// What the agent was before.
    pub before: Standing,
    /// The recalculation's time, in milliseconds since 1970.
    pub at: i64,
    pub config: &'f Config,
}

/// What is said of a change.
pub struct Say {
    pub beyond: Beyond,
    /// Nothing but revocations.
    pub revocations: bool,
    /// There is a state.
    pub kept: bool,
}

impl Say {
    /// Writes what there is to say, with its line's end: a `score` record where
    /// total or revocation changed, or are the first; or the draft of a
    /// revocation.
    fn say(&self, change: &Change<'_>, out: &mut Vec<u8>) {
        let (did, agent) = (change.fleet.name(change.handle), change.fleet.agent(change.handle));
        if self.revocations {
            // Those of a state are said from there, once they are kept.
            let new = !change.before.revoked() && !self.kept;
            let Some(revocation) = agent.revocation().filter(|_| new) else { return };
            revoked::draft(out, did, &revocation);
        } else if Standing::of(agent) == change.before {
            return;
        } else {
            record::score(out, did, agent, change.config, change.at, |out| {
                self.beyond.write(out, did, agent, change.at, change.config);
            });
        }
        out.push(b'\n');
    }
}

/// Takes stdin until it ends or a signal says so. Without a state, no line at
/// all is exit 2: the stage before this one has failed.
pub fn run(io: &mut Io, desk: Desk, keeper: Keeper, tuning: Tuning, say: Say) -> Result<Exit, Failure> {
    let mut arrivals = io.arrivals()?;
    let kept = keeper.is_kept();
    let mut follow = Follow {
        keeper,
        interval_ms: tuning.interval_ms(),
        config: tuning.config.clone(),
        tuning,
        time: None,
        next_tick: i64::MAX,
        due: None,
        said: Vec::new(),
        say,
    };
    let mut desk = desk;
    follow.say_owed(io)?;
    loop {
        follow.retune(io, &arrivals)?;
        follow.tick_if_due(io, &arrivals)?;
        let wake = follow.due.into_iter().chain(follow.tuning.due()).min();
        let most = wake.map(|wake| wake.saturating_duration_since(Instant::now()));
        match arrivals.next(most)? {
            Arrival::Lines(lines) => follow.lines(io, &arrivals, &mut desk, &lines)?,
            Arrival::Quiet => {}
            Arrival::End => {
                if let Some(time) = follow.time {
                    follow.tick_alone(io, &arrivals, time)?;
                }
                if desk.taken.lines() == 0 && !kept && !arrivals.asked_to_end() {
                    return Err(intake::none());
                }
                return Ok(desk.taken.end(io));
            }
        }
    }
}

struct Follow {
    keeper: Keeper,
    config: Config,
    /// Where the configuration comes from.
    tuning: Tuning,
    interval_ms: i64,
    /// The newest of the signals' times and the ticks', in milliseconds since 1970.
    time: Option<i64>,
    /// The next multiple of the interval.
    next_tick: i64,
    /// When the clock ticks if the signals' time does not.
    due: Option<Instant>,
    /// What is printed once it is kept.
    said: Vec<u8>,
    say: Say,
}

impl Follow {
    fn lines(&mut self, io: &mut Io, arrivals: &Arrivals, desk: &mut Desk, lines: &[Line]) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        self.begin(io, arrivals)?;
        let clock = crate::clock();
        let mut stop = Ok(());
        for (number, line) in lines {
            stop = desk.line(io, *number, line.as_deref(), |signal| self.signal(signal, clock));
            if stop.is_err() {
                break;
            }
        }
        // With --strict too: what came before the bad line counts.
        self.end(io, clock)?;
        stop
    }

    fn signal(&mut self, signal: &Signal<'_>, clock: i64) -> Result<Verdict, Failure> {
        let at = signal.at.unwrap_or(clock);
        // It would drive the ticks there.
        if at > clock.saturating_add(AHEAD_MS) {
            return Ok(Verdict::Refused(Reject::new("\"timestamp\" is over an hour ahead of the clock")));
        }
        self.advance(at);
        let Some(taken) = self.keeper.take(signal, at, &self.config)? else { return Ok(Verdict::Repeated) };
        if taken.immediate {
            let change = Change {
                fleet: &self.keeper.fleet,
                handle: taken.handle,
                before: taken.before,
                at,
                config: &self.config,
            };
            self.say.say(&change, &mut self.said);
        }
        Ok(Verdict::Counted)
    }

    /// It is that late: ticks that are due come first.
    fn advance(&mut self, at: i64) {
        if self.time.is_none() {
            self.next_tick = self.behind(at);
        }
        if at >= self.next_tick {
            self.tick(self.next_tick);
            let last = self.behind(at) - self.interval_ms;
            self.next_tick = self.next_tick.max(last - (TICKS - 1) * self.interval_ms);
            while self.next_tick <= last {
                self.tick(self.next_tick);
            }
        }
        self.time = self.time.max(Some(at));
    }

    /// The first tick after that time.
    fn behind(&self, at: i64) -> i64 {
        (at.div_euclid(self.interval_ms) + 1) * self.interval_ms
    }

    fn tick(&mut self, at: i64) {
        let (config, said, say) = (&self.config, &mut self.said, &self.say);
        self.keeper.tick(at, config, |fleet, handle, before| {
            say.say(&Change { fleet, handle, before, at, config }, said);
        });
        self.next_tick = self.next_tick.max(at + 1).max(self.behind(at));
        self.time = self.time.max(Some(at));
        self.due = None;
    }

    /// Takes up a configuration that has changed: every agent may have another
    /// total then, at the next tick.
    fn retune(&mut self, io: &mut Io, arrivals: &Arrivals) -> Result<(), Failure> {
        if !self.tuning.reload(io) {
            return Ok(());
        }
        self.begin(io, arrivals)?;
        self.keeper.reconfigure(&self.config);
        self.config = self.tuning.config.clone();
        self.interval_ms = self.tuning.interval_ms();
        if let Some(time) = self.time {
            self.next_tick = self.behind(time);
        }
        self.end(io, crate::clock())
    }

    /// As far as the signals say it is not that late yet; but a score waits no
    /// longer, also where lines never stop to come.
    fn tick_if_due(&mut self, io: &mut Io, arrivals: &Arrivals) -> Result<(), Failure> {
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.tick_alone(io, arrivals, self.next_tick)?;
        }
        Ok(())
    }

    /// A tick without a signal, where something waits for it.
    fn tick_alone(&mut self, io: &mut Io, arrivals: &Arrivals, at: i64) -> Result<(), Failure> {
        self.due = None;
        if !self.keeper.is_pending() {
            return Ok(());
        }
        self.begin(io, arrivals)?;
        self.tick(at);
        self.end(io, crate::clock())
    }

    /// Another command's turn at the state passes; what has come waits for it.
    fn begin(&mut self, io: &Io, arrivals: &Arrivals) -> Result<(), Failure> {
        let mut said = false;
        loop {
            match self.keeper.begin() {
                Err(error) if error.is_temporary() && !arrivals.asked_to_end() => {
                    if !said {
                        io.warn(&format!("{error}; still trying"));
                    }
                    said = true;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Says the revocations that are kept and were not said: those of now, and
    /// those that a crash kept from being said.
    fn say_owed(&mut self, io: &mut Io) -> Result<(), Failure> {
        if self.say.revocations && self.say.kept {
            let owed = self.keeper.owed()?;
            revoked::print(&mut io.out, &owed)?;
            io.out.flush()?;
            self.keeper.paid(&owed)?;
        }
        Ok(())
    }

    /// Keeps first, then says.
    fn end(&mut self, io: &mut Io, clock: i64) -> Result<(), Failure> {
        self.keeper.commit()?;
        io.out.bytes(&self.said)?;
        self.said.clear();
        self.say_owed(io)?;
        io.out.flush()?;
        if self.due.is_none() && self.keeper.is_pending() {
            // With the grid where the signals are of now, else a little under
            // one interval from now.
            let left = self.next_tick.saturating_sub(clock);
            let wait = if (1..=self.interval_ms).contains(&left) { left } else { self.interval_ms * 9 / 10 };
            self.due = Some(Instant::now() + Duration::from_millis(wait.unsigned_abs()));
        }
        Ok(())
    }
}
