"""The mesh promise of scripts/chaos: a fleet of real nodes, each in a network
namespace of its own, joined by two bridges with one cable between them. Needs
root; nothing outside the namespaces is touched, and they go with the script."""

import json
import os
import selectors
import shutil
import signal
import statistics
import subprocess
import time

from promise import PATIENCE_S, holds, run

PREFIX = "cooee-chaos"
EVERYTHING = "ucxl://any:any@any:any"
ADDRESS = "ucxl://any:chaos@COOEE:mesh/#"
ENROL = "ucxl://any:admin@COOEE:enrol/#/agentid/*"
# Other nodes that a node is told of.
PEERS = 4
# What the issue promises.
TO_ALL_S, WHOLE_S = 0.1, 5.0


class Network:
    """Namespaces; the first half hangs on one bridge, the others on another."""

    def __init__(self):
        self.names = []
        self.hub, self.nodes = None, []

    def build(self, count):
        self.sweep()
        self.hub = self.space("hub")
        for side in "ab":
            self.inside(self.hub, "link", "add", "name", f"side-{side}", "up", "type", "bridge")
        self.inside(self.hub, "link", "add", "name", "cable-a", "type", "veth", "peer", "name", "cable-b")
        for side in "ab":
            self.inside(self.hub, "link", "set", f"cable-{side}", "master", f"side-{side}", "up")
        self.nodes = [self.space(f"{number}") for number in range(count)]
        for number, name in enumerate(self.nodes):
            side = "a" if number < (count + 1) // 2 else "b"
            self.inside(self.hub, "link", "add", "name", f"port-{number}", "type", "veth",
                        "peer", "name", "net0", "netns", name)
            self.inside(self.hub, "link", "set", f"port-{number}", "master", f"side-{side}", "up")
            self.inside(name, "address", "add", f"{self.address(number)}/16", "dev", "net0")
            self.inside(name, "link", "set", "lo", "up")
            self.inside(name, "link", "set", "net0", "up")

    @staticmethod
    def sweep():
        """Takes away the namespaces of a run that was killed, and who is in them."""
        for line in run(["ip", "netns", "list"]).stdout.splitlines():
            name = line.split()[0]
            pid = name.removeprefix(f"{PREFIX}-").split("-")[0]
            if not name.startswith(f"{PREFIX}-") or os.path.exists(f"/proc/{pid}"):
                continue
            for left in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split():
                try:
                    os.kill(int(left), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)

    @staticmethod
    def address(number):
        return f"10.77.{number // 250}.{number % 250 + 1}"

    def space(self, name):
        name = f"{PREFIX}-{os.getpid()}-{name}"
        run(["ip", "netns", "add", name])
        self.names.append(name)
        return name

    @staticmethod
    def inside(space, *argv):
        run(["ip", "-n", space, *argv])

    def cable(self, state):
        self.inside(self.hub, "link", "set", "cable-a", state)

    def close(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class Host:
    """One machine: its folder, its node, and somebody who listens there."""

    def __init__(self, fleet, number):
        self.fleet, self.number = fleet, number
        self.folder = os.path.join(fleet.work, f"n{number}")
        self.node = self.listener = None
        # Whom it is told of, besides the Leader's node.
        self.peers = []
        # When each id was first handed out by a listener, and how often.
        self.seen, self.rest = {}, b""
        self.twice = 0

    def start(self):
        peers = [host.listens() for host in self.peers]
        socket = os.path.join(self.folder, "node.sock")
        if os.path.exists(socket):
            os.remove(socket)
        listen = f"/ip4/{Network.address(self.number)}/tcp/4001"
        self.node = subprocess.Popen(
            ["ip", "netns", "exec", self.fleet.network.nodes[self.number],
             "cooee-sub", "--serve", "--dir", self.folder, "--listen", listen,
             *(word for peer in peers for word in ("--peer", peer))],
            stdin=subprocess.DEVNULL, stderr=self.fleet.said,
        )

    def ready(self):
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(os.path.join(self.folder, "node.sock")):
            holds(self.node.poll() is None, f"node {self.number} ended: {self.node.returncode}")
            holds(time.monotonic() < end, f"node {self.number} is not ready")
            time.sleep(0.01)

    def listens(self):
        """The address under its name, which it keeps."""
        with open(os.path.join(self.folder, "listen")) as file:
            return next(line.strip() for line in file if "10.77." in line)

    def listen(self):
        self.listener = subprocess.Popen(
            ["cooee-sub", "--dir", self.folder, "--type", "note", EVERYTHING],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        os.set_blocking(self.listener.stdout.fileno(), False)
        self.fleet.selector.register(self.listener.stdout, selectors.EVENT_READ, self)

    def hear(self):
        data = self.listener.stdout.read()
        if not data:
            self.fleet.selector.unregister(self.listener.stdout)
            return
        now = time.monotonic()
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if not line:
                continue
            found = json.loads(line)["id"]
            self.twice += found in self.seen
            self.seen.setdefault(found, now)

    def kill(self):
        self.node.kill()
        self.node.wait()

    def stored(self):
        lines = run(["cooee-sub", "--no-follow", "--dir", self.folder, "--type", "note", EVERYTHING]).stdout
        ids = [json.loads(line)["id"] for line in lines.splitlines()]
        holds(len(set(ids)) == len(ids), f"node {self.number} handed an event out twice")
        return set(ids)


class Fleet:
    def __init__(self, work, count, network, choice):
        self.work, self.network = work, network
        self.selector = selectors.DefaultSelector()
        self.said = open(os.path.join(work, "said"), "wb")
        self.hosts = [Host(self, number) for number in range(count)]
        for host in self.hosts[2:]:
            earlier = self.hosts[1:host.number]
            host.peers = choice.sample(earlier, min(PEERS, len(earlier)))
        self.pipe = None

    def found(self):
        leader = self.hosts[0]
        run(["cooee-key", "found", "--dir", leader.folder])
        leader.start()
        leader.ready()
        pipe = (f"cooee-sub --dir $0 --unanswered '{ENROL}' | age-enrol --dir $0 --open |"
                " agentid-register --dir $0 | cooee-pub --dir $0 >/dev/null")
        self.pipe = subprocess.Popen(["sh", "-c", pipe, leader.folder], stdin=subprocess.DEVNULL,
                                     stderr=self.said, start_new_session=True)
        for host in self.hosts[1:]:
            string = run(["cooee-key", "invite", "--dir", leader.folder]).stdout
            run(["cooee-key", "join", "--dir", host.folder, "-"], string)
            host.start()
            host.ready()
        requests = []
        for host in self.hosts[1:]:
            agent = {"type": "agent", "v": 1, "gpu_id": "none", "gpu_slot": 0, "hostname": f"chaos-{host.number}",
                     "mac": f"0c42a1b2{host.number:04x}", "model": "chaos"}
            hashed = run(["agentid-hash"], json.dumps(agent) + "\n").stdout
            sealed = run(["age-enrol", "--dir", host.folder], hashed).stdout
            requests.append(subprocess.Popen(
                ["cooee-pub", "--dir", host.folder, "--wait", "answered", "--timeout", f"{PATIENCE_S}s"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.said, text=True))
            requests[-1].stdin.write(sealed)
            requests[-1].stdin.close()
        for host, request in zip(self.hosts[1:], requests):
            holds(request.wait(2 * PATIENCE_S) == 0, f"host {host.number} was not enrolled")
        for host in self.hosts:
            host.listen()

    def hear(self, seconds, until=lambda: False):
        """Listens to all; true as soon as `until` is."""
        end = time.monotonic() + seconds
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self.selector.select(min(left, 0.05)):
                key.data.hear()
        return True

    def publish(self, host, lines):
        """A cooee-pub, which prints its receipt."""
        publisher = subprocess.Popen(["cooee-pub", "--dir", host.folder, ADDRESS], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=self.said)
        publisher.stdin.write("".join(f"{line}\n" for line in lines).encode())
        publisher.stdin.close()
        return publisher

    def close(self):
        for host in self.hosts:
            for process in (host.node, host.listener):
                if process and process.poll() is None:
                    process.kill()
                    process.wait()
        if self.pipe and self.pipe.poll() is None:
            os.killpg(self.pipe.pid, signal.SIGKILL)
            self.pipe.wait()


def receipted(publisher):
    """The ids that a cooee-pub was given receipts for."""
    out = publisher.stdout.read().decode()
    publisher.wait(PATIENCE_S)
    return [found for line in out.splitlines() for found in json.loads(line).get("ids", [])]


def lacking(hosts, ids):
    """How many of these each host's listener has not handed out, at most."""
    return max(sum(1 for found in ids if found not in host.seen) for host in hosts)


def to_all(fleet, rounds, choice):
    """Seconds from the start of a cooee-pub until every listener has it."""
    times, singles = [], []
    for number in range(rounds):
        host = choice.choice(fleet.hosts[1:])
        before = [len(other.seen) for other in fleet.hosts]
        began = time.monotonic()
        publisher = fleet.publish(host, [f"round {number}"])
        arrived = lambda: all(len(other.seen) > count for other, count in zip(fleet.hosts, before))
        holds(fleet.hear(PATIENCE_S, arrived), f"round {number}: not everybody heard it")
        ids = receipted(publisher)
        holds(len(ids) == 1, f"round {number}: no receipt")
        arrivals = [other.seen[ids[0]] - began for other in fleet.hosts]
        times.append(max(arrivals))
        singles += arrivals
    return times, singles


def flow(fleet, events, kills, choice):
    """Kills nodes with SIGKILL while events flow from two others."""
    sources = [fleet.hosts[1], fleet.hosts[-1]]
    victims = choice.sample(fleet.hosts[2:-1], kills)
    survivors = [host for host in fleet.hosts if host not in victims]
    for host in fleet.hosts:
        host.seen.clear()
        host.twice = 0
    publishers, chunks = [], 40
    each = events // (chunks * len(sources))
    killed = 0
    for chunk in range(chunks):
        for host in sources:
            publishers.append(fleet.publish(host, [f"{host.number}/{chunk}/{line} " + "x" * 200 for line in range(each)]))
        while killed < kills * (chunk + 1) // chunks:
            victims[killed].kill()
            killed += 1
        fleet.hear(0.02)
    ids = []
    while publishers:
        ended = [publisher for publisher in publishers if publisher.poll() is not None]
        publishers = [publisher for publisher in publishers if publisher not in ended]
        for publisher in ended:
            ids += receipted(publisher)
            holds(publisher.returncode == 0, f"a cooee-pub ended with {publisher.returncode}")
        fleet.hear(0.02)
    began = time.monotonic()
    holds(len(set(ids)) == each * chunks * len(sources), f"{len(set(ids))} receipts")
    whole = fleet.hear(PATIENCE_S, lambda: all(len(host.seen) >= len(ids) for host in survivors))
    survivors_s = time.monotonic() - began
    holds(whole, f"a survivor lacks {lacking(survivors, ids)} after {PATIENCE_S} s")
    for host in victims:
        host.start()
    began = time.monotonic()
    wanted, late = set(ids), list(victims)
    for host in victims:
        host.ready()
    while late:
        late = [host for host in late if not wanted <= host.stored()]
        holds(time.monotonic() - began < 2 * PATIENCE_S, f"node {late[:1]} is not whole again")
        fleet.hear(0.2)
    victims_s = time.monotonic() - began
    for host in fleet.hosts:
        holds(host.twice == 0, f"node {host.number} handed {host.twice} out twice")
        host.stored()
    for host in victims:
        # It ended with its node, once what it had to say was read.
        fleet.hear(PATIENCE_S, lambda host=host: host.listener.poll() is not None)
        host.seen.clear()
        host.rest = b""
        host.listen()
    return len(ids), survivors_s, victims_s


def partition(fleet, seconds, each):
    """Parts the network; seconds from mending it, and from the first contact,
    until both sides hold the same."""
    half = (len(fleet.hosts) + 1) // 2
    sides = fleet.hosts[:half], fleet.hosts[half:]
    fleet.hear(1)
    for host in fleet.hosts:
        host.seen.clear()
    fleet.network.cable("down")
    ids = ([], [])
    steps = 10
    for step in range(steps):
        for side, said in zip(sides, ids):
            # The Leader's own host is no member.
            speaker = side[step % (len(side) - 1) + 1]
            publisher = fleet.publish(speaker, [f"{step}/{line}" for line in range(each // steps)])
            said += receipted(publisher)
        fleet.hear(seconds / steps)
    for side, own, other in zip(sides, ids, reversed(ids)):
        apart = fleet.hear(PATIENCE_S, lambda side=side, own=own: lacking(side, own) == 0)
        holds(apart, f"a node lacks {lacking(side, own)} of its own side's events")
        holds(lacking(side, other) == len(other), "the sides were not apart")
    fleet.network.cable("up")
    mended = time.monotonic()
    everything = ids[0] + ids[1]
    whole = fleet.hear(4 * PATIENCE_S, lambda: all(len(host.seen) >= len(everything) for host in fleet.hosts))
    holds(whole, f"a node lacks {lacking(fleet.hosts, everything)} events long after the network was mended")
    equal = time.monotonic()
    logs = [host.stored() for host in fleet.hosts]
    holds(all(log == logs[0] for log in logs), "the logs differ")
    crossed = [host.seen[found] for side, other in zip(sides, reversed(ids)) for host in side for found in other]
    return len(everything), equal - mended, max(crossed) - min(crossed)


def mesh(work, choice, small):
    holds(os.geteuid() == 0, "the mesh needs root, for network namespaces")
    holds(shutil.which("ip"), "the mesh needs ip, of the package iproute2")
    count, rounds, events, kills, apart_s, each = (6, 5, 400, 2, 4, 40) if small else (30, 40, 10_000, 10, 60, 500)
    fleet = None
    network = Network()
    try:
        network.build(count)
        fleet = Fleet(work, count, network, choice)
        began = time.monotonic()
        fleet.found()

        def tell(line):
            print(f"  {line}", flush=True)

        tell(f"{count} nodes enrolled through the pipe in {time.monotonic() - began:.1f} s")
        fleet.hear(3)
        to_all(fleet, 2, choice)
        times, singles = to_all(fleet, rounds, choice)
        middle = statistics.median(times)
        tell(f"cooee-pub to the listeners of all {count}: median {middle * 1e3:.0f} ms, most"
                     f" {max(times) * 1e3:.0f} ms; to one: median {statistics.median(singles) * 1e3:.0f} ms")
        said, survivors_s, victims_s = flow(fleet, events, kills, choice)
        tell(f"{said} events while {kills} were killed: none lost, none twice; survivors whole"
                     f" {survivors_s:.1f} s after the last receipt, the killed {victims_s:.1f} s after their start")
        said, mended_s, contact_s = partition(fleet, apart_s, each)
        tell(f"parted for {apart_s} s, {said} events: equal {contact_s:.1f} s after the first contact,"
                     f" {mended_s:.1f} s after the network was mended")
        slow = []
        if not small:
            slow += [f"to all {middle * 1e3:.0f} ms"] * (middle > TO_ALL_S)
            slow += [f"survivors {survivors_s:.1f} s"] * (survivors_s > WHOLE_S)
            slow += [f"contact {contact_s:.1f} s"] * (contact_s > WHOLE_S)
        holds(not slow, "too slow: " + ", ".join(slow))
        return f"{count} nodes"
    finally:
        if fleet:
            fleet.close()
        network.close()
