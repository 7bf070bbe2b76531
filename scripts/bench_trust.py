"""The section "trust" of scripts/bench: trust-score beside Polars and DuckDB,
which compute the final scores alone: no immediate recalculations, history,
revocations or trends, and no checks."""

import json
import os
import subprocess
import sys

PEERS = {
    "Polars": """
import polars as pl
WEIGHTS = {"policy_compliance": .25, "resource_efficiency": .15, "output_quality": .2, "security_posture": .25, "collaboration_health": .15}
def scores(path):
    fields = {"agent_did": pl.String, "dimension": pl.String, "value": pl.Float64}
    recency = 1 + pl.int_range(pl.len()) / 100
    newest = pl.scan_ndjson(path, schema=fields).group_by("agent_did").tail(1000)
    newest = newest.group_by("agent_did", "dimension").tail(100)
    score = (pl.col("value") * recency).sum() / recency.sum() * 100
    dimensions = newest.group_by("agent_did", "dimension").agg(score=score)
    weight = pl.col("dimension").replace_strict(WEIGHTS, return_dtype=pl.Float64)
    total = (500 + 10 * ((pl.col("score") - 50) * weight).sum()).floor().clip(0, 1000).cast(pl.Int64)
    frame = dimensions.group_by("agent_did").agg(total=total).sort("agent_did").collect()
    return dict(frame.iter_rows())
""",
    "DuckDB": """
import duckdb
QUERY = '''
with signals as (select row_number() over () as n, * from read_json(?, format = 'newline_delimited',
    columns = {agent_did: 'varchar', dimension: 'varchar', value: 'double'})),
newest as (select * from signals qualify row_number() over (partition by agent_did order by n desc) <= 1000),
slices as (select *, row_number() over (partition by agent_did, dimension order by n desc) as place from newest qualify place <= 100),
weighed as (select *, 1 + (count(*) over (partition by agent_did, dimension) - place) / 100 as recency from slices),
scores as (select agent_did, dimension, sum(value * recency) / sum(recency) * 100 as score from weighed group by all)
select agent_did, greatest(0, least(1000, floor(500 + 10 * sum((score - 50) * case dimension
    when 'policy_compliance' then .25::double when 'security_posture' then .25::double
    when 'output_quality' then .2::double else .15::double end))))::int from scores group by agent_did order by agent_did
'''
def scores(path):
    duckdb.execute('set enable_progress_bar = false')
    return dict(duckdb.execute(QUERY, [path]).fetchall())
""",
}

# The best of three, so that what is measured is the query and not its start.
HARNESS = """
import json, resource, sys, time
times = []
for _ in range(3):
    began = time.perf_counter()
    totals = scores(sys.argv[1])
    times.append(time.perf_counter() - began)
print("\\n" + json.dumps([min(times), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, totals]))
"""


def venv():
    """A Python with the peers; made once, beside the build."""
    folder = os.path.join(os.path.dirname(sys.argv[1]), "bench-venv")
    python = os.path.join(folder, "bin/python")
    there = os.path.exists(python) and subprocess.run([python, "-c", "import polars, duckdb"]).returncode == 0
    if not there:
        print("installing polars duckdb", file=sys.stderr)
        subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "polars", "duckdb"], check=True)
    return python


def trust(bench):
    row, ours, work = bench.row, bench.ours("trust-score"), bench.WORK
    count = 1_000_000

    def made(name, *arguments):
        path = os.path.join(work, name)
        with open(path, "wb") as file:
            subprocess.run(["scripts/signals", *arguments], stdout=file, check=True)
        return path

    uniform, zipf = made("uniform"), made("zipf", "--zipf", "1.1")
    size = os.path.getsize(uniform)
    bench.section("trust", f"{count:,} signals of 1,000 agents, {size / 1e6:.0f} MB; the peers compute the final scores alone")
    lines = bench.output([ours], stdin=open(uniform, "rb")).splitlines()
    totals = {record["agent_did"]: record["total_score"] for record in map(json.loads, lines)}
    python, seconds = venv(), {}
    for name, code in PEERS.items():
        taken, kib, theirs = json.loads(bench.output([python, "-c", code + HARNESS, uniform]).splitlines()[-1])
        # They add up in another order, so that a total may be cut one lower or higher.
        if theirs.keys() != totals.keys() or any(abs(theirs[did] - totals[did]) > 1 for did in theirs):
            sys.exit(f"bench: {name} computes other totals")
        seconds[name] = taken
        row(f"{name}, for comparison", "", f"{bench.ms(taken)}, {kib >> 10} MiB", "", "")
    seconds["wc -l"] = bench.side_by_side(5, lambda: bench.spawn(["wc", "-l"], uniform))[0]
    row("wc -l, for comparison", "", bench.ms(seconds["wc -l"]), "", "")
    one = ["taskset", "-c", "0"]
    pipe = ["sh", "-c", "cat | $0", ours]
    for what, argv, path, goal in [
        ("all cores", [ours], uniform, "180 ms, then 130 ms"),
        ("one core", [*one, ours], uniform, "330 ms"),
        ("from a pipe", pipe, uniform, "450 ms"),
        ("Zipf, all cores", [ours], zipf, ""),
        ("Zipf, one core", [*one, ours], zipf, ""),
    ]:
        mine = bench.side_by_side(7, lambda: bench.spawn(argv, path))[0]
        if path == zipf:
            row(f"trust-score, {what}", bench.ms(mine), "—", "—", goal)
            continue
        ratio = f"{seconds['Polars'] / mine:.1f} x"
        row(f"trust-score, {what}", bench.ms(mine), f"Polars {bench.ms(seconds['Polars'])}", ratio, goal)
        if what == "all cores":
            row("", "", f"DuckDB {bench.ms(seconds['DuckDB'])}", f"{seconds['DuckDB'] / mine:.1f} x", "")
            row("", "", f"wc -l {bench.ms(seconds['wc -l'])}", f"{seconds['wc -l'] / mine:.2f} x", "")
    memory(bench, ours, uniform, made("each", "--each", "--agents", "1000000"))
    state(bench, ours, uniform, made)


def memory(bench, ours, uniform, each):
    for what, path, goal in [("1,000 agents", uniform, "32 MiB"), ("1,000,000 agents, one signal each", each, "400 MiB")]:
        argv = ["/usr/bin/time", "-f", "%M", ours]
        ran = subprocess.run(argv, stdin=open(path, "rb"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
        bench.row(f"memory, {what}", f"{int(ran.stderr) / 1024:.0f} MiB", "—", "—", goal)


def state(bench, ours, uniform, made):
    fresh = os.path.join(bench.WORK, "fresh.db")
    seconds = bench.spawn([ours, "--state", fresh], uniform)
    bench.row("--state, fresh, 1,000,000 signals", bench.ms(seconds), "—", "—", "2,000 ms")
    many, old = made("many", "--each", "--agents", "100000"), os.path.join(bench.WORK, "old.db")
    bench.spawn([ours, "--state", old], many)
    news = os.path.join(bench.WORK, "news")
    with open(many, "rb") as source, open(news, "wb") as file:
        file.writelines(line for number, line in enumerate(source) if number % 1000 == 7)
    seconds = bench.side_by_side(20, lambda: bench.spawn([ours, "--state", old], news))[0]
    bench.row("--state, 100 signals on 100,000 agents", bench.ms(seconds), "—", "—", "20 ms")
