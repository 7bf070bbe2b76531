//! The whole of a probe: everything that may take long is asked first, all at
//! once, and answered before one deadline.
//!
//! Must not know records.

use super::child::Question;
use super::gpu::{self, Gpus};
use super::host::{Basics, basics};
use super::mac::Mac;
use super::models::{Model, declared};
use super::network::{Network, network};
use super::pci::{self, Vendor};
use super::server::{self, Address, Server, ServerKind};
use super::tree::Tree;
use super::{Found, macos, nvml};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// What to probe.
#[derive(Clone, Debug)]
pub struct Options {
    /// `/`, or a folder with a copy of a machine's `/sys`, `/proc` and `/etc`.
    /// Of a copy nothing is asked but what is named here.
    pub root: PathBuf,
    /// Ollama servers; the default ones if empty.
    pub ollama: Vec<Address>,
    /// OpenAI-style servers; the default ones if empty.
    pub openai: Vec<Address>,
    /// Models that no server lists.
    pub declared: Vec<String>,
    /// The program that answers for NVML: this one.
    pub program: PathBuf,
    /// NVML's file, if the loader does not find it.
    pub nvml: Option<PathBuf>,
    /// For all answers together.
    pub timeout: Duration,
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Host {
    pub(super) basics: Basics,
    pub(super) network: Found<Network>,
    pub(super) gpus: Gpus,
    /// Why the list of GPUs is empty.
    pub(super) no_gpus: String,
    pub(super) servers: Vec<Server>,
    /// All models: of the servers in their order, then the declared ones.
    pub(super) models: Vec<Model>,
}

impl Host {
    /// Twelve hex digits, or why there are none.
    pub fn mac(&self) -> Found<String> {
        self.network.as_ref().map(|network| network.mac.to_string()).map_err(Clone::clone)
    }
}

/// Probes. Takes at most the timeout and what reading files takes.
pub fn probe(options: &Options) -> Host {
    let deadline = Instant::now() + options.timeout;
    let tree = Tree::new(&options.root);
    let servers = Servers::ask(options, tree.is_this_machine(), deadline);
    let host = if tree.is_this_machine() && cfg!(target_os = "macos") {
        of_macos(&tree, deadline)
    } else {
        of_linux(&tree, options, deadline)
    };
    let servers = servers.answers(deadline);
    let mut models: Vec<Model> = Vec::new();
    let listed = servers.iter().filter_map(|server| server.answer.as_ref().ok()).flat_map(|list| &list.models);
    for model in listed.cloned().chain(options.declared.iter().map(|name| declared(name))) {
        // Two servers may offer one model; an agent is named by the model's name.
        if !models.iter().any(|known| known.name.to_lowercase() == model.name.to_lowercase()) {
            models.push(model);
        }
    }
    Host { servers, models, ..host }
}

fn of_linux(tree: &Tree, options: &Options, deadline: Instant) -> Host {
    let cards = pci::cards(tree);
    let listed = cards.as_deref().unwrap_or_default();
    // Loading the library wakes the driver, so only where there is one.
    let here = tree.is_this_machine()
        && (listed.iter().any(|card| card.vendor == Vendor::Nvidia)
            || tree.exists("/proc/driver/nvidia")
            || tree.exists("/dev/dxg"));
    let source = nvml::Source { program: options.program.clone(), library: options.nvml.clone() };
    let question = (here || options.nvml.is_some()).then(|| source.ask());
    let basics = basics(tree);
    let network = network(tree, |interface| permanent_address(tree, interface));
    let report = question.map(|question| nvml::report(question, deadline));
    let mut no_gpus = match &cards {
        Ok(_) => format!("no NVIDIA, AMD or Intel GPU in {}", pci::FOLDER),
        Err(reason) => reason.clone(),
    };
    if let Some(Err(silence)) = &report {
        no_gpus = format!("{no_gpus}; {}", gpu::said(silence));
    }
    let gpus = gpu::gpus(tree, listed, report);
    Host { basics, network, gpus, no_gpus, servers: Vec::new(), models: Vec::new() }
}

/// What the kernel says beyond its files; of a copied tree it knows nothing.
#[cfg(target_os = "linux")]
fn permanent_address(tree: &Tree, interface: &str) -> Option<Mac> {
    let index = tree.number(&format!("/sys/class/net/{interface}/ifindex")).ok().filter(|_| tree.is_this_machine())?;
    super::netlink::permanent_address(u32::try_from(index).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn permanent_address(_: &Tree, _: &str) -> Option<Mac> {
    None
}

fn of_macos(tree: &Tree, deadline: Instant) -> Host {
    let question = Question::ask(&mut macos::command());
    let mut basics = basics(tree);
    let profile = macos::profile(question, deadline);
    basics.machine_id = profile.machine_id;
    let gpus = Gpus { list: profile.gpus, left_out: Vec::new() };
    Host { basics, network: profile.network, gpus, no_gpus: profile.no_gpus, servers: Vec::new(), models: Vec::new() }
}

/// Servers that are being asked.
struct Servers {
    /// What is known so far: refused, or not answered in time.
    known: Vec<Server>,
    waiting: usize,
    answers: mpsc::Receiver<(usize, Found<super::models::List>)>,
}

impl Servers {
    fn ask(options: &Options, with_defaults: bool, deadline: Instant) -> Self {
        let (sender, answers) = mpsc::channel();
        let mut servers = Self { known: Vec::new(), waiting: 0, answers };
        for (kind, given) in [(ServerKind::Ollama, &options.ollama), (ServerKind::OpenAi, &options.openai)] {
            let defaults = kind.defaults().iter().filter(|_| with_defaults && given.is_empty());
            let defaults = defaults.map(|url| url.parse().expect("the defaults are addresses"));
            for address in given.iter().cloned().chain(defaults) {
                let reason = if address.is_refused() { server::REFUSED } else { server::TOO_LATE };
                let index = servers.known.len();
                servers.known.push(Server { kind, url: address.to_string(), answer: Err(reason.to_owned()) });
                if reason == server::REFUSED {
                    continue;
                }
                servers.waiting += 1;
                let sender = sender.clone();
                thread::spawn(move || {
                    // Nobody waits any more when time is up.
                    let _ = sender.send((index, server::ask(kind, &address, deadline)));
                });
            }
        }
        servers
    }

    fn answers(mut self, deadline: Instant) -> Vec<Server> {
        for _ in 0..self.waiting {
            // Threads end at the deadline themselves; a name that is looked up
            // for longer is not waited for.
            let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(50);
            let Ok((index, answer)) = self.answers.recv_timeout(left) else { break };
            self.known[index].answer = answer;
        }
        self.known
    }
}
