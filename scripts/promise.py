"""What scripts/chaos and its parts share: a promise, and a command that must
not fail."""

import subprocess

PATIENCE_S = 60


class Broken(Exception):
    """A promise did not hold."""


def holds(condition, what):
    if not condition:
        raise Broken(what)


def run(argv, text="", codes=(0,)):
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=PATIENCE_S)
    holds(done.returncode in codes, f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
    return done
