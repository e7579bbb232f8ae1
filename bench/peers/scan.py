#!/usr/bin/env python3
"""The selective scan beside ggml's ssm_scan and PyTorch's loop over time: same sizes, same inputs, one thread, alternating.

    bench/peers/run.sh build/refatom --only scan      (run.sh makes the environment; run.py calls this)
    python bench/peers/scan.py build/refatom          in an environment with torch and ggml-python

Times are those of the processor, as `refatom bench kernels` counts them with one thread. refatom's row has softplus, D u and the gate in it;
ggml's has softplus alone, which is in its favour. Each engine's largest error is against float64.
"""
import ctypes
import pathlib
import statistics
import sys
import time

import numpy as np

import measure

SHAPES, STATES = ((800, 512), (240, 1536), (256, 512)), 16


def inputs(length, width):
    """delta, a, b, c, u, d, z as networks.scan takes them."""
    rng = np.random.default_rng(length)
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    return (normal(length, width) - 3, -8 * rng.random((width, STATES)).astype(np.float32), normal(length, STATES), normal(length, STATES),
            normal(length, width), normal(width), normal(length, width))


def reference(delta, a, b, c, u):
    """What ggml computes, in float64: no D u, no gate."""
    delta, a, b, c, u = (x.astype(np.float64) for x in (delta, a, b, c, u))
    dt, h, out = np.log1p(np.exp(delta)), np.zeros(a.shape), []
    for t in range(len(u)):
        h = np.exp(dt[t, :, None] * a) * h + (dt[t] * u[t])[:, None] * b[t]
        out.append(h @ c[t])
    return np.array(out)


# ------------------------------------------------------------------ ggml, through its C interface

class InitParams(ctypes.Structure):
    _fields_ = [("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]


def library():
    """ggml's libraries from the package ggml-python, or None."""
    import importlib.util
    spec = importlib.util.find_spec("ggml")
    if spec is None:
        return None
    folder = pathlib.Path(list(spec.submodule_search_locations)[0]) / "lib"
    loaded = {}
    for name in ("ggml-base", "ggml-cpu"):
        found = sorted(folder.rglob(f"lib{name}.so*"))
        loaded[name] = ctypes.CDLL(str(found[0]), mode=ctypes.RTLD_GLOBAL)
    base, cpu = loaded["ggml-base"], loaded["ggml-cpu"]
    pointer = ctypes.c_void_p
    for function, types in ((base.ggml_init, [InitParams]), (base.ggml_new_tensor_4d, [pointer, ctypes.c_int] + [ctypes.c_int64] * 4),
                            (base.ggml_ssm_scan, [pointer] * 8), (base.ggml_new_graph, [pointer]), (base.ggml_get_data, [pointer])):
        function.restype, function.argtypes = pointer, types
    base.ggml_build_forward_expand.argtypes = [pointer, pointer]
    base.ggml_build_forward_expand.restype = None
    cpu.ggml_graph_compute_with_ctx.argtypes = [pointer, pointer, ctypes.c_int]
    cpu.ggml_cpu_init()
    return base, cpu


def ggml_call(libraries, x, threads):
    """A call that runs ssm_scan once and returns y."""
    base, cpu = libraries
    delta, a, b, c, u = x[:5]
    length, width = u.shape
    context = base.ggml_init(InitParams(64 * length * width + (64 << 20), None, False))

    def tensor(values, *shape):
        kind = 26 if values.dtype == np.int32 else 0  # GGML_TYPE_I32, GGML_TYPE_F32
        t = base.ggml_new_tensor_4d(context, kind, *shape, *[1] * (4 - len(shape)))
        ctypes.memmove(base.ggml_get_data(t), np.ascontiguousarray(values).ctypes.data, values.nbytes)
        return t

    # Mamba-1: as many heads as channels, each of width 1
    state = tensor(np.zeros((width, STATES), np.float32), STATES, 1, width)
    y = base.ggml_ssm_scan(context, state, tensor(u, 1, width, length), tensor(delta, width, length), tensor(a, STATES, width),
                           tensor(b, STATES, 1, length), tensor(c, STATES, 1, length), tensor(np.zeros(1, np.int32), 1))
    graph = base.ggml_new_graph(context)
    base.ggml_build_forward_expand(graph, y)

    def call():
        if cpu.ggml_graph_compute_with_ctx(context, graph, threads):
            raise RuntimeError("ggml failed")
        return np.ctypeslib.as_array(ctypes.cast(base.ggml_get_data(y), ctypes.POINTER(ctypes.c_float)), (length, width))

    return call


def calls(length, width):
    """engine -> maker(threads) of a call without arguments."""
    import torch
    import networks
    x = inputs(length, width)
    tensors = [torch.from_numpy(v) for v in x]
    makers = {"PyTorch loop": lambda threads: lambda: networks.scan(*tensors).numpy(),
              "PyTorch reference": lambda threads: lambda: networks.scan_reference(*tensors).numpy()}
    libraries = library()
    if libraries:
        makers["ggml ssm_scan"] = lambda threads: ggml_call(libraries, x, threads)
    return makers


# ------------------------------------------------------------------ alone

def refatom(program, shape, seconds):
    """Tier -> seconds."""
    rows = measure.refatom_rows(program, "bench", "kernels", "--filter", shape, "--seconds", str(seconds), "--threads", "1")
    return {f"refatom {r['tier']}": r["median_ns"] * 1e-9 for r in rows if r["kernel"] == "scan_f32" and r["tier"] != "c"}


def main(program, rounds=3, seconds=0.4):
    import torch
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print(f"{'shape':<12} {'engine':<18} {'ms':>9} {'ns an update':>13} {'times the best':>15} {'largest error':>14}")
    for length, width in SHAPES:
        shape, x, rows, errors = f"{length}x{width}x{STATES}", inputs(length, width), {}, {}
        want = reference(*x[:5])
        gated = (want + x[5] * x[4].astype(np.float64)) * x[6] / (1 + np.exp(-x[6].astype(np.float64)))
        made = {engine: maker(1) for engine, maker in calls(length, width).items()}
        for engine, call in made.items():
            errors[engine] = np.abs(call() - (want if engine.startswith("ggml") else gated)).max()
        for _ in range(rounds):
            for engine, call in made.items():
                rows.setdefault(engine, []).extend(measure.times(call, seconds, time.process_time))
            for tier, median in refatom(program, shape, seconds).items():
                rows.setdefault(tier, []).append(median)
        times = {engine: statistics.median(t) for engine, t in rows.items()}
        best = min(t for engine, t in times.items() if engine.startswith("refatom"))
        for engine, t in sorted(times.items(), key=lambda row: row[1]):
            wrong = f"{errors[engine]:14.1e}" if engine in errors else " equals plain C"
            print(f"{shape:<12} {engine:<18} {1e3 * t:9.3f} {1e9 * t / (length * width * STATES):13.3f} {t / best:15.1f} {wrong}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
