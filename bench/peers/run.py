"""The same shapes through PyTorch, ONNX Runtime, OpenVINO and refatom, alternating, one and more threads, errors against float64.

Weights are random and the same for everybody: `refatom synth` makes a one-block model of full width, the engines read its ViT block.
Error: RMS of the difference over RMS of the block's update (output - input), on plain input and with 4 of 1,408 channels times 40.
"""
import argparse
import copy
import gc
import json
import os
import pathlib
import statistics
import struct
import sys
import time
import warnings

import measure
from sizes import FULL

CONFIG = {**FULL, "vit_layers": 1, "opt_layers": 4}
OUTLIERS, FACTOR = [17, 400, 901, 1307], 40.0
GROUPS = {"vit": "8", "opt": "1", "qformer": "1", "detr": "1"}  # frames that refatom encodes together
SECONDS = 0.6  # for each engine, work, thread count and round
COLD = {"opt"}  # networks whose weights a call finds in memory, as in the whole model, which passes 2.5 GB of OPT's a caption


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("refatom", help="the program")
    p.add_argument("--work", default=str(pathlib.Path.home() / ".cache/refatom-peers"), help="folder for the models made on the way")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--only", default="error,vit,opt,qformer,detr,gemm,scan,retrieval", help="own_error: refatom's errors alone")
    p.add_argument("--isa", choices=["best", "avx512vnni", "avx2"], default="best",
                   help="cap for refatom, oneDNN (PyTorch) and OpenVINO; ONNX Runtime's own kernels know no cap")
    p.add_argument("--wait", action="store_true", help="prepare every engine, then start timing when a line comes on standard input")
    p.add_argument("--json", help="write the rows there as well")
    return p.parse_args()


ARGS = arguments()
CAPS = {"avx512vnni": "AVX512_CORE_VNNI", "avx2": "AVX2"}
if ARGS.isa != "best":  # before any engine is loaded
    os.environ["ONEDNN_MAX_CPU_ISA"] = os.environ["DNNL_MAX_CPU_ISA"] = CAPS[ARGS.isa]
warnings.filterwarnings("ignore")

import gguf
import numpy as np
import torch
from torch import nn

import networks
import scan
from engines import FLAGS, engines, onnx, onnx_call, optional, ort, ov

torch.manual_seed(1)
torch.set_grad_enabled(False)
WORK = pathlib.Path(ARGS.work)
THREADS = [int(t) for t in ARGS.threads.split(",")]


# ------------------------------------------------------------------ refatom

def refatom(*args):
    return measure.refatom(ARGS.refatom, *args)


def tier():
    return [] if ARGS.isa == "best" else ["--cpu", ARGS.isa]


def tensors(path):
    return {t.name: t for t in gguf.GGUFReader(str(path)).tensors}


def make_models():
    """float32, int8 and calibrated int8, plain and with outlier channels: what feeds the first block is scaled, the block's own weights stay."""
    config, plain, outliers = WORK / "one.json", WORK / "plain.gguf", WORK / "outliers.gguf"
    config.write_text(json.dumps(CONFIG))
    if not plain.exists():
        refatom("synth", str(config), str(plain), "--f32")
        set_norm(plain, 1.0)
    if not outliers.exists():
        outliers.write_bytes(plain.read_bytes())
        set_norm(outliers, FACTOR)
    clip = WORK / "calibration.gguf"
    write_case(clip, inputs(random_frames(11)))
    for path in (plain, outliers):
        for suffix, options in ((".int8.gguf", []), (".calibrated.gguf", ["--calibrate", str(clip)])):
            int8 = path.with_suffix(suffix)
            if not int8.exists() or int8.stat().st_mtime < path.stat().st_mtime:
                refatom("quantize", str(path), str(int8), "--keep", "vit.patch*", *options)
    return plain, outliers


def random_frames(seed):
    return np.random.default_rng(seed).standard_normal((8, 3, 224, 224)).astype(np.float32)


