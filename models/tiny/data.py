"""Renders a split once into plain arrays on disk. python3 data.py FOLDER SPLIT COUNT [WORKER OF]

frames.u8 [N,8,112,112,3], key.u8 [N,144,192,3]; truth.npz with, for up to 4 figures, boxes [N,8,4,4], key_box [N,4,4], points [N,8,4,6,2],
attributes [N,4,8], actions [N,4,15], count [N]; captions.json, a list per clip of (figure, kind, text).
"""
import json
import pathlib
import sys

import numpy as np

from captions import caption_rng, captions
from render import render, truth
from scene import ACTION_IDS, FPS, HATS, KEY_FRAME, SEEN, SEEN_FRAMES, SHIRTS, TROUSERS, make_scene

SIZE, KEY_SIZE, MOST = 112, (144, 192), 4


def one(split, index):
    """Everything about one clip that training needs, as a dict of arrays."""
    scene = make_scene(split, index)
    rng = np.random.Generator(np.random.Philox(key=[77, scene.look]))
    seen, key = SEEN_FRAMES / FPS, np.array([KEY_FRAME / FPS])
    soft, quality = rng.uniform(1.0, 1.7), int(rng.integers(55, 96)) if rng.random() < .5 else None
    out = {"frames": render(scene, seen, SIZE, SIZE, soft, jpeg=quality), "key": render(scene, key, *KEY_SIZE, soft, jpeg=quality)[0]}
    n = len(scene.figures)
    boxes, points = truth(scene, seen)
    key_box = truth(scene, key)[0][0]
    pad = lambda a, axis: np.pad(a, [(0, MOST - n if i == axis else 0) for i in range(a.ndim)]).astype(np.float32)
    order = np.argsort((key_box[:, 0] + key_box[:, 2]) / 2)
    out |= {"boxes": pad(boxes, 1), "points": pad(points, 1), "key_box": pad(key_box, 0), "count": n}
    figures = scene.figures
    shirts, trousers, hats = list(SHIRTS), list(TROUSERS), ["", *HATS]
    rank = np.empty(n, int)
    rank[order] = np.arange(n)
    heights = [f.height for f in figures]
    neighbour = lambda r: shirts.index(figures[order[r]].shirt) if 0 <= r < n else len(shirts)
    attributes = [[shirts.index(f.shirt), trousers.index(f.trousers), hats.index(f.hat), rank[i], n - 1 - rank[i],
                   1 + (f.height == max(heights)) - (f.height == min(heights)), neighbour(rank[i] - 1), neighbour(rank[i] + 1)]
                  for i, f in enumerate(figures)]
    out["attributes"] = np.pad(np.array(attributes), ((0, MOST - n), (0, 0))).astype(np.int8)
    out["actions"] = np.pad(np.array([[a in f.labels() for a in ACTION_IDS] for f in figures]), ((0, MOST - n), (0, 0)))
    texts = captions(scene, order, caption_rng(split, index))
    return out, texts


def main():
    folder, split, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    worker, of = (int(v) for v in sys.argv[4:6]) if len(sys.argv) > 4 else (0, 1)
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {"frames": (SEEN, SIZE, SIZE, 3), "key": (*KEY_SIZE, 3)}
    for name, shape in kinds.items():
        path = folder / f"{split}.{name}.u8"
        if not path.exists() or path.stat().st_size != count * int(np.prod(shape)):
            with open(path, "ab") as f:                              # never cuts what the other worker wrote
                f.truncate(count * int(np.prod(shape)))
    pixels = {name: np.memmap(folder / f"{split}.{name}.u8", np.uint8, "r+", shape=(count, *shape)) for name, shape in kinds.items()}
    rows, texts = [], []
    for i in range(worker, count, of):
        row, text = one(split, i)
        for name in kinds:
            pixels[name][i] = row.pop(name)
        rows.append(row)
        texts.append(text)
    np.savez(folder / f"{split}.truth.{worker}of{of}.npz", **{k: np.stack([r[k] for r in rows]) for k in rows[0]})
    (folder / f"{split}.captions.{worker}of{of}.json").write_text(json.dumps(texts))


def load(folder, split):
    """Pixels as memory maps, truth as arrays, captions as a list per clip of (figure, kind, text)."""
    folder = pathlib.Path(folder)
    parts = sorted(folder.glob(f"{split}.truth.*.npz"))
    of = len(parts)
    loaded = [np.load(folder / f"{split}.truth.{k}of{of}.npz") for k in range(of)]
    texts = [json.loads((folder / f"{split}.captions.{k}of{of}.json").read_text()) for k in range(of)]
    count = sum(len(t) for t in texts)
    out = {}
    for name in loaded[0].files:
        whole = np.empty((count, *loaded[0][name].shape[1:]), loaded[0][name].dtype)
        for k in range(of):
            whole[k::of] = loaded[k][name]
        out[name] = whole
    out["captions"] = [None] * count
    for k in range(of):
        out["captions"][k::of] = texts[k]
    out["frames"] = np.memmap(folder / f"{split}.frames.u8", np.uint8, "r", shape=(count, SEEN, SIZE, SIZE, 3))
    out["key"] = np.memmap(folder / f"{split}.key.u8", np.uint8, "r", shape=(count, *KEY_SIZE, 3))
    return out


if __name__ == "__main__":
    main()
