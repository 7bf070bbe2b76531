"""The section "mesh" of scripts/bench: how gossip grows, from node to node
beside two mosquitto brokers with a bridge (which sign and fsync nothing), an
idle node, and a log of a million events."""

import json
import os
import subprocess
import time

EVENTS = 100_000
LONG = 1_000_000
IDLE_S = 20
PATIENCE_S = 60
EVERYTHING = "ucxl://any:any@any:any"


def mesh(bench):
    growth(bench)
    throughput(bench)
    idle(bench)
    long_log(bench)


def growth(bench):
    print("\n== mesh: one event in simulated fleets, on links of 10 to 30 ms; goals: 6 hops and 8 copies at 1,000 nodes")
    subprocess.run([os.path.join(bench.BUILT, "examples", "mesh-growth")], check=True)


def cpu_seconds(pid):
    """What all threads of a process have run so far."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines["VmRSS"].split()[0]) / 1024


def carry(sub, pub, lines):
    """Seconds until a reader that waits has all of a publisher's events; none
    if it waits in vain."""
    reader = subprocess.Popen(sub, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    began = time.perf_counter()
    with open(lines, "rb") as source:
        publisher = subprocess.Popen(pub, stdin=source, stdout=subprocess.DEVNULL)
    try:
        reader.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        reader.kill()
        reader.wait()
        publisher.kill()
        publisher.wait()
        return None
    seconds = time.perf_counter() - began
    publisher.wait(PATIENCE_S)
    if reader.returncode or publisher.returncode:
        raise SystemExit(f"bench: {sub[0]}: exit {reader.returncode}; {pub[0]}: exit {publisher.returncode}")
    return seconds


def bridge(bench):
    """Two brokers; what is said to the first comes to the second."""
    ports = "18841", "18842"
    for number, port in enumerate(ports):
        config = f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
        if number == 0:
            config += f"connection other\naddress 127.0.0.1:{ports[1]}\ntopic # out 1\n"
        path = bench.write(f"bridge-{number}.conf", config)
        ready = lambda: subprocess.run(["mosquitto_pub", "-p", port, "-t", "x", "-m", "x"],
                                       stderr=subprocess.DEVNULL).returncode == 0
        bench.background(["mosquitto", "-c", path], ready, stderr=subprocess.DEVNULL)
    time.sleep(2)
    return ports


def alike(bench, folders):
    """Waits until the nodes of both folders hold what was said before."""
    held = lambda folder: json.loads(bench.output([bench.ours("cooee-peers"), "--dir", folder]).splitlines()[0])
    deadline = time.monotonic() + PATIENCE_S
    while len({held(folder)["log_events"] for folder in folders}) > 1:
        if time.monotonic() > deadline:
            raise SystemExit("bench: the nodes do not come to hold the same")
        time.sleep(0.2)


def throughput(bench):
    bench.section("mesh", f"{EVENTS:,} events of 1 KB from a node to another, each signed, checked and fsynced on both")
    leader, _ = bench.fleet()
    host, node = bench.member()
    other = bench.serving(leader)
    lines = bench.write("mesh-lines", ("z" * 600 + "\n") * EVENTS)
    alike(bench, (leader, host))
    before = [cpu_seconds(process.pid) for process in (node, other)]
    mine = carry([bench.ours("cooee-sub"), "--dir", leader, "--type", "note", "--count", str(EVENTS), EVERYTHING],
                 [bench.ours("cooee-pub"), "--dir", host, "--timeout", "60s", bench.ADDRESS], lines)
    spent = [cpu_seconds(process.pid) - since for process, since in zip((node, other), before)]
    first, second = bridge(bench)
    peer = carry(["mosquitto_sub", "-p", second, "-q", "1", "-t", "y", "-C", str(EVENTS)],
                 ["mosquitto_pub", "-p", first, "-q", "1", "-t", "y", "-l"], lines)
    if mine is None:
        raise SystemExit("bench: not every event came to the other node")
    rate = EVENTS / mine
    theirs, ratio = (bench.per_second(EVENTS / peer), f"{rate * peer / EVENTS:.2f} x") if peer else (f"not in {PATIENCE_S} s", "—")
    bench.row("node to node", bench.per_second(rate), theirs, ratio, "10,000/s")
    for name, seconds in zip(("the node that is handed it", "the node that hears it"), spent):
        bench.row(f"CPU per event, {name}", f"{seconds / EVENTS * 1e6:.0f} us", "—", "—", "130 us")
    bench.end(node)


def idle(bench):
    bench.section("mesh", f"a node with an empty log that nobody uses, over {IDLE_S} s")
    for what, pair in ("alone", False), ("with one peer", True):
        folders = [os.path.join(bench.WORK, f"idle-{pair}-{number}") for number in range(1 + pair)]
        nodes = []
        for folder in folders:
            bench.output([bench.ours("cooee-key"), "new", "--dir", folder])
            peer = []
            if nodes:
                with open(os.path.join(folders[0], "listen")) as file:
                    peer = ["--peer", file.readline().strip()]
            nodes.append(bench.serve(folder, *peer))
        time.sleep(3)
        since = cpu_seconds(nodes[0].pid)
        time.sleep(IDLE_S)
        share = (cpu_seconds(nodes[0].pid) - since) / IDLE_S
        bench.row(f"idle {what}, of a core", f"{share * 100:.2f} %", "—", "—", "0.5 %")
        bench.row(f"idle {what}, memory", f"{resident_mib(nodes[0].pid):.1f} MiB", "—", "—", "30 MiB")
        for node in nodes:
            bench.end(node)


def long_log(bench):
    folder = os.path.join(bench.WORK, "long")
    bench.output([bench.ours("cooee-key"), "new", "--dir", folder])
    bench.output([os.path.join(bench.BUILT, "examples", "long-log"), folder, str(LONG)])
    bench.section("mesh", f"a log of {LONG:,} events; the peer is sqlite3 over the same file")
    began = time.perf_counter()
    node = bench.serve(folder)
    bench.row("start", bench.ms(time.perf_counter() - began), "—", "—", "2,000 ms")
    argv = [bench.ours("cooee-sub"), "--dir", folder, "--since", "1h", "--no-follow", EVERYTHING]
    count = bench.output(argv).count(b"\n")
    database = os.path.join(folder, "log.db")
    query = f"select wire from events where time_ms >= {(time.time() - 3600) * 1e3:.0f}"
    mine, peer = bench.side_by_side(3, lambda: bench.spawn(argv), lambda: bench.spawn(["sqlite3", database, query]))
    rate, theirs = count / mine, count / peer
    bench.row(f"--since 1h, {count:,} events", bench.per_second(rate), bench.per_second(theirs), f"{rate / theirs:.2f} x", "200,000/s")
    bench.row("memory of the node", f"{resident_mib(node.pid):.1f} MiB", "—", "—", "")
    bench.end(node)
