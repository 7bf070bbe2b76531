"""The measurements of scripts/bench; started by it with the folder of the
commands and the sections wanted."""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

WANTED = sys.argv[2:] or ["start", "ident", "probe", "seal", "register", "pub", "pipe", "trust", "mesh"]
BUILT = sys.argv[1]
WORK = tempfile.mkdtemp(prefix="cooee-bench-")
# Copied, as an installation does: what a linker has just written lies in memory
# in small pieces, and starts a tenth of a millisecond slower.
BIN = os.path.join(WORK, "bin")
os.mkdir(BIN)
os.environ["PATH"] = BIN + os.pathsep + os.environ["PATH"]
NULL = os.open(os.devnull, os.O_RDWR)
ADDRESS = "ucxl://any:bench@COOEE:speed/#/x"


def ours(name):
    return os.path.join(BIN, name)


def commands():
    return sorted(os.listdir(BIN))


def install(built):
    for name in os.listdir("src/bin"):
        if os.access(os.path.join(built, name), os.X_OK):
            shutil.copy2(os.path.join(built, name), BIN)


def row(what, mine, peer, ratio, goal):
    print(f"{what:<46} {mine:>14} {peer:>24} {ratio:>9}  {goal}", flush=True)


def section(name, text):
    print(f"\n== {name}: {text}", flush=True)
    row("", "ours", "peer", "ratio", "goal")


def ms(seconds):
    return f"{seconds * 1e3:.2f} ms"


def per_second(rate):
    return f"{rate / 1e6:.2f} M/s" if rate >= 1e6 else f"{rate:,.0f}/s"


def spawn(argv, stdin=None, fails=False):
    """Wall seconds of one process from its start to its end."""
    source = os.open(stdin, os.O_RDONLY) if stdin else NULL
    actions = [(os.POSIX_SPAWN_DUP2, source, 0), (os.POSIX_SPAWN_DUP2, NULL, 1)]
    begin = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    status = os.waitpid(pid, 0)[1]
    seconds = time.perf_counter() - begin
    if stdin:
        os.close(source)
    if status and not fails:
        sys.exit(f"{' '.join(argv)}: exit {os.waitstatus_to_exitcode(status)}")
    return seconds


def side_by_side(runs, *jobs):
    """Medians of jobs that take turns, so that a busy moment hits all alike."""
    times = [[] for _ in jobs]
    for turn in range(runs + 2):
        for job, seconds in zip(jobs, times):
            taken = job()
            if turn >= 2:
                seconds.append(taken)
    return [statistics.median(seconds) for seconds in times]


def output(argv, **more):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, **more).stdout


def write(name, data):
    path = os.path.join(WORK, name)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path


def fsync_seconds():
    """What this disk takes to make 4 KiB durable."""
    descriptor = os.open(os.path.join(WORK, "fsync"), os.O_CREAT | os.O_WRONLY, 0o600)
    times = []
    for _ in range(200):
        os.write(descriptor, b"x" * 4096)
        begin = time.perf_counter()
        os.fsync(descriptor)
        times.append(time.perf_counter() - begin)
    os.close(descriptor)
    return statistics.median(times)


def background(argv, ready, **more):
    process = subprocess.Popen(argv, stdin=NULL, stdout=subprocess.DEVNULL, start_new_session=True, **more)
    RUNNING.append(process)
    deadline = time.monotonic() + 20
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{' '.join(argv)}: did not start")
        time.sleep(0.01)
    return process


RUNNING = []


