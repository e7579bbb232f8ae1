"""Captions that single out one person of a scene, never by the action, and the vocabulary they need."""
import re

import numpy as np

from scene import HATS, SHIRTS, TROUSERS

PROMPT = "Predict the fine-grained action of "
PER_CLIP = 4   # questions of a test clip, at most
KINDS = ("shirt", "trousers", "both", "hat", "place", "size", "relation")

PERSON = ("the person", "the person", "the one", "the figure", "the individual", "somebody", "someone", "the actor", "the human", "a person")
SHIRT = ("shirt", "shirt", "top", "jumper", "sweater", "pullover", "jacket", "t-shirt")
PANTS = ("trousers", "trousers", "pants", "jeans", "leggings")
HAT = ("hat", "hat", "cap")
WEAR = ("in the {}", "wearing the {}", "wearing a {}", "with the {}", "in a {}", "dressed in a {}", "who wears a {}", "with a {} on")
PLURAL = ("in {}", "wearing {}", "with {}", "in the {}", "who wears {}", "dressed in {}")
PLACES = {"left": ("on the left", "on the far left", "at the left edge", "furthest left", "on the left side", "leftmost of all"),
          "right": ("on the right", "on the far right", "at the right edge", "furthest right", "on the right side", "rightmost of all"),
          "middle": ("in the middle", "in the centre", "in the center"),
          "left2": ("second from the left", "in second place from the left", "second counting from the left"),
          "right2": ("second from the right", "in second place from the right", "second counting from the right")}
SIZES = {"big": ("biggest", "tallest", "largest"), "small": ("smallest", "shortest", "tiniest")}
EXTRA_WORDS = ("man", "woman", "guy", "boy", "girl", "player", "please", "what", "is", "doing", "which", "that", "and", "to", "next", "near", "by",
               "clothes", "coloured", "colored", "gray", "picture", "video", "clip", "scene", "side", "has", "his", "her", "their", "whose",
               "sweatshirt", "hoodie", "blouse", "shorts", "slacks", "helmet", "beanie", "sporting", "clad", "standing", "big", "small", "tall", "short")


def _pick(rng, options):
    return options[rng.integers(len(options))]


def _shirt(f, rng):
    return _pick(rng, WEAR).format(f"{f.shirt} {_pick(rng, SHIRT)}")


def _trousers(f, rng):
    return _pick(rng, PLURAL).format(f"{f.trousers} {_pick(rng, PANTS)}")


def _place(rank, n):
    places = {0: "left", n - 1: "right"}
    if n == 3:
        places[1] = "middle"
    if n == 4:
        places |= {1: "left2", 2: "right2"}
    return places.get(rank)


def _relation(who, side, anchor, rng):
    """The neighbour of the only figure in that shirt. `side` is where `who` stands seen from the anchor."""
    return _pick(rng, (f"{who} to the {side} of the {anchor} {_pick(rng, SHIRT)}", f"{who} directly {side} of the {anchor} {_pick(rng, SHIRT)}",
                       f"{who} just {side} of the person in the {anchor} {_pick(rng, SHIRT)}",
                       f"{who} on the {side} hand of the one in {anchor}"))


def captions(scene, order, rng):
    """Every kind of caption that fits: list of (figure, kind, text). order: figure indices from left to right at the key frame."""
    figures, n, out = scene.figures, len(scene.figures), []
    count = lambda key, f: sum(key(g) == key(f) for g in figures)
    heights = sorted(f.height for f in figures)
    for rank, i in enumerate(order):
        f = figures[i]
        who = lambda: _pick(rng, PERSON)
        add = lambda kind, text: out.append((int(i), kind, text))
        if count(lambda g: g.shirt, f) == 1:
            text = f"{who()} {_shirt(f, rng)}"
            if rng.random() < .15 and (side := {0: "left", n - 1: "right"}.get(rank)):
                text += f" {_pick(rng, PLACES[side][:2])}"
            add("shirt", text if rng.random() < .8 else f"whoever has the {f.shirt} {_pick(rng, SHIRT)}")
        if count(lambda g: g.trousers, f) == 1:
            add("trousers", f"{who()} {_trousers(f, rng)}")
        if count(lambda g: (g.shirt, g.trousers), f) == 1:
            joint = f"{_shirt(f, rng)} and {f.trousers} {_pick(rng, PANTS)}" if rng.random() < .6 else f"{_trousers(f, rng)} and a {f.shirt} {_pick(rng, SHIRT)}"
            add("both", f"{who()} {joint}")
        if f.hat and count(lambda g: g.hat, f) == 1:
            text = _pick(rng, WEAR).format(f"{f.hat} {_pick(rng, HAT)}")
            if sum(bool(g.hat) for g in figures) == 1 and rng.random() < .4:
                text = _pick(rng, WEAR).format(_pick(rng, HAT))
            add("hat", f"{who()} {text}")
        if (place := _place(rank, n)):
            plain = place in ("left", "right") and rng.random() < .2
            add("place", f"the {place}most {_pick(rng, ('person', 'one', 'figure', 'individual'))}" if plain else f"{who()} {_pick(rng, PLACES[place])}")
        size = "big" if f.height == heights[-1] > 1.15 * heights[-2] else "small" if 1.15 * f.height < heights[1] else None
        if size:
            add("size", f"the {_pick(rng, SIZES[size])} {_pick(rng, ('person', 'one', 'figure', 'individual', 'of them all'))}")
        for step, side in ((-1, "right"), (1, "left")):
            if 0 <= rank + step < n and count(lambda g: g.shirt, anchor := figures[order[rank + step]]) == 1:
                add("relation", _relation(who(), side, anchor.shirt, rng))
    return out


