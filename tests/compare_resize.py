"""Compares src/image.c with Pillow (bit for bit) and with torch (to 1e-6) on random sizes, up and down.

usage: python3 compare_resize.py TOOL_RESIZE [--cases 200] [--seed 1]
       python3 compare_resize.py --goldens data/resize.bin     writes the small cases that test_image.c reads
needs numpy and Pillow, and torch for the tensor methods
"""

import argparse
import subprocess
import sys

import numpy as np
from PIL import Image

try:
    import torch
except ImportError:
    torch = None


def ours(tool, method, kernel, image, size):
    height, width, _ = image.shape
    arguments = [tool, method, kernel, str(width), str(height), str(size[1]), str(size[0])]
    raw = subprocess.run(arguments, input=image.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(raw, np.float32).reshape(3, *size)


def pillow(kernel, image, size):
    """One axis at a time: Pillow does the horizontal pass first until version 12.0; version 13 does the cheaper one
    first, which rounds differently on the way."""
    resample = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[kernel]
    horizontal = Image.fromarray(image).resize((size[1], image.shape[0]), resample)
    resized = np.asarray(horizontal.resize((size[1], size[0]), resample))
    return resized.transpose(2, 0, 1).astype(np.float32) / np.float32(255)


def tensor(kernel, image, size, antialias):
    x = torch.from_numpy(image.transpose(2, 0, 1).copy()).float().div(255)[None]
    return torch.nn.functional.interpolate(x, size, mode=kernel, antialias=antialias, align_corners=False)[0].numpy()


def tolerance(method, kernel, source):
    """Bilinear without antialiasing: torch chooses by size and thread count between two compiled paths, whose source
    positions differ by their rounding, an ulp of the source size."""
    if method == "pillow":
        return 0.0
    return max(source) * 2.0**-23 if (method, kernel) == ("tensor-no-antialias", "bilinear") else 1e-6


def sizes(random, count):
    """Half of the cases small, some with one side unchanged, some of the sizes that videos and networks have. The
    random ones are never one pixel wide: there torch 2.8 with antialiasing departs from its own formula."""
    yield (340, 465), (340, 465)
    yield (1080, 1920), (224, 224)
    yield (480, 640), (340, 465)
    yield (720, 1280), (340, 465)
    yield (1, 1), (5, 7)
    yield (7, 5), (1, 1)
    for i in range(count - 6):
        limit = 40 if i % 2 else 500
        source, target = random.integers(1, limit, 2), random.integers(1, limit, 2)
        if i % 7 == 0:
            target[i % 2] = source[i % 2]
        target[1] = max(target[1], 2)
        yield tuple(int(x) for x in source), tuple(int(x) for x in target)


# width, height -> width, height: up, down, mixed, unchanged, to almost nothing, from one pixel, far down.
GOLDEN_SIZES = [((7, 5), (13, 11)), ((37, 29), (9, 7)), ((30, 20), (8, 33)), ((6, 6), (6, 6)), ((5, 7), (2, 1)),
                ((1, 1), (3, 2)), ((211, 160), (6, 5))]
METHODS = ["tensor", "tensor-no-antialias", "pillow"]  # the order of enum rfa_resize_method
FILTERS = ["bilinear", "bicubic"]  # the order of enum rfa_filter


def golden_image(width, height):
    """The image of test_image.c: top bytes of a linear congruential sequence."""
    values, state = np.empty(3 * width * height, np.uint8), width * 1000 + height
    for i in range(values.size):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = state >> 24
    return values.reshape(height, width, 3)


def write_goldens(path):
    """Records: six int32 (method, filter, width, height, output width, output height), float32 [3][height][width]."""
    with open(path, "wb") as file:
        for (width, height), (out_width, out_height) in GOLDEN_SIZES:
            image, target = golden_image(width, height), (out_height, out_width)
            for method, name in enumerate(METHODS):
                for kernel, kernel_name in enumerate(FILTERS):
                    result = pillow(kernel_name, image, target) if name == "pillow" else tensor(
                        kernel_name, image, target, name == "tensor")
                    np.array([method, kernel, width, height, out_width, out_height], "<i4").tofile(file)
                    np.ascontiguousarray(result, "<f4").tofile(file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", nargs="?")
    parser.add_argument("--goldens")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.goldens:
        return write_goldens(options.goldens)
    if options.tool is None:
        parser.error("TOOL_RESIZE or --goldens is needed")
    random = np.random.default_rng(options.seed)
    worst = {}
    failed = False
    for source, target in sizes(random, options.cases):
        image = random.integers(0, 256, (*source, 3), dtype=np.uint8)
        for kernel in ("bilinear", "bicubic"):
            references = {"pillow": pillow(kernel, image, target)}
            if torch is not None:
                references["tensor"] = tensor(kernel, image, target, True)
                references["tensor-no-antialias"] = tensor(kernel, image, target, False)
            for method, reference in references.items():
                error = float(np.abs(ours(options.tool, method, kernel, image, target) - reference).max())
                failed |= error > tolerance(method, kernel, source)
                worst[method, kernel] = max(worst.get((method, kernel), (-1.0,)), (error, source, target))
    for (method, kernel), (error, source, target) in sorted(worst.items()):
        allowed = tolerance(method, kernel, source)
        print(f"{method:20} {kernel:9} worst {error:.3g} at {source} -> {target}, allowed {allowed:.3g}")
    print("FAILED" if failed else "ok")
    return failed


if __name__ == "__main__":
    sys.exit(main())
