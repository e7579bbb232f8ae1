"""How far the int8 model follows the float one inside: python3 agreement.py REFATOM FLOAT.gguf INT8.gguf ANNOTATIONS VIDEOS [CLIPS]

Runs `refatom run --trace` with both models on the first question of each clip and prints the shares of equal nearest tokens (keywords, persons
among the detections), of equal person decisions of the detector, and the cosine of every stage's result.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests/convert"))
from gguf_reader import read  # noqa: E402

PERSON = 1
STAGES = ("visual", "detr_logits", "keyword_states", "sentence_states", "fused1", "fused2", "logits", "box")


def trace(refatom, model, video, caption, folder):
    out = pathlib.Path(folder) / "trace.gguf"
    subprocess.run([refatom, "run", model, "--video", video, "--caption", caption, "--trace", out], check=True, stdout=subprocess.DEVNULL)
    return read(out)[1]


def cosine(a, b):
    a, b = (np.asarray(x, np.float64).ravel() for x in (a, b))
    return a @ b / np.sqrt((a @ a) * (b @ b))


def main():
    refatom, floats, int8, annotations, videos = sys.argv[1:6]
    clips = {}
    for line in map(json.loads, open(annotations)):
        clips.setdefault(line["video"], line["caption"])
    chosen = list(clips.items())[:int(sys.argv[6]) if len(sys.argv) > 6 else None]
    keyword, box, person, stage = [], [], [], {name: [] for name in STAGES}
    with tempfile.TemporaryDirectory() as folder:
        for video, caption in chosen:
            a, b = (trace(refatom, m, pathlib.Path(videos) / video, caption, folder) for m in (floats, int8))
            keyword.append((a["keyword_index"] == b["keyword_index"]).ravel())
            persons = [x["detr_logits"].argmax(-1) == PERSON for x in (a, b)]
            person.append(persons[0] == persons[1])
            box.append((a["box_index"] == b["box_index"])[persons[0] & persons[1]].ravel())
            for name in STAGES:
                stage[name].append(cosine(a[name], b[name]))
    print(f"{len(chosen)} clips")
    for name, x in (("nearest tokens of keywords", keyword), ("nearest tokens of persons", box), ("person decisions of the detector", person)):
        x = np.concatenate(x)
        print(f"{name}: {x.mean():.4f} of {x.size} equal")
    for name in STAGES:
        print(f"cosine of {name}: mean {np.mean(stage[name]):.5f}, least {np.min(stage[name]):.5f}")


if __name__ == "__main__":
    main()
