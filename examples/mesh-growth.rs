//! How gossip fares as a fleet grows, on simulated nodes:
//! `cargo run --release --features simulation --example mesh-growth -- [NODES...]`.
//!
//! For each number of nodes one line: connections of a node; links that an
//! event came over, the median and the most; copies of it that a node got, the
//! mean and the most; gossip messages sent for it; virtual time until the last
//! node had it on disk, with links of 10 to 30 ms; memory and real time that
//! the simulation took so far (sizes are best given in rising order).

use cooee::mesh::simulation::grow;
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let sizes = if sizes.is_empty() { vec![10, 100, 1_000, 10_000] } else { sizes };
    let mut out = std::io::stdout().lock();
    let head = ["nodes", "peers", "hops", "most", "copies", "most", "messages", "to all", "memory", "a node", "took"];
    let line = |cells: &[String]| cells.iter().map(|cell| format!("{cell:>10}")).collect::<String>();
    writeln!(out, "{}", line(&head.map(str::to_owned)))?;
    for nodes in sizes {
        let began = Instant::now();
        let growth = grow(nodes, SEED, if nodes > 1_000 { 5 } else { 20 });
        let bytes = peak_bytes()?;
        let cells = [
            nodes.to_string(),
            format!("{:.1}", growth.connections),
            growth.hops_median.to_string(),
            growth.hops_max.to_string(),
            format!("{:.2}", growth.copies_mean),
            growth.copies_max.to_string(),
            format!("{:.0}", growth.messages),
            format!("{} ms", growth.to_all_ms),
            format!("{} MiB", bytes >> 20),
            format!("{} KiB", (bytes / nodes as u64) >> 10),
            format!("{:.1} s", began.elapsed().as_secs_f64()),
        ];
        writeln!(out, "{}", line(&cells))?;
        if growth.missed > 0 {
            return Err(format!("gossip did not reach {} nodes", growth.missed).into());
        }
    }
    Ok(())
}

/// The most memory that this process has held.
fn peak_bytes() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
