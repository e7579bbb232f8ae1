"""What the peers' scripts have in common: starting refatom, taking times."""
import json
import subprocess
import time


def refatom(program, *args):
    """What it prints; ends the script with its message where it fails."""
    done = subprocess.run([program, *args], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{program} {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def refatom_rows(program, *args):
    """The objects that a command with --json prints, one a line."""
    return [json.loads(line) for line in refatom(program, *args, "--json").splitlines()]


def times(call, seconds, clock=time.perf_counter):
    """Of single calls, at least one, for so many seconds after a first call that does not count."""
    call()
    samples, end = [], time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        start = clock()
        call()
        samples.append(clock() - start)
    return samples
