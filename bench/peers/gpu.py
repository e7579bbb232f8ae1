"""PyTorch on a GPU beside refatom on the same one: eager and compiled, float16 and bfloat16, each network and all of them, alternating.

PyTorch's whole is the ViT and the Q-Former on a clip's frames, DETR and OPT: without patches, the caption's Q-Former and the head, which
refatom's clip includes. refatom's ViT, Q-Former and OPT are sums of single steps with a wait after each, which on a GPU is more than they take
within a stage; DETR and the whole run as stages. Weights are random on both sides; time does not depend on them. refatom is int8. Status 77: no GPU is here.
"""
import argparse
import json
import pathlib
import statistics
import sys

import measure
from sizes import FULL

SMALL = {**FULL, "frames": 1, "vit_layers": 1, "qformer_layers": 2, "opt_layers": 1}
# What refatom calls each network: stage and name of the sum of its steps, or a part of its own.
SUMS = {"ViT": ("vision", "vit.*"), "Q-Former": ("vision", "qf.*"), "OPT": ("text", "opt.*")}
PARTS = {"DETR": "scene", "all": "clip"}
NAMES = ["ViT", "Q-Former", "DETR", "OPT", "all"]
WORDS = 20


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("refatom", help="the program, built with the CUDA backend")
    p.add_argument("--work", default=str(pathlib.Path.home() / ".cache/refatom-peers"), help="folder for the model made on the way")
    p.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: to try the script where no GPU is")
    p.add_argument("--small", action="store_true", help="one frame and one or two layers of each network")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=0.5, help="for each engine and network in a round")
    p.add_argument("--json", help="write the rows there as well")
    return p.parse_args()


def parts(config):
    """Network -> module and the shape of its input, with the sizes of the full model and this many layers."""
    from torch import nn
    import networks
    return {"ViT": (nn.Sequential(*(networks.VitBlock() for _ in range(config["vit_layers"]))), (config["frames"], 257, 1408)),
            "Q-Former": (networks.Qformer(config["qformer_layers"]), (config["frames"], 257, 1408)),
            "DETR": (networks.Detr(), (1, 3, 340, 465)),
            "OPT": (nn.Sequential(*(networks.OptLayer() for _ in range(config["opt_layers"]))), (1, WORDS, 2560))}


class Torch:
    """One way to run the networks; a call waits until the device is done."""

    def __init__(self, made, kind, dtype, device):
        import torch
        self.torch, self.device = torch, device
        self.networks = {}
        for name, (module, shape) in made.items():
            module = module.eval().to(device, dtype)
            if kind == "compiled":
                module = torch.compile(module, mode="reduce-overhead" if device == "cuda" else None)
            self.networks[name] = (module, torch.randn(shape, device=device, dtype=dtype))

    def call(self, name):
        for network in self.networks if name == "all" else [name]:
            module, x = self.networks[network]
            module(x)
        if self.device == "cuda":
            self.torch.cuda.synchronize()


def refatom_seconds(program, model, config, args):
    """Network -> seconds; `all` is a whole clip, from pixels and words to the answer."""
    rows = measure.refatom_rows(program, "bench", "model", str(model), "--devices", args.device, "--sessions", "1", "--group", str(config["frames"]),
                                "--seconds", str(args.seconds))
    times = {name: r["ns"] * 1e-9 for name, key in SUMS.items() for r in rows if (r.get("stage"), r.get("op")) == key}
    return times | {name: r["median_ns"] * 1e-9 for name, part in PARTS.items() for r in rows if r.get("part") == part}


def make_model(program, config, args):
    name = "small" if args.small else "full"
    model, text = pathlib.Path(args.work) / f"gpu-{name}.gguf", pathlib.Path(args.work) / f"gpu-{name}.json"
    if not model.exists():
        text.write_text(json.dumps(config))
        measure.refatom(program, "synth", str(text), str(model))
    return model


def find_device(wanted):
    """A description of the device, or None."""
    import torch
    if wanted == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def compare(args, config, model):
    import torch
    torch.set_grad_enabled(False)
    samples = {}
    for dtype in (torch.float16, torch.bfloat16):
        made = parts(config)
        for kind in ("eager", "compiled"):
            engine = Torch(made, kind, dtype, args.device)
            title = f"PyTorch {str(dtype).split('.')[1]} {kind}"
            for _ in range(args.rounds):
                for name in NAMES:
                    samples.setdefault((title, name), []).extend(measure.times(lambda: engine.call(name), args.seconds))
                for name, seconds in refatom_seconds(args.refatom, model, config, args).items():
                    samples.setdefault(("refatom int8", name), []).append(seconds)
            del engine
    return {key: statistics.median(values) for key, values in samples.items()}


def report(times, path):
    for name in NAMES:
        ours = times["refatom int8", name]
        for (engine, network), seconds in sorted(times.items(), key=lambda row: row[1]):
            if network == name:
                print(f"{name:<10} {engine:<28} {1e3 * seconds:10.3f} ms  {seconds / ours:6.2f} times ours", flush=True)
    if path:
        rows = [{"network": network, "engine": engine, "seconds": seconds} for (engine, network), seconds in times.items()]
        pathlib.Path(path).write_text(json.dumps(rows, indent=1))


def main():
    args = arguments()
    device = find_device(args.device)
    if device is None:
        print("gpu.py: PyTorch finds no GPU on this machine; nothing was measured (--small --device cpu tries the script)", file=sys.stderr)
        return 77
    config = SMALL if args.small else FULL
    model = make_model(args.refatom, config, args)
    print(f"# {device}; {args.rounds} rounds", flush=True)
    report(compare(args, config, model), args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
