//! `--partial` and `--merge`: what one process knows, for another to go on from.

use crate::keeping::Plan;
use crate::run::Run;
use cooee::cli::{Exit, Failure, Io, Reject};
use cooee::jsonl::Scanner;
use cooee::trust::partial::{self, Partial};
use cooee::trust::{Beyond, Config, Fleet, Heard};

/// Every agent whole, sorted by DID, each followed by what was said of its
/// collaboration. Its last recalculation is left to whoever merges, for only
/// there the newest signal is known.
pub fn print(io: &mut Io, fleet: &Fleet) -> Result<(), Failure> {
    let mut heard: Vec<Heard<'_>> = fleet.heard().collect();
    heard.sort_unstable_by(|a, b| (a.agent, a.speaker).cmp(&(b.agent, b.speaker)));
    let mut heard = heard.into_iter().peekable();
    for handle in fleet.sorted() {
        let did = fleet.name(handle);
        partial::write_agent(io.out.buffer(), did, fleet.agent(handle), fleet.recent(handle));
        io.out.buffer().push(b'\n');
        io.out.spill()?;
        while let Some(words) = heard.next_if(|words| words.agent == did) {
            partial::write_heard(io.out.buffer(), words.speaker, words.agent, words.said);
            io.out.buffer().push(b'\n');
            io.out.spill()?;
        }
    }
    Ok(())
}

/// Puts together what several processes have printed, and, where it is not to be
/// handed on again, recalculates every agent at the time of the newest signal
/// among all.
pub fn merge(io: &mut Io, mut fleet: Fleet, config: Config, plan: &Plan) -> Result<(Run, Exit), Failure> {
    let (mut scanner, mut newest) = (Scanner::default(), None);
    let clock = crate::clock();
    let input = io.stdin()?;
    let tally = io.filter(input, plan.strict, |line, _| {
        match partial::read(line, &mut scanner).map_err(Reject::new)? {
            Partial::Agent(whole) => {
                if fleet.find(&whole.did).is_some() {
                    return Err(Reject::new(format_args!("{} is in a part before this one", whole.did))
                        .hint("shard by agent: all signals of one agent go to one process"));
                }
                newest = newest.max(whole.agent.last_signal());
                let handle = fleet.put(&whole.did, whole.agent);
                for shown in whole.recent {
                    fleet.remember(handle, shown);
                }
            }
            Partial::Heard { speaker, agent, said } => {
                let handle = fleet.find(&agent).ok_or_else(|| {
                    Reject::new(format_args!("{agent} is not known")).hint("an agent's own record comes before these")
                })?;
                if !fleet.put_heard(handle, &speaker, said) {
                    return Err(Reject::new(format_args!(
                        "what {speaker} says of {agent} is in a part before this one"
                    )));
                }
            }
        }
        Ok(())
    })?;
    let now = newest.unwrap_or(clock);
    if plan.ticks {
        fleet.tick(now, &config);
    }
    Ok((Run { fleet, store: None, config, beyond: Beyond::default(), now }, tally.exit()))
}