def inputs(frames):
    ids = np.array([101, 5, 102], np.int32)
    return {"frames": frames, "key_frame": np.zeros((3, 340, 465), np.float32), "sentence_ids": ids, "keyword_ids": ids}


def set_norm(path, factor):
    """ln_vision becomes a plain normalisation, so that the block's output can be read from the trace `vision`."""
    reader = gguf.GGUFReader(str(path), "r+")
    t = {t.name: t for t in reader.tensors}
    t["vit.norm.weight"].data[:] = 1.0
    t["vit.norm.bias"].data[:] = 0.0
    for name in ("vit.patch.bias", "vit.cls"):
        t[name].data.reshape(-1)[OUTLIERS] *= factor
    t["vit.patch.weight"].data.reshape(1408, -1)[OUTLIERS] *= factor
    t["vit.pos"].data.reshape(-1, 1408)[:, OUTLIERS] *= factor
    reader.data.flush()


def write_case(path, arrays):
    """A GGUF file of float32 and int32 arrays: the inputs of `refatom run --inputs`."""
    head, data = b"GGUF" + struct.pack("<IQQ", 3, len(arrays), 0), b""
    for name, a in arrays.items():
        head += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", a.ndim)
        head += b"".join(struct.pack("<Q", n) for n in reversed(a.shape))
        head += struct.pack("<IQ", 0 if a.dtype == np.float32 else 26, len(data))
        data += a.tobytes() + b"\0" * (-a.nbytes % 32)
    path.write_bytes(head + b"\0" * (-len(head) % 32) + data)


def block_input(t, frames):
    """The tokens that enter the first block, float64: patches (row, column, channel), projection, class token, positions."""
    w = lambda n, *shape: np.asarray(t[n].data, np.float64).reshape(*shape)
    x = frames.astype(np.float16).astype(np.float64).reshape(8, 3, 16, 14, 16, 14).transpose(0, 2, 4, 3, 5, 1).reshape(8, 256, 588)
    x = x @ w("vit.patch.weight", 1408, 588).T + w("vit.patch.bias", 1408)
    x = np.concatenate([np.broadcast_to(w("vit.cls", 1, 1, 1408), (8, 1, 1408)), x], 1)
    return x + w("vit.pos", 257, 1408)


def load_block(t):
    block = networks.VitBlock()
    state = {}
    for name in ("norm1", "norm2", "qkv", "out", "fc1", "fc2"):
        for part in ("weight", "bias"):
            data = torch.from_numpy(np.array(t[f"vit.blk.0.{name}.{part}"].data, np.float32))
            state[f"{name}.{part}"] = data.reshape(block.state_dict()[f"{name}.{part}"].shape)
    block.load_state_dict(state)
    return block.eval()


def error(got, want, before):
    return float(np.sqrt(np.mean((got - want) ** 2) / np.mean((want - before) ** 2)))


def refatom_error(path, frames, want, before):
    """The trace holds (x - mean) / std of each row; the exact mean and std turn it back."""
    case, trace = WORK / "case.gguf", WORK / "trace.gguf"
    write_case(case, inputs(frames))
    refatom("run", str(path), "--inputs", str(case), "--trace", str(trace), *tier())
    y = np.asarray(tensors(trace)["vision"].data, np.float64).reshape(want.shape)
    return error(y * np.sqrt(want.var(-1, keepdims=True) + 1e-5) + want.mean(-1, keepdims=True), want, before)


def refatom_time(key, path, threads):
    """Seconds of one part of the model, the sum of its steps' medians; the whole model runs, so every step finds the caches as in real use."""
    rows = measure.refatom_rows(ARGS.refatom, "bench", "model", str(path), "--threads", str(threads), "--group", GROUPS[key], "--seconds", "0.5",
                                "--answers", "1", "--steps", *tier())
    mine = {"vit": lambda r: r["step"].startswith("vit.blk.0."), "opt": lambda r: r["step"].startswith("opt.blk."),
            "qformer": lambda r: r["stage"] == "vision" and r["step"].startswith("qf."), "detr": lambda r: r["stage"] == "scene"}[key]
    return sum(r["ns"] for r in rows if "step" in r and mine(r)) * 1e-9


