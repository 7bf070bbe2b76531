//! What is printed, of what is known once all is read.

use crate::people;
use crate::run::Run;
use clap::{ArgGroup, Args};
use cooee::cli::{Exit, Failure, Io};
use cooee::trust::{Agent, Census, Config, Fleet, Period, Standing, Subject, explanation, record};
use std::path::PathBuf;

/// One of these, or the scores.
#[derive(Args)]
#[command(group = ArgGroup::new("view").args(["explain", "at_risk", "report", "table", "html", "prometheus"]).conflicts_with("follow"))]
#[allow(clippy::struct_excessive_bools)] // each is a flag
pub struct View {
    /// Say why the agent has its score; may be repeated
    #[arg(long, value_name = "DID")]
    explain: Vec<String>,
    /// Print only agents that are below the warning threshold, not yet revoked
    #[arg(long)]
    at_risk: bool,
    /// Say how the fleet has fared
    #[arg(long)]
    report: bool,
    /// With --report, over how many days [default: 7]
    #[arg(long, value_name = "N", requires = "report", value_parser = clap::value_parser!(u32).range(1..=36500))]
    days: Option<u32>,
    /// Exit 1 if an agent that is printed is below N (0 to 1000) or revoked
    #[arg(long, value_name = "N", conflicts_with_all = ["at_risk", "report", "html", "prometheus", "follow"], value_parser = clap::value_parser!(u16).range(0..=1000))]
    min: Option<u16>,
    /// Print a table for people
    #[arg(long)]
    table: bool,
    /// Write a page for people
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// With --html, agents that are shown in full [default: 100]
    #[arg(long, value_name = "N", requires = "html", value_parser = clap::value_parser!(u16).range(0..=10_000))]
    html_agents: Option<u16>,
    /// Print metrics for node_exporter's textfile collector
    #[arg(long)]
    prometheus: bool,
}

impl View {
    /// What goes with a view that is not asked for. Where another argument rules
    /// that view out, clap does not say so itself.
    pub fn check(&self) -> Result<(), Failure> {
        needs("--days", self.days.is_some(), "--report", self.report)?;
        needs("--html-agents", self.html_agents.is_some(), "--html", self.html.is_some())
    }

    /// A fleet that keeps the last signals of those agents of which they are shown.
    pub fn fleet(&self) -> Fleet {
        match (self.explain.as_slice(), &self.html) {
            ([], None) => Fleet::default(),
            ([], Some(_)) => Fleet::default().with_recent(),
            (dids, _) => Fleet::default().with_recent_of(dids),
        }
    }

    /// Prints it.
    pub fn print(&self, io: &mut Io, run: &Run, all: bool) -> Result<Exit, Failure> {
        let gate = self.judge(run, all)?;
        match self.show(io, run, all) {
            // Whoever reads only the first lines still gets the gate's answer.
            Err(failure) if gate.least.is_some() && failure.is_closed() => {}
            shown => shown?,
        }
        Ok(gate.end(io))
    }

    /// Whether those that [`View::show`] prints may pass.
    fn judge(&self, run: &Run, all: bool) -> Result<Gate, Failure> {
        let mut gate = Gate { least: self.min, ..Gate::default() };
        if !self.explain.is_empty() {
            for did in &self.explain {
                match run.find(did)? {
                    Some((agent, _)) => gate.take(&run.subject(did, &agent, Vec::new()), &run.config),
                    None => gate.unknown += 1,
                }
            }
            return Ok(gate);
        }
        let mut take = |did: &str, agent: &Agent| {
            gate.take(&run.subject(did, agent, Vec::new()), &run.config);
            Ok(())
        };
        match self.min {
            None => {}
            Some(_) if all || self.table => run.everyone(|did, agent, _| take(did, agent))?,
            Some(_) => run.touched(take)?,
        }
        Ok(gate)
    }

    fn show(&self, io: &mut Io, run: &Run, all: bool) -> Result<(), Failure> {
        if !self.explain.is_empty() {
            explain(io, run, &self.explain)?;
        } else if self.at_risk {
            at_risk(io, run)?;
        } else if self.report {
            report(io, run, self.days.unwrap_or(7))?;
        } else if self.table {
            people::table(io, run)?;
        } else if let Some(path) = &self.html {
            people::page(io, run, path, self.html_agents.unwrap_or(100))?;
        } else if self.prometheus {
            people::exposition(io, run)?;
        } else {
            scores(io, run, all)?;
        }
        io.out.flush()
    }
}

