"""Trains refatom-tiny, stage by stage, with checkpoints and resume.

    python3 train.py vision|detector|head --data FOLDER --work FOLDER --steps N [--batch B] [--rate LR] [--blind captions|video]

vision    single frames: ViT, Q-Former and the keyword path (OPT, proj_text) learn what each visual token describes
detector  key frames: DETR, Hungarian matching
head      whole clips on cached visual tokens and detections: everything behind them, and the text paths
--blind   a control: captions replaced by the constant "person", or clips' visual tokens and detections by those of another clip
"""
import argparse
import json
import math
import pathlib
import struct
import time

import numpy as np
import torch

import losses
from captions import PROMPT, Tokenizer, vary, vocabulary
from data import load
from model import CONFIG, MEAN, STD, RefAtomNet, tensors

SAVE_SECONDS = 150


def normalise(pixels, jitter=False):
    """uint8 [...,h,w,3] -> float [...,3,h,w]; jitter changes gain and offset of each picture and channel a little."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).movedim(-1, -3).float() / 255
    if jitter:
        gain, offset = (torch.empty(*x.shape[:-3], c, 1, 1) for c in (1, 3))
        x = x * gain.uniform_(.88, 1.12) + offset.uniform_(-.03, .03)
    return ((x - MEAN) / STD).half().float()


def pad_ids(lists):
    out = torch.zeros(len(lists), max(map(len, lists)), dtype=torch.long)
    for row, ids in zip(out, lists):
        row[:len(ids)] = torch.tensor(ids)
    return out, torch.tensor([len(i) for i in lists])


def save_safetensors(path, arrays, metadata):
    header, offset = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, 0
    for name, a in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [offset, offset + a.nbytes]}
        offset += a.nbytes
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head)
        for a in arrays.values():
            f.write(np.ascontiguousarray(a).tobytes())


class Run:
    """One stage: model, optimiser, schedule, log and checkpoints."""

    def __init__(self, args, stage):
        self.args, self.stage = args, stage
        self.work = pathlib.Path(args.work)
        self.work.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(args.seed)
        self.data = load(args.data, "train")
        self.words = vocabulary()
        self.tokenizer = Tokenizer(self.words)
        assert len(self.words) <= CONFIG["vocab"]
        self.model, self.heads = RefAtomNet(), losses.TokenHeads(CONFIG["qformer_dim"])
        self.step, self.rng = 0, np.random.default_rng(args.seed)
        self.seconds, self.seen = 0.0, {}

    def restore(self, earlier=()):
        """Continues this stage, or starts from the parts that earlier stages trained."""
        own = self.work / f"{self.args.name}.pt"
        for name in earlier:
            state = torch.load(self.work / f"{name}.pt")
            keep = {k: v for k, v in state["model"].items() if name == earlier[0] or k.startswith("detection_model.")}
            self.model.load_state_dict(keep, strict=False)
            if name == earlier[0] and "heads" in state:
                self.heads.load_state_dict(state["heads"])
        self.resume = torch.load(own) if own.exists() else None
        if self.resume:
            self.model.load_state_dict(self.resume["model"])
            self.heads.load_state_dict(self.resume["heads"])
            self.step, self.seconds = self.resume["step"], self.resume["seconds"]
            self.rng = np.random.default_rng(self.args.seed + self.step)

    def optimise(self, groups):
        """groups: [(parameters, share of the rate)]."""
        self.rates = [self.args.rate * share for _, share in groups]
        self.optimiser = torch.optim.AdamW([{"params": p} for p, _ in groups], lr=self.args.rate, weight_decay=.02, betas=(.9, .98))
        self.parameters = [p for group, _ in groups for p in group]
        if self.resume:
            self.optimiser.load_state_dict(self.resume["optimiser"])

    def save(self):
        path = self.work / f"{self.args.name}.pt"
        torch.save({"model": self.model.state_dict(), "heads": self.heads.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step,
                    "seconds": self.seconds}, str(path) + ".new")
        pathlib.Path(str(path) + ".new").rename(path)
        export(self.model, self.work / f"{self.args.name}.safetensors", self.words)

    def loop(self, one_step):
        clock, saved = time.process_time(), time.process_time()
        while self.step < self.args.steps:
            warm, total = 150, self.args.steps
            scale = min(self.step / warm, 1) * (.02 + .98 * .5 * (1 + math.cos(math.pi * self.step / total)))
            for group, rate in zip(self.optimiser.param_groups, self.rates):
                group["lr"] = rate * scale
            loss, stats = one_step()
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0 if self.stage != "head" else 5.0)
            self.optimiser.step()
            self.step += 1
            for k, v in {"loss": loss, **stats}.items():
                self.seen.setdefault(k, []).append(float(v.detach()))
            now = time.process_time()
            self.seconds, clock = self.seconds + now - clock, now
            if self.step % 50 == 0:
                text = " ".join(f"{k} {np.mean(v):.3f}" for k, v in self.seen.items())
                print(f"{self.args.name} {self.step}/{total} {self.seconds / 60:.1f} core-min {text}", flush=True)
                self.seen = {}
            if now - saved > SAVE_SECONDS or self.step == total:
                self.save()
                saved = now

    def captions(self, clips, per_clip):
        """per_clip captions of each clip: rows (position in `clips`, figure), sentences and keyword ids."""
        rows, texts = [], []
        for at, clip in enumerate(clips):
            options = self.data["captions"][clip]
            for pick in self.rng.choice(len(options), min(per_clip, len(options)), replace=False):
                rows.append((at, options[pick][0]))
                texts.append("person" if self.args.blind == "captions" else vary(options[pick][2], self.rng))
        at, figure = torch.tensor(rows).T
        drop = lambda ids: [self.tokenizer.unknown if 0 < i < len(ids) - 1 and self.rng.random() < .02 else w for i, w in enumerate(ids)]
        sentence, _ = pad_ids([drop(self.tokenizer.sentence(t)) for t in texts])
        keyword, count = pad_ids([drop(self.tokenizer.keywords(t, CONFIG["keyword_limit"])) for t in texts])
        return at, figure, sentence, keyword, count


def export(model, path, words):
    """The checkpoint for models/convert (its configuration says how pixels are prepared), and vocab.txt beside it."""
    profile = {"sampling": "spread", "channel_order": "rgb", "fp16_pixels": True, "prompt": PROMPT, "box_sigmoid": True, "branches": "both"}
    for part, resize in (("frame", "tensor"), ("key", "pillow")):
        profile |= {f"{part}.filter": "bilinear", f"{part}.resize": resize, f"{part}.mean": [MEAN] * 3, f"{part}.std": [STD] * 3}
    save_safetensors(path, tensors(model), {"config": json.dumps(CONFIG | profile)})
    path.with_name("vocab.txt").write_text("\n".join(words) + "\n")


def tensor(x):
    return torch.from_numpy(np.ascontiguousarray(x))


# ---------------------------------------------------------------- stages

def vision(run):
    run.restore()
    model, data, heads = run.model, run.data, run.heads
    parts = [model.modelblip.visual_encoder, model.modelblip.ln_vision, model.modelblip.Qformer, model.llm_model, model.proj_text, heads]
    run.optimise([([p for m in parts for p in m.parameters()] + [model.modelblip.query_tokens], 1.0)])
    n = CONFIG["visual_tokens"]

    def step():
        clips = run.rng.integers(len(data["count"]), size=run.args.batch)
        frame = run.rng.integers(8, size=run.args.batch)
        tokens = model.vision(normalise(np.stack([data["frames"][c, f] for c, f in zip(clips, frame)]), True))
        boxes = tensor(data["boxes"][clips, frame])
        weight = losses.ownership(boxes, tensor(data["count"][clips]), n)
        loss, stats = heads.loss(tokens, weight, tensor(data["attributes"][clips]), tensor(data["actions"][clips]), boxes, tensor(data["points"][clips, frame]))
        at, figure, _, ids, count = run.captions(clips, 3)
        keys = model.keys(ids)
        cosine = torch.einsum("bsd,bnd->bsn", torch.nn.functional.normalize(keys, dim=-1), torch.nn.functional.normalize(tokens, dim=-1)[at])
        wanted = weight[at, :, figure] > .2
        importance = losses.keyword_weights(count, ids.shape[1])
        loss = loss + 1.0 * (losses.retrieval_loss(cosine, wanted[:, None]) * importance).sum(1).mean()
        last = cosine[torch.arange(len(at)), count - 1].argmax(-1)
        stats["found"] = wanted[torch.arange(len(at)), last].float().mean()
        return loss, stats

    run.loop(step)


def detector(run):
    run.restore()
    model, data = run.model.detection_model, run.data
    run.optimise([(list(model.parameters()), 1.0)])
    run.model.train()

    def step():
        clips = run.rng.integers(len(data["count"]), size=run.args.batch)
        pixels, boxes, count = normalise(data["key"][clips], True), tensor(data["key_box"][clips]), tensor(data["count"][clips])
        if run.rng.random() < .5:
            pixels, boxes = pixels.flip(-1), torch.stack([1 - boxes[..., 2], boxes[..., 1], 1 - boxes[..., 0], boxes[..., 3]], -1)
        _, layers = model(pixels)
        loss = losses.detr_loss(layers, boxes, count, CONFIG["person_class"], CONFIG["detr_classes"] - 1)
        with torch.no_grad():
            logits, predicted = layers[-1]
            person = logits.argmax(-1) == CONFIG["person_class"]
            best = (losses.giou(losses.corners(predicted)[:, None], boxes[:, :, None])[1] * person[:, None]).max(-1).values
            real = torch.arange(boxes.shape[1]) < count[:, None]
        return loss, {"recall": (best[real] > .5).float().mean(), "iou": best[real].mean(), "extra": (person.sum(1) - count).float().mean()}

    run.loop(step)


@torch.no_grad()
def cache(model, data, batch=8, clips=None):
    """Visual tokens [C,T,N,D], detection logits [C,Q,classes] reduced to a person mask [C,Q] and boxes [C,Q,4] of all clips."""
    model.eval()
    visual, person, boxes = [], [], []
    clips = len(data["count"]) if clips is None else clips
    for i in range(0, clips, batch):
        frames = normalise(data["frames"][i:i + batch][:clips - i])
        visual.append(model.vision(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]))
        logits, predicted = model.detection_model(normalise(data["key"][i:i + batch][:clips - i]))[1][-1]
        person.append(logits.argmax(-1) == model.config["person_class"])
        boxes.append(predicted)
    return torch.cat(visual), torch.cat(person), torch.cat(boxes)


def person_tokens(model, person, boxes):
    logits = torch.zeros(*person.shape, model.config["detr_classes"])
    logits[..., model.config["person_class"]] = person.float() * 2 - 1
    return model.detections(logits, boxes)


def clip_loss(run, clips, visual, person, boxes, per_clip):
    """The loss of whole clips: visual [C,T,N,D], person [C,Q] and boxes [C,Q,4] of `clips`."""
    model, data, n = run.model, run.data, CONFIG["visual_tokens"]
    at, figure, sentence, ids, count = run.captions(clips, per_clip)
    text = model.modelblip.Qformer["bert"].text(sentence, sentence > 0)
    rows = person_tokens(model, person, boxes)
    out = model.head(visual, model.keys(ids), count, text, rows, at)
    clip_truth = lambda name: tensor(data[name][clips])
    key_box = clip_truth("key_box")
    actions = torch.zeros(len(at), CONFIG["actions"])
    actions[:, losses.CLASSES] = clip_truth("actions")[at, figure].float()
    loss = losses.answer_loss(out, actions, key_box[at, figure])
    weight = losses.ownership(clip_truth("boxes").flatten(0, 1), clip_truth("count").repeat_interleave(8), n).unflatten(0, (len(clips), 8))   # [C,T,N,F]
    wanted = weight[at, :, :, figure] > .2                                                                                                # [R,T,N]
    importance = losses.keyword_weights(count, ids.shape[1])
    if run.args.blind != "captions":
        loss = loss + (losses.retrieval_loss(out["cosine"], wanted[:, None]).mean(-1) * importance).sum(1).mean()
    with torch.no_grad():                                        # which figure a detection shows
        iou = losses.giou(losses.corners(boxes)[:, :, None], key_box[:, None])[1]
        best, whom = iou.max(-1)
        shown = person & (best > .4)
        target = torch.gather(weight.permute(0, 3, 1, 2), 1, whom[..., None, None].expand(-1, -1, 8, n)) > .2                              # [C,Q,T,N]
    if shown.any():
        loss = loss + .3 * (losses.retrieval_loss(out["box_cosine"], target).mean(-1) * shown).sum() / shown.sum()
    with torch.no_grad():
        iou = losses.giou(out["box"][:, None], key_box[at])[1].masked_fill(torch.arange(4) >= clip_truth("count")[at][:, None], -1)
        last = out["cosine"][torch.arange(len(at)), count - 1].argmax(-1)
        found = torch.gather(wanted, 2, last[..., None]).float().mean()
        positive = out["logits"].sigmoid()[actions > 0].mean()
        stats = {"iou": iou[torch.arange(len(at)), figure].mean(), "person": (iou.argmax(-1) == figure).float().mean(), "found": found, "p+": positive}
    return loss, stats


def head_parameters(model):
    """What follows visual tokens and detections, and the parts of the text paths that the image path does not share."""
    own = [p for name, p in model.named_parameters() if p.requires_grad and not name.startswith(("modelblip.", "detection_model."))]
    text = [p for name, p in model.modelblip.Qformer.named_parameters() if any(k in name for k in ("intermediate.", ".output.dense", ".output.LayerNorm", "word_emb", "position_emb"))
            and "attention" not in name]
    return own + text


def head(run):
    run.restore(("vision", "detector"))
    path = run.work / "cache.pt"
    if path.exists():
        visual, person, boxes = torch.load(path)
    else:
        visual, person, boxes = cache(run.model, run.data)
        torch.save((visual, person, boxes), path)
    run.model.train()
    run.optimise([(head_parameters(run.model), 1.0)])

    def step():
        clips = run.rng.choice(len(visual), run.args.batch, replace=False)
        shown = run.rng.permutation(clips) if run.args.blind == "video" else clips
        return clip_loss(run, clips, visual[shown], person[shown], boxes[shown], 5)

    run.loop(step)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("stage", choices=("vision", "detector", "head"))
    a.add_argument("--data", required=True)
    a.add_argument("--work", required=True)
    a.add_argument("--steps", type=int, required=True)
    a.add_argument("--batch", type=int, default=64)
    a.add_argument("--rate", type=float, default=1e-3)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--name", help="of the checkpoint (default: the stage)")
    a.add_argument("--blind", choices=("captions", "video"))
    a.add_argument("--threads", type=int, default=1)
    args = a.parse_args()
    args.name = args.name or args.stage
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    {"vision": vision, "detector": detector, "head": head}[args.stage](Run(args, args.stage))


if __name__ == "__main__":
    main()