def refatom_kernel(text, threads):
    best = {}
    for row in measure.refatom_rows(ARGS.refatom, "bench", "kernels", "--filter", text, "--seconds", str(SECONDS / 2), "--threads", str(threads), *tier()):
        if not row["kernel"].startswith("ceiling") and row["threads"] == threads:
            best[row["shape"]] = min(best.get(row["shape"], 1e9), row["median_ns"] * 1e-9)
    return best


# ------------------------------------------------------------------ timing

def compare(title, calls, ours, unit_work=None, processor=False, before=None):
    """calls: engine -> maker(threads); ours(threads) -> seconds. Alternates engines in every round; prints a row an engine. With one thread
    `processor` counts processor time, as `refatom bench kernels` does; else all count the clock on the wall. `before` runs before each call of
    an engine, untimed. Engines of one thread count are freed before those of the next are made."""
    rows = {}
    for threads in THREADS:
        torch.set_num_threads(threads)
        made = {}
        for engine, maker in calls.items():
            try:
                made[engine] = maker(threads)
                made[engine]()
            except Exception as e:
                print(f"# {title}: {engine}: {(str(e) or type(e).__name__).splitlines()[0]}", flush=True)
                made.pop(engine, None)
        if ARGS.wait:
            print("# ready", flush=True)
            sys.stdin.readline()
        for _ in range(ARGS.rounds):
            for engine, call in made.items():
                clock = time.process_time if processor and threads == 1 else time.perf_counter
                rows.setdefault(engine, {}).setdefault(threads, []).extend(measure.times(call, SECONDS, clock, before))
            rows.setdefault("refatom", {}).setdefault(threads, []).append(ours(threads))
        made.clear()
        call = None
        torch._dynamo.reset()  # it keeps the compiled graphs
        gc.collect()
    for engine, by in sorted(rows.items(), key=lambda r: statistics.median(r[1][THREADS[0]])):
        times = [statistics.median(by[t]) if t in by else float("nan") for t in THREADS]
        rates = "  ".join(f"{unit_work / t * 1e-9:8.1f} GMAC/s" for t in times) if unit_work else ""
        print(f"{title:<28} {engine:<28} " + "  ".join(f"{1e3 * t:9.3f} ms" for t in times) + f"  {rates}", flush=True)
        RESULTS.append({"work": title, "engine": engine, "threads": THREADS, "seconds": times})


RESULTS = []


def errors(plain, outliers, others):
    """Calibration sees other frames than the error is measured on."""
    frames = random_frames(7)
    for name, path in (("plain", plain), ("outliers", outliers)):
        t = tensors(path)
        before = block_input(t, frames)
        block = load_block(t)
        want = copy.deepcopy(block).double()(torch.from_numpy(before)).numpy()
        x = torch.from_numpy(before.astype(np.float32))
        for mine, suffix in (("refatom int8", ".int8.gguf"), ("refatom int8, calibrated", ".calibrated.gguf")):
            print(f"error, {name:<21} {mine:<28} {100 * refatom_error(path.with_suffix(suffix), frames, want, before):8.3f} %", flush=True)
        for engine, maker in (engines(f"vit_{name}", block, [x], WORK) if others else {}).items():
            try:
                y = maker(THREADS[-1])()
                y = y.float().numpy() if torch.is_tensor(y) else np.asarray(y)
                print(f"error, {name:<21} {engine:<28} {100 * error(y.astype(np.float64), want, before):8.3f} %", flush=True)
            except Exception as e:
                print(f"# error, {name}: {engine}: {(str(e) or type(e).__name__).splitlines()[0]}", flush=True)


