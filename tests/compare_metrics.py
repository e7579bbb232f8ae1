"""Compares `refatom score` with scikit-learn on random tables: python3 compare_metrics.py REFATOM [--tables 3000] [--golden data/metrics.txt]

Needs NumPy and scikit-learn. Tables have ties, classes without positives, without negatives, and with one positive; boxes may be disjoint, inverted or
flat. --golden writes some of them, with scikit-learn's figures, for test_metrics.c.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

TOLERANCE = 1e-9


def random_table(rng):
    """(scores [n, c] float32, truth [n, c], boxes [n, 2, 4]); the first box is the true one."""
    n, c = int(rng.integers(1, 60)), int(rng.integers(1, 12))
    scores = rng.normal(size=(n, c)).astype(np.float32)
    kind = rng.integers(4)
    if kind == 0:
        scores = np.round(scores * rng.choice([1, 2, 5])).astype(np.float32) + np.float32(0)  # many ties
    elif kind == 1:
        scores[:, rng.integers(c)] = 0.25  # nothing but ties
    truth = (rng.random((n, c)) < rng.choice([0.05, 0.3, 0.9])).astype(int)
    for column, choice in enumerate(rng.integers(8, size=c)):
        if choice < 3:
            truth[:, column] = [0, 1, 0][choice]
        if choice == 2:
            truth[rng.integers(n), column] = 1
    corner, size = rng.random((n, 2, 2)), rng.normal(0.3, 0.3, (n, 2, 2))
    return scores, truth, np.round(np.concatenate([corner, corner + size], axis=2), 3)


def iou(a, b):
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    area = lambda box: np.prod(np.maximum(box[:, 2:] - box[:, :2], 0), axis=1)
    common, areas = area(np.concatenate([low, high], axis=1)), (area(a), area(b))
    union = areas[0] + areas[1] - common
    return np.where((areas[0] > 0) & (areas[1] > 0), common / np.where(union > 0, union, 1), 0)


def expected(scores, truth, boxes):
    positive, negative = truth.any(axis=0), (1 - truth).any(axis=0)
    mean = lambda metric, which: metric(truth[:, which], scores[:, which], average="weighted") if which.any() else math.nan
    each = lambda metric, which: [metric(truth[:, i], scores[:, i]) if which[i] else math.nan for i in range(truth.shape[1])]
    overlap = iou(boxes[:, 0], boxes[:, 1])
    return {"map": mean(average_precision_score, positive), "auroc": mean(roc_auc_score, positive & negative), "miou": float(overlap.mean()),
            "iou_over_half": float((overlap > 0.5).mean()), "ap": each(average_precision_score, positive), "class_auroc": each(roc_auc_score, positive & negative)}


def write_results(path, scores, truth, boxes, rng):
    run = {"refatom_results": 1, "model": "random", "file_bytes": 1, "weights": "float32", "sampling": "spread", "shard": "1/1",
           "actions": [f"class {i + 1}" for i in range(scores.shape[1])]}
    lines = [{"key": f"sample {i}", "video": "v", "caption": "", "box": boxes[i, 0].tolist(), "labels": (np.flatnonzero(truth[i]) + 1).tolist(),
              "predicted": boxes[i, 1].tolist(), "logits": [float(x) for x in scores[i]]} for i in range(len(scores))]
    lines = [lines[i] for i in rng.permutation(len(lines))]
    path.write_text("".join(json.dumps(line) + "\n" for line in [run, *lines]))


def score(program, path):
    found = json.loads(subprocess.run([program, "score", str(path), "--json"], check=True, capture_output=True).stdout)
    return {**{k: found[k] for k in ("map", "auroc", "miou", "iou_over_half")}, "ap": [c["ap"] for c in found["classes"]],
            "class_auroc": [c["auroc"] for c in found["classes"]]}


def difference(a, b):
    """Largest absolute difference; None and NaN both mean that a figure is not defined."""
    if isinstance(a, list):
        return max(difference(x, y) for x, y in zip(a, b))
    undefined = [x is None or math.isnan(x) for x in (a, b)]
    return (0.0 if all(undefined) else math.inf) if any(undefined) else abs(a - b)


def golden_text(scores, truth, want):
    """n c; map auroc; a line a class: ap auroc; then a line a sample: score and truth of every class."""
    rows = [f"{scores.shape[0]} {scores.shape[1]}", f"{want['map']:.17g} {want['auroc']:.17g}"]
    rows += [f"{a:.17g} {b:.17g}" for a, b in zip(want["ap"], want["class_auroc"])]
    rows += [" ".join(f"{s:.9g} {t}" for s, t in zip(*row)) for row in zip(scores, truth)]
    return "\n".join(rows) + "\n"


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("program")
    a.add_argument("--tables", type=int, default=3000)
    a.add_argument("--golden", type=pathlib.Path)
    args = a.parse_args()
    rng, worst, golden = np.random.default_rng(7), 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(args.tables):
            table = random_table(rng)
            want = expected(*table)
            path = pathlib.Path(folder) / "results.jsonl"
            write_results(path, *table, rng)
            found = score(args.program, path)
            for name, value in want.items():
                d = difference(value, found[name])
                worst = max(worst, d)
                if d > TOLERANCE:
                    sys.exit(f"table {i}: {name} is {found[name]}, scikit-learn says {value}")
            if len(table[0]) <= 25 and len(golden) < 60:
                golden.append(golden_text(table[0], table[1], want))
    if args.golden:
        args.golden.write_text(f"{len(golden)}\n" + "".join(golden))
    print(f"{args.tables} tables agree with scikit-learn; the largest difference is {worst:.2g}")


if __name__ == "__main__":
    main()
