"""What the peers' scripts have in common: starting refatom, taking times."""
import json
import pathlib
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


def times(call, seconds, clock=time.perf_counter, before=None):
    """Of single calls, at least one, for so many seconds after a first call that does not count. `before` runs before each, untimed."""
    call()
    samples, end = [], time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        if before:
            before()
        start = clock()
        call()
        samples.append(clock() - start)
    return samples


def last_cache_bytes():
    """Of the largest cache that the system reports; 64 MiB where it reports none."""
    sizes = [p.read_text().strip() for p in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    return max([int(s[:-1]) << {"K": 10, "M": 20}[s[-1]] for s in sizes if s[-1] in "KM"], default=64 << 20)


def cold():
    """A call that reads a quarter more than the largest cache holds, so that what follows finds its weights in memory."""
    import numpy as np
    buffer = np.ones(last_cache_bytes() * 5 // 4 // 8)
    return lambda: buffer.max()
