"""Scores a checkpoint on the test split in PyTorch: python3 evaluate.py CHECKPOINT.pt|.safetensors --data FOLDER [--split test] [--clips N] [--mp4 FOLDER] [--blind captions|video] [--json OUT]

Figures: mAP and AUROC (weighted over the domain's actions), mean IoU, right person (the answer's box has its highest IoU with the
referred figure), per action and per kind of caption; with --mp4 the pixels come from the decoded videos of clips.py; and the ablations: captions, keywords, sentence or videos of another clip, no detections.
"""
import argparse
import json
import pathlib
import struct
import subprocess

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

import losses
from captions import Tokenizer, questions, vocabulary
from data import load
from model import MEAN, STD, RefAtomNet
from scene import ACTIONS, FRAMES, KEY_FRAME, SEEN_FRAMES
from train import cache, normalise, pad_ids, person_tokens


def load_model(path):
    model = RefAtomNet()
    if str(path).endswith(".pt"):
        model.load_state_dict(torch.load(path)["model"])
    else:
        raw = pathlib.Path(path).read_bytes()
        size, = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8:8 + size])
        header.pop("__metadata__", None)
        state = {k: torch.from_numpy(np.frombuffer(raw, np.float32, int(np.prod(v["shape"])), 8 + size + v["data_offsets"][0]).reshape(v["shape"]).copy())
                 for k, v in header.items()}
        model.load_state_dict(state, strict=False)
    return model.eval()


@torch.no_grad()
def answer(model, visual, person, boxes, rows, sentences, keywords, tokenizer, batch=100):
    """Logits [R,80], boxes [R,4] and, per question and frame, the token chosen by [SEP] [R,T]."""
    out, detected = [], person_tokens(model, person, boxes)
    for i in range(0, len(rows), batch):
        clips, at = torch.tensor([r[0] for r in rows[i:i + batch]]).unique(return_inverse=True)
        ids, count = pad_ids([tokenizer.keywords(t, model.config["keyword_limit"]) for t in keywords[i:i + batch]])
        sentence, _ = pad_ids([tokenizer.sentence(t) for t in sentences[i:i + batch]])
        text = model.modelblip.Qformer["bert"].text(sentence, sentence > 0)
        r = model.head(visual[clips], model.keys(ids), count, text, detected[clips], at)
        out.append((r["logits"], r["box"], r["cosine"][torch.arange(len(at)), count - 1].argmax(-1)))
    return [torch.cat(x) for x in zip(*out)]


def score(logits, box, data, rows):
    at, figure = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    truth = data["actions"][at, figure]
    s = logits[:, losses.CLASSES].numpy()
    truths = torch.from_numpy(data["key_box"][at])
    iou = losses.giou(box[:, None], truths)[1].numpy()
    iou[np.arange(4)[None] >= data["count"][at][:, None]] = -1
    mine = iou[np.arange(len(at)), figure]
    right = iou.argmax(1) == figure
    right &= mine > 0
    ap = average_precision_score(truth, s, average=None)
    kinds = np.array([r[2] for r in rows])
    names = {v: k for k, v in ACTIONS.items()}
    return {"questions": len(rows), "mAP": average_precision_score(truth, s, average="weighted"), "AUROC": roc_auc_score(truth, s, average="weighted"),
            "mIoU": float(mine.mean()), "IoU>0.5": float((mine > .5).mean()), "right person": float(right.mean()),
            "right person by figures": {int(n): round(float(right[data["count"][at] == n].mean()), 3) for n in (2, 3, 4)},
            "right person by caption": {k: round(float(right[kinds == k].mean()), 3) for k in sorted(set(kinds))},
            "AP": {names[c + 1]: round(float(a), 3) for c, a in zip(losses.CLASSES, ap)}, "share": {names[c + 1]: round(float(x), 3) for c, x in zip(losses.CLASSES, truth.mean(0))}}