def networks_to_compare(plain):
    t = tensors(plain)
    yield "vit", "ViT block, 8 frames", load_block(t), [torch.from_numpy(block_input(t, random_frames(7)).astype(np.float32))], 53.36e9
    layers = CONFIG["opt_layers"]
    yield "opt", f"{layers} OPT layers, 20 tokens", nn.Sequential(*(networks.OptLayer() for _ in range(layers))).eval(), [torch.randn(1, 20, 2560)], layers * 1.575e9
    yield "qformer", "Q-Former image path", networks.Qformer().eval(), [torch.randn(1, 257, 1408)], 6.37e9
    yield "detr", "DETR-R50, 340 x 465", networks.Detr().eval(), [torch.randn(1, 3, 340, 465)], 16.01e9


def gemm_calls(m, n, k):
    calls = {}
    a, w = torch.randint(-127, 128, (m, k), dtype=torch.int8), torch.randint(-127, 128, (k, n), dtype=torch.int8)
    calls["PyTorch _int_mm"] = lambda t: lambda: torch._int_mm(a, w)
    if ort and onnx:
        from onnx import TensorProto, helper, numpy_helper
        graph = helper.make_graph([helper.make_node("MatMulInteger", ["x0", "w"], ["y"])], "g",
                                  [helper.make_tensor_value_info("x0", TensorProto.UINT8, [m, k])],
                                  [helper.make_tensor_value_info("y", TensorProto.INT32, [m, n])], [numpy_helper.from_array(w.numpy(), "w")])
        path = WORK / "gemm.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
        calls["ONNX Runtime u8 s8"] = lambda t: onnx_call(path, [torch.randint(0, 256, (m, k), dtype=torch.uint8)], t)
    return calls


def kernels():
    if "gemm" in ARGS.only:
        for m, n, k in ((257, 6144, 1408), (514, 6144, 1408), (257, 1408, 6144), (257, 4224, 1408)):
            shape = f"{m}x{n}x{k}"
            compare(f"int8 product {shape}", gemm_calls(m, n, k), lambda t, s=shape: refatom_kernel(s, t)[s], m * n * k, processor=True)
    if "scan" in ARGS.only:
        for length, width in scan.SHAPES:
            shape = f"{length}x{width}x{scan.STATES}"
            compare(f"scan {shape}", scan.calls(length, width), lambda t, s=shape: refatom_kernel("scan_f32", t)[s], processor=True)
    if "retrieval" in ARGS.only:
        unit = lambda *s: torch.nn.functional.normalize(torch.randn(*s), dim=-1)
        q, v = unit(100, 768), unit(8, 32, 768)
        calls = {"PyTorch": lambda t: lambda: (q @ v.transpose(1, 2)).argmax(-1), "NumPy": lambda t: lambda: (q.numpy() @ v.numpy().transpose(0, 2, 1)).argmax(-1)}
        faiss = optional("faiss")
        if faiss:
            def flat(threads):
                faiss.omp_set_num_threads(threads)
                indices = [faiss.IndexFlatIP(768) for _ in range(8)]
                for i, frame in zip(indices, v.numpy()):
                    i.add(np.ascontiguousarray(frame))
                return lambda: [i.search(q.numpy(), 1) for i in indices]
            calls["FAISS flat"] = flat
        compare("retrieval 100x8x32x768", calls, lambda t: refatom_kernel("retrieve", t)["100x32x768x8"], processor=True)


def main():
    plain, outliers = make_models()
    print(f"# ISA cap {ARGS.isa}; torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}; "
          f"onnxruntime {ort and ort.__version__}; openvino {ov and ov.__version__.split('-')[0]}; threads {THREADS}", flush=True)
    print("# CPU has " + ", ".join(f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16") if f in FLAGS), flush=True)
    if "error" in ARGS.only:
        errors(plain, outliers, "own_error" not in ARGS.only)
    int8 = plain.with_suffix(".int8.gguf")
    for key, title, model, inputs, work in networks_to_compare(plain):
        if key in ARGS.only.split(","):
            compare(title, engines(key, model, inputs, WORK), lambda threads, key=key: refatom_time(key, int8, threads), work,
                    before=measure.cold() if key in COLD else None)
    kernels()
    if ARGS.json:
        pathlib.Path(ARGS.json).write_text(json.dumps(RESULTS, indent=1))


if __name__ == "__main__":
    sys.exit(main())
