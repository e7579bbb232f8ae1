"""Writes test clips as MP4 with annotations: python3 clips.py FOLDER COUNT [--split test] [--first 0] [--size 320x240] [--crf 28]

annotations.jsonl has one line per question: video, at (second of the key frame), person (from left to right at the key frame, from 0), kind, caption,
box [x1, y1, x2, y2] normalised, labels (AVA ids), others (the boxes of the other figures).
"""
import argparse
import json
import pathlib
import subprocess

import numpy as np

from captions import caption_rng, captions, questions
from render import render, truth
from scene import FPS, FRAMES, KEY_FRAME, make_scene


def write_mp4(path, pixels, crf):
    h, w = pixels.shape[1:3]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{w}x{h}", "-r", str(FPS), "-i", "-", "-an",
                    "-c:v", "libx264", "-preset", "fast", "-crf", str(crf), "-pix_fmt", "yuv420p", "-threads", "1", "-bitexact", "-movflags", "+faststart", path],
                   input=pixels.tobytes(), check=True)


def annotate(split, index):
    """(scene, questions of its captions, key boxes, order from left to right)."""
    scene = make_scene(split, index)
    boxes = truth(scene, np.array([KEY_FRAME / FPS]))[0][0]
    order = np.argsort((boxes[:, 0] + boxes[:, 2]) / 2)
    return scene, captions(scene, order, caption_rng(split, index)), boxes, order


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("folder", type=pathlib.Path)
    a.add_argument("count", type=int)
    a.add_argument("--split", default="test")
    a.add_argument("--first", type=int, default=0)
    a.add_argument("--size", default="320x240")
    a.add_argument("--crf", type=int, default=28)
    a.add_argument("--noise", type=float, help="standard deviation of the camera noise (default: the scene's own)")
    args = a.parse_args()
    w, h = map(int, args.size.split("x"))
    args.folder.mkdir(parents=True, exist_ok=True)
    clips = [annotate(args.split, args.first + i) for i in range(args.count)]
    rows = questions([c[1] for c in clips])
    annotations = args.folder / "annotations.jsonl"
    unfinished = annotations.with_suffix(".part")                   # so that the annotations exist only when all clips do
    with open(unfinished, "w") as f:
        for i, (scene, _, boxes, order) in enumerate(clips):
            name = f"{args.split}-{args.first + i:04d}.mp4"
            write_mp4(str(args.folder / name), render(scene, np.arange(FRAMES) / FPS, h, w, 1.0, args.noise), args.crf)
            rounded = np.round(boxes.astype(float), 4).tolist()
            for _, figure, kind, text in (r for r in rows if r[0] == i):
                f.write(json.dumps({"video": name, "at": KEY_FRAME / FPS, "person": int(np.where(order == figure)[0][0]), "kind": kind, "caption": text,
                                    "box": rounded[figure], "labels": scene.figures[figure].labels(),
                                    "others": [b for k, b in enumerate(rounded) if k != figure]}) + "\n")
    unfinished.rename(annotations)


if __name__ == "__main__":
    main()