@torch.no_grad()
def cache_mp4(model, folder, split, clips):
    """What train.cache returns, but from MP4 files through decoding and the resizes that the program does."""
    key_h, key_w = model.config["key_frame_size"]
    out = []
    for i in range(clips):
        path = pathlib.Path(folder) / f"{split}-{i:04d}.mp4"
        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", path], capture_output=True, check=True)
        w, h = map(int, probe.stdout.split(b","))
        raw = subprocess.run(["ffmpeg", "-v", "error", "-threads", "1", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
        video = np.frombuffer(raw, np.uint8).reshape(FRAMES, h, w, 3)
        frames = torch.from_numpy(video[SEEN_FRAMES].copy()).permute(0, 3, 1, 2).float() / 255
        frames = torch.nn.functional.interpolate(frames, (model.config["image_size"],) * 2, mode="bilinear", antialias=True, align_corners=False)
        key = np.asarray(Image.fromarray(video[KEY_FRAME]).resize((key_w, key_h), Image.BILINEAR))
        logits, boxes = model.detection_model(normalise(key[None]))[1][-1]
        out.append((model.vision(((frames - MEAN) / STD).half().float())[None], logits.argmax(-1) == model.config["person_class"], boxes))
    return [torch.cat(x) for x in zip(*out)]


def brief(name, s):
    return f"{name:28} mAP {s['mAP']:.3f}  AUROC {s['AUROC']:.3f}  mIoU {s['mIoU']:.3f}  IoU>.5 {s['IoU>0.5']:.3f}  right person {s['right person']:.3f}"


def evaluate(model, data, clips=None, ablations=True, mp4=None, split="test", blind=None):
    model.eval()
    visual, person, boxes = cache_mp4(model, mp4, split, clips) if mp4 else cache(model, data, clips=clips)
    tokenizer, rows = Tokenizer(vocabulary()), [r for r in questions(data["captions"]) if r[0] < len(visual)]
    texts = [r[3] for r in rows]
    blank = ["person"] * len(rows)
    rng = np.random.default_rng(3)
    order = rng.permutation(len(rows))
    other = [texts[k] for k in order]
    turn = torch.from_numpy(rng.permutation(len(visual)))
    cases = {"model": (texts, texts, visual, person, boxes)}
    if blind == "captions":
        cases = {"model": (blank, blank, visual, person, boxes)}
    elif blind == "video":
        cases = {"model": (texts, texts, visual[turn], person[turn], boxes[turn])}
    elif ablations:
        none = torch.zeros_like(person)
        cases |= {"captions of other clips": (other, other, visual, person, boxes), "keywords of other clips": (texts, other, visual, person, boxes),
                  "keywords removed": (texts, blank, visual, person, boxes), "sentences of other clips": (other, texts, visual, person, boxes),
                  "sentence removed": (blank, texts, visual, person, boxes), "detections removed": (texts, texts, visual, none, boxes),
                  "videos of other clips": (texts, texts, visual[turn], person[turn], boxes[turn])}
    result = {}
    for name, (sentences, keywords, v, p, b) in cases.items():
        logits, box, chosen = answer(model, v, p, b, rows, sentences, keywords, tokenizer)
        result[name] = score(logits, box, data, rows)
        if name == "model":
            weight = losses.ownership(torch.from_numpy(data["boxes"][:len(visual)]).flatten(0, 1), torch.from_numpy(data["count"][:len(visual)]).repeat_interleave(8),
                                      visual.shape[2]).unflatten(0, (len(visual), 8))
            at, figure = torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])
            wanted = weight[at, :, :, figure]
            result[name]["retrieved token shows the person"] = float((torch.gather(wanted, 2, chosen[..., None]) > 0).float().mean())
        print(brief(name, result[name]), flush=True)
    rate = data["actions"][[r[0] for r in rows], [r[1] for r in rows]].mean(0)
    prior = torch.full((len(rows), 80), -9.)
    prior[:, losses.CLASSES] = torch.from_numpy(rate).float()
    real = np.arange(4)[None] < data["count"][:, None]
    result["prior"] = score(prior, torch.from_numpy(data["key_box"][real].mean(0)).expand(len(rows), 4), data, rows)
    print(brief("prior", result["prior"]))
    return result


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("checkpoint")
    a.add_argument("--data", required=True)
    a.add_argument("--split", default="test")
    a.add_argument("--clips", type=int)
    a.add_argument("--mp4", help="folder of test-0000.mp4 ...; needs --clips")
    a.add_argument("--blind", choices=("captions", "video"), help="asks a control as it was trained: every caption \"person\", or videos of other clips")
    a.add_argument("--brief", action="store_true", help="no ablations")
    a.add_argument("--json")
    args = a.parse_args()
    torch.set_num_threads(1)
    result = evaluate(load_model(args.checkpoint), load(args.data, args.split), args.clips, not args.brief, args.mp4, args.split, args.blind)
    print(json.dumps(result["model"], indent=1))
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