# ---------------------------------------------------------------- words and ids

STOP_WORDS = set("""i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he him his himself she
she's her hers herself it it's its itself they them their theirs themselves what which who whom this that that'll these those am is are was were be
been being have has had having do does did doing a an the and but if or because as until while of at by for with about against between into through
during before after above below to from up down in out on off over under again further then once here there when where why how all any both each
few more most other some such no nor not only own same so than too very s t can will just don don't should should've now d ll m o re ve y ain aren
aren't couldn couldn't didn didn't doesn doesn't hadn hadn't hasn hasn't haven haven't isn isn't ma mightn mightn't mustn mustn't needn needn't shan
shan't shouldn shouldn't wasn wasn't weren weren't won won't wouldn wouldn't he'd he'll he's i'd i'll i'm i've it'd it'll she'd she'll they'd they'll
they're they've we'd we'll we're we've""".split())


def pieces(text):
    """Lower-case words and single punctuation marks: what WordPiece sees when every word is in the vocabulary."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def vocabulary():
    """The word list: BERT's special tokens, and every word a caption can contain."""
    texts = [PROMPT, *PERSON, *SHIRT, *PANTS, *HAT, *WEAR, *PLURAL, *SHIRTS, *TROUSERS, *HATS, *EXTRA_WORDS,
             "whoever leftmost rightmost directly just on hand of to the them all"]
    texts += [t for table in (PLACES, SIZES) for options in table.values() for t in options]
    words = sorted({w for t in texts for w in pieces(t.replace("{}", ""))} | set(".,-'?!"))
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]


class Tokenizer:
    def __init__(self, words):
        self.ids = {w: i for i, w in enumerate(words)}
        self.unknown, self.cls, self.sep = (self.ids[w] for w in ("[UNK]", "[CLS]", "[SEP]"))

    def encode(self, text):
        return [self.cls, *(self.ids.get(p, self.unknown) for p in pieces(text)), self.sep]

    def sentence(self, caption):
        return self.encode(PROMPT + caption)

    def keywords(self, caption, limit):
        ids = self.encode(" ".join(w for w in caption.split() if w.lower() not in STOP_WORDS))
        return ids if len(ids) <= limit else ids[:limit - 1] + ids[-1:]


SWAPS = {"person": ("man", "woman", "guy", "boy", "girl", "player"), "one": ("man", "woman", "guy"), "figure": ("man", "woman"),
         "shirt": ("sweatshirt", "hoodie", "blouse"), "top": ("sweatshirt", "blouse"), "jumper": ("hoodie", "clothes"), "trousers": ("slacks", "shorts"),
         "pants": ("slacks", "shorts"), "hat": ("helmet", "beanie"), "cap": ("helmet", "beanie"), "wearing": ("sporting",), "dressed": ("clad",),
         "grey": ("gray",), "biggest": ("big",), "tallest": ("tall",), "smallest": ("small",), "shortest": ("short",)}


def vary(text, rng):
    """More ways to say a caption, used in training only: rarer words for the same thing, a question around it, a closing phrase."""
    words = [_pick(rng, SWAPS[w]) if w in SWAPS and rng.random() < .12 else w for w in text.split()]
    words = [w + " coloured" if w in SHIRTS and rng.random() < .03 else w for w in words]
    text = " ".join(words)
    if rng.random() < .06:
        text += f" in the {_pick(rng, ('picture', 'video', 'clip', 'scene'))}"
    if rng.random() < .05:
        text = _pick(rng, ("what is {} doing ?", "{} please", "{}.", "what is {} doing", "{} .")).format(text)
    return text


def caption_rng(split, index):
    return np.random.Generator(np.random.Philox(key=[99, index * 8 + ("train", "val", "test").index(split)]))


def questions(split):
    """The captions that a split is asked, of lists of (figure, kind, text), one a clip: (clip, figure, kind, text), up to PER_CLIP a clip,
    different kinds first."""
    rows = []
    for clip, options in enumerate(split):
        rng = np.random.default_rng(1000 + clip)
        order = rng.permutation(len(options))
        seen = {}
        for k in order:
            seen.setdefault(options[k][1], k)
        chosen = list(seen.values())[:PER_CLIP]
        chosen += [k for k in order if k not in chosen][:PER_CLIP - len(chosen)]
        rows += [(clip, *options[k]) for k in chosen]
    return rows