/// Refuses an option that does nothing without the other.
pub fn needs(option: &str, given: bool, other: &str, there: bool) -> Result<(), Failure> {
    if given && !there {
        return Err(Failure::could_not_run(format_args!("{option} needs {other}")));
    }
    Ok(())
}

/// `--min`: whether all that was asked for may pass.
#[derive(Default)]
struct Gate {
    least: Option<u16>,
    unknown: u64,
    passed: u64,
    stopped: u64,
    /// The one with least right to pass: revoked comes before low.
    worst: Option<(bool, u16, String)>,
}

impl Gate {
    /// Judges an agent.
    fn take(&mut self, subject: &Subject<'_>, config: &Config) {
        let Some(least) = self.least else { return };
        let (good, judged) = (subject.standing(config) != Standing::Revoked, subject.judged());
        if good && judged >= least {
            self.passed += 1;
            return;
        }
        self.stopped += 1;
        if self.worst.as_ref().is_none_or(|(so_far, low, _)| (good, judged) < (*so_far, *low)) {
            self.worst = Some((good, judged, subject.did.to_owned()));
        }
    }

    fn end(self, io: &Io) -> Exit {
        let others = if self.stopped > 1 { format!("; {} agents do not pass", self.stopped) } else { String::new() };
        match (self.least, &self.worst) {
            (Some(_), Some((false, judged, did))) => io.warn(&format!("{did} is revoked, and has {judged}{others}")),
            (Some(least), Some((true, judged, did))) => io.warn(&format!("{did} has {judged}, below {least}{others}")),
            (Some(_), None) if self.passed + self.unknown == 0 => {
                io.warn("--min: there is no agent that could pass");
            }
            _ if self.unknown > 0 => (),
            _ => return Exit::Done,
        }
        Exit::No
    }
}

fn scores(io: &mut Io, run: &Run, all: bool) -> Result<(), Failure> {
    let mut line = |did: &str, agent: &Agent| score(io, run, did, agent);
    if all { run.everyone(|did, agent, _| line(did, agent)) } else { run.touched(line) }
}

fn score(io: &mut Io, run: &Run, did: &str, agent: &Agent) -> Result<(), Failure> {
    record::score(io.out.buffer(), did, agent, &run.config, run.now, |out| {
        run.beyond.write(out, did, agent, run.now, &run.config);
    });
    end_line(io)
}

fn end_line(io: &mut Io) -> Result<(), Failure> {
    io.out.buffer().push(b'\n');
    io.out.spill()
}

fn explain(io: &mut Io, run: &Run, dids: &[String]) -> Result<(), Failure> {
    for did in dids {
        let Some((agent, recent)) = run.find(did)? else {
            io.out.flush()?;
            io.warn(&format!("{did} is not known"));
            continue;
        };
        let subject = run.subject(did, &agent, recent.iter().collect());
        explanation(io.out.buffer(), &subject, &run.config, run.now, |out| {
            run.beyond.write(out, did, &agent, run.now, &run.config);
        });
        end_line(io)?;
    }
    Ok(())
}

fn at_risk(io: &mut Io, run: &Run) -> Result<(), Failure> {
    run.everyone(|did, agent, _| {
        let at_risk = run.subject(did, agent, Vec::new()).standing(&run.config) == Standing::AtRisk;
        if at_risk { score(io, run, did, agent) } else { Ok(()) }
    })
}

fn report(io: &mut Io, run: &Run, days: u32) -> Result<(), Failure> {
    let (period, mut census) = (Period { days, as_of: run.now }, Census::default());
    run.everyone(|did, agent, _| {
        census.take(&run.subject(did, agent, Vec::new()), &run.config);
        Ok(())
    })?;
    period.summary(io.out.buffer(), census);
    end_line(io)?;
    run.everyone(|did, agent, _| {
        if period.agent(io.out.buffer(), &run.subject(did, agent, Vec::new())) { end_line(io) } else { Ok(()) }
    })
}