def end(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def stop():
    for process in RUNNING:
        end(process)
    shutil.rmtree(WORK, ignore_errors=True)


# --- sections ---------------------------------------------------------------------


def start():
    section("start", "a process that says its version, wall time; the peer is /bin/true")
    names = commands()
    jobs = [lambda name=name: spawn([ours(name), "--version"]) for name in names]
    # jq leaves cold caches behind: what comes after it is run and not counted.
    jobs = [jobs[0], *jobs, lambda: spawn(["/bin/true"]), lambda: spawn(["jq", "-n", "1"])]
    _, *times, true, jq = side_by_side(300, *jobs)
    for name, seconds in zip(names, times):
        goal = "—" if name in ("cooee-dial", "cooee-sub") else "1.7 x"
        row(f"{name} --version", ms(seconds), ms(true), f"{seconds / true:.2f} x", goal)
    row("jq -n 1, for comparison", ms(jq), ms(true), f"{jq / true:.2f} x", "")


def ident():
    count = 4_000_000
    section("ident", f"{count:,} words and {count // 10:,} JSON lines on one core; the peer is jq")
    words = write("words", "".join(f"{n % 1024}:{n % 16}\n" for n in range(count)))
    tokens = write("tokens", output(["taskset", "-c", "0", ours("agentid-encode"), "--raw"], stdin=open(words)))
    lines = [json.dumps({"host_id": n % 1024, "gpu_slot": n % 16}) for n in range(count // 10)]
    records = write("records", "\n".join(lines) + "\n")
    encoded = write("encoded", output([ours("agentid-encode")], stdin=open(records)))
    few = write("few", "\n".join(lines[:5_000]) + "\n")
    for name, path, amount, goal in [
        ("agentid-encode", words, count, "20 M/s"),
        ("agentid-decode", tokens, count, "20 M/s"),
        ("agentid-encode", records, count // 10, "2.5 M/s"),
        ("agentid-decode", encoded, count // 10, "2.5 M/s"),
    ]:
        kind = "words" if amount == count else "JSON lines"
        argv = ["taskset", "-c", "0", ours(name)] + (["--raw"] if amount == count else [])
        mine, jq = side_by_side(
            3, lambda: spawn(argv, path), lambda: spawn(["taskset", "-c", "0", "jq", "-c", "-f", "scripts/bench.jq"], few)
        )
        rate, peer = amount / mine, 5_000 / jq
        row(f"{name}, {kind}", per_second(rate), per_second(peer), f"{rate / peer:,.0f} x", goal)


def probe():
    section("probe", "one probe of this machine without a model server, wall time")
    peers = {
        "lshw": ["lshw", "-quiet", "-json"],
        "hwinfo": ["hwinfo", "--short"],
        "inxi": ["inxi", "-F"],
        "psutil": ["/usr/bin/python3", "-c", PSUTIL],
    }
    jobs = [lambda argv=argv: spawn(argv, fails=True) for argv in peers.values()]
    mine, *others = side_by_side(10, lambda: spawn([ours("hwprobe")]), *jobs)
    for name, seconds in zip(peers, others):
        row(f"hwprobe beside {name}", ms(mine), ms(seconds), f"{mine / seconds:.2f} x", "3 ms")


PSUTIL = """
import json, platform, psutil, socket
print(json.dumps([socket.gethostname(), platform.uname(), psutil.cpu_count(), psutil.virtual_memory().total,
    {k: [a.address for a in v] for k, v in psutil.net_if_addrs().items()}]))
"""


def fleet():
    """A Leader's and a host's folder; once."""
    leader, host = os.path.join(WORK, "leader"), os.path.join(WORK, "host")
    if not os.path.exists(leader):
        output([ours("cooee-key"), "found", "--dir", leader])
        serve(leader)
        string = output([ours("cooee-key"), "invite", "--dir", leader])
        output([ours("cooee-key"), "join", "--dir", host, "-"], input=string)
    return leader, host


def serve(folder, *more):
    """A folder's node; one that ran before is where it was, and found there."""
    before = os.path.join(folder, "listen")
    place = open(before).readline().split("/p2p/")[0] if os.path.exists(before) else "/ip4/127.0.0.1/tcp/0"
    listen = ["--listen", place, *more]
    socket = os.path.join(folder, "node.sock")
    return background([ours("cooee-sub"), "--serve", "--dir", folder, *listen], lambda: os.path.exists(socket))


def serving(folder):
    """The node of a folder, which runs."""
    runs = lambda process: "--serve" in process.args and folder in process.args and process.poll() is None
    return next(process for process in RUNNING if runs(process))


def agents(count, host="host"):
    lines = [
        json.dumps({"type": "agent", "v": 1, "gpu_id": f"GPU-{n:08x}", "gpu_slot": n % 16, "hostname": f"{host}-{n // 16}",
                    "mac": f"{n // 16:012x}".replace("00", "02", 1), "model": f"model-{n % 7}"})
        for n in range(count)
    ]
    return write(f"{host}-agents-{count}", output([ours("agentid-hash")], input=("\n".join(lines) + "\n").encode()))


def seal():
    count = 20_000
    section("seal", f"{count:,} enrolment requests through one process; the peer seals one payload per process")
    leader, _ = fleet()
    host = os.path.join(WORK, "many")
    string = output([ours("cooee-key"), "invite", "--dir", leader, "--agents", "65536"])
    output([ours("cooee-key"), "join", "--dir", host, "-"], input=string)
    records = agents(count)
    began = time.perf_counter()
    with open(records, "rb") as source:
        sealed = write("sealed", output([ours("age-enrol"), "--dir", host], stdin=source))
    mine = count / (time.perf_counter() - began)
    recipient = output([ours("cooee-key"), "show", "--dir", leader]).decode().split('"age":["')[1].split('"')[0]
    payload = write("payload", open(records, "rb").readline())
    box = os.path.join(WORK, "payload.age")
    age = 1 / side_by_side(100, lambda: spawn(["age", "-r", recipient, "-o", box, payload]))[0]
    row("age-enrol", per_second(mine), per_second(age), f"{mine / age:.1f} x", "8,000/s")
    began = time.perf_counter()
    with open(sealed, "rb") as source:
        write("opened", output([ours("age-enrol"), "--open", "--dir", leader], stdin=source))
    mine = count / (time.perf_counter() - began)
    identity = os.path.join(leader, "leader.age")
    age = 1 / side_by_side(100, lambda: spawn(["age", "-d", "-i", identity, box]))[0]
    row("age-enrol --open", per_second(mine), per_second(age), f"{mine / age:.1f} x", "8,000/s")


def register():
    section("register", "opened requests through one process, every commit durable")
    opened = os.path.join(WORK, "opened")
    if not os.path.exists(opened):
        seal()
        section("register", "as above")
    leader, _ = fleet()
    count = sum(1 for _ in open(opened, "rb"))
    began = time.perf_counter()
    with open(opened, "rb") as source:
        output([ours("agentid-register"), "--dir", leader], stdin=source)
    mine = count / (time.perf_counter() - began)
    row("agentid-register", per_second(mine), "—", "—", "8,000/s")
    singles = [write(f"one-{n}", line) for n, line in zip(range(60), open(opened, "rb"))]
    # A registry that knows nothing yet, so that each request is a new row.
    single = iter(singles)
    empty = os.path.join(WORK, "single")
    output([ours("cooee-key"), "found", "--dir", empty])
    database = os.path.join(WORK, "peer.db")
    insert = "pragma journal_mode=wal; pragma synchronous=full; create table if not exists t(a, b);"
    output(["sqlite3", database, insert])
    statement = "pragma synchronous=full; insert into t values (hex(randomblob(300)), 1);"
    shutil.copytree(leader, os.path.join(WORK, "again"), ignore=shutil.ignore_patterns("*.sock"))
    mine, peer = side_by_side(
        50,
        lambda: spawn([ours("agentid-register"), "--dir", os.path.join(WORK, "again")], next(single)),
        lambda: spawn(["sqlite3", database, statement]),
    )
    row("agentid-register, one record", ms(mine), ms(peer), f"{mine / peer:.2f} x", "1.3 x")


def broker():
    port = "18830"
    log = os.path.join(WORK, "mosquitto.conf")
    with open(log, "w") as file:
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    ready = lambda: subprocess.run(
        ["mosquitto_pub", "-p", port, "-t", "x", "-m", "x"], stderr=subprocess.DEVNULL
    ).returncode == 0
    if not any("mosquitto" in process.args[0] for process in RUNNING):
        background(["mosquitto", "-c", log], ready, stderr=subprocess.DEVNULL)
    return port


def member():
    """A host that the Leader has let in, and its node, which runs."""
    leader, host = fleet()
    node = serve(host)
    if not os.path.exists(os.path.join(host, "agents")):
        pipe = (
            "cooee-sub --dir $0 --unanswered 'ucxl://any:admin@COOEE:enrol/#/agentid/*' |"
            " age-enrol --dir $0 --open | agentid-register --dir $0 | cooee-pub --dir $0"
        )
        background(["sh", "-c", pipe, leader], lambda: True, stderr=subprocess.DEVNULL)
        request = output([ours("age-enrol"), "--dir", host], stdin=open(agents(1, "member")))
        output([ours("cooee-pub"), "--dir", host, "--wait", "answered"], input=request)
    return host, node


def pub():
    section("pub", "one event, stored on disk and receipted, wall time of the process; the peer is mosquitto_pub -q 1")
    port = broker()
    host, node = member()
    line = write("line", "x" * 200 + "\n")
    ask = lambda: spawn([ours("cooee-pub"), "--dir", host, ADDRESS], line)
    peer = lambda: spawn(["mosquitto_pub", "-p", port, "-q", "1", "-t", "x", "-s"], line)
    mine, other = side_by_side(200, ask, peer)
    row("cooee-pub through the socket", ms(mine), ms(other), f"{mine / other:.2f} x", "below 1 x")
    # Without a node of its own, the host dials the Leader's.
    end(node)
    mine, other = side_by_side(200, ask, peer)
    row("cooee-pub over libp2p TCP", ms(mine), ms(other), f"{mine / other:.2f} x", "3 x")


def pipe():
    count = 100_000
    section("pipe", f"{count:,} events of 1 KB; the peer is mosquitto_pub -l -q 1, which signs and fsyncs nothing")
    port = broker()
    host, node = member()
    # One node, as one broker: what a second one costs is in the section "mesh".
    leader, _ = fleet()
    end(serving(leader))
    lines = write("lines", ("y" * 600 + "\n") * count)
    mine = count / spawn([ours("cooee-pub"), "--dir", host, "--timeout", "60s", ADDRESS], lines)
    peer = count / spawn(["mosquitto_pub", "-p", port, "-q", "1", "-t", "x", "-l"], lines)
    end(node)
    serve(leader)
    row("cooee-pub, plain lines", per_second(mine), per_second(peer), f"{mine / peer:.2f} x", "20,000/s")


def trust():
    sys.dont_write_bytecode = True
    import bench_trust  # its peers take half a minute to install

    bench_trust.trust(sys.modules[__name__])


def mesh():
    sys.dont_write_bytecode = True
    import bench_mesh

    bench_mesh.mesh(sys.modules[__name__])


def main():
    known = {"start": start, "ident": ident, "probe": probe, "seal": seal, "register": register, "pub": pub, "pipe": pipe, "trust": trust, "mesh": mesh}
    for name in WANTED:
        if name not in known:
            sys.exit(f"bench: no section \"{name}\"; there are {' '.join(known)}")
    install(BUILT)
    print(f"{os.cpu_count()} cores; the disk makes 4 KiB durable in {ms(fsync_seconds())}")
    try:
        for name in WANTED:
            known[name]()
    finally:
        stop()


main()
