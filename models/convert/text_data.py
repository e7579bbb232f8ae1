"""Text that goes into the model file: vocabulary, stop words, class names, the person's word vector."""
import hashlib
import pathlib
import string

import numpy as np

from state_dict import ConvertError

# NLTK's English stop list since 2025-02-20; sorted bytewise, as the reader searches it.
STOP_WORDS = sorted((
    "i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he him his himself she "
    "she's her hers herself it it's its itself they them their theirs themselves what which who whom this that that'll these "
    "those am is are was were be been being have has had having do does did doing a an the and but if or because as until while "
    "of at by for with about against between into through during before after above below to from up down in out on off over "
    "under again further then once here there when where why how all any both each few more most other some such no nor not "
    "only own same so than too very s t can will just don don't should should've now d ll m o re ve y ain aren aren't couldn "
    "couldn't didn didn't doesn doesn't hadn hadn't hasn hasn't haven haven't isn isn't ma mightn mightn't mustn mustn't needn "
    "needn't shan shan't shouldn shouldn't wasn wasn't weren weren't won won't wouldn wouldn't "
    "he'd he'll he's i'd i'll i'm i've it'd it'll she'd she'll they'd they'll they're they've we'd we'll we're we've").split())

# The 80 actions of AVA; index = AVA action id - 1.
AVA_ACTIONS = """bend/bow (at the waist)|crawl|crouch/kneel|dance|fall down|get up|jump/leap|lie/sleep|martial art|run/jog|sit|\
stand|swim|walk|answer phone|brush teeth|carry/hold (an object)|catch (an object)|chop|climb (e.g., a mountain)|clink glass|\
close (e.g., a door, a box)|cook|cut|dig|dress/put on clothing|drink|drive (e.g., a car, a truck)|eat|enter|exit|extract|\
fishing|hit (an object)|kick (an object)|lift/pick up|listen (e.g., to music)|open (e.g., a window, a car door)|paint|\
play board game|play musical instrument|play with pets|point to (an object)|press|pull (an object)|push (an object)|put down|\
read|ride (e.g., a bike, a car, a horse)|row boat|sail boat|shoot|shovel|smoke|stir|take a photo|text on/look at a cellphone|\
throw|touch (an object)|turn (e.g., a screwdriver)|watch (e.g., TV)|work on a computer|write|fight/hit (a person)|\
give/serve (an object) to (a person)|grab (a person)|hand clap|hand shake|hand wave|hug (a person)|kick (a person)|\
kiss (a person)|lift (a person)|listen to (a person)|play with kids|push (another person)|\
sing to (e.g., self, a person, a group)|take (an object) from (a person)|talk to (e.g., self, a person, a group)|\
watch (a person)""".split("|")

_WORLDS_OFFSET, _WORLDS_ROWS = 336, 91
_WORLDS_SHA256 = "ed29e322b98e3eb2c182cdd3c63a3b80d61399fea474b66605995a86405c5545"


def read_lines(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as e:
        raise ConvertError(f"{path}: not UTF-8 at byte {e.start}") from None


def special_ids(path):
    """Where a vocab.txt has [CLS] and [SEP]."""
    tokens = [line.rstrip("\r") for line in read_lines(path)]
    return {key: tokens.index(token) for key, token in (("cls_id", "[CLS]"), ("sep_id", "[SEP]")) if token in tokens}


def vocabulary(path, vocab, cls_id, sep_id):
    """The vocab+1 token strings of a vocab.txt; the last is [DEC], the token that BLIP-2 adds."""
    tokens = [line.rstrip("\r") for line in read_lines(path)]
    if len(tokens) == vocab:
        tokens.append("[DEC]")
    if len(tokens) != vocab + 1 or tokens[-1] != "[DEC]":
        raise ConvertError(f"{path}: {len(tokens)} lines, but the model has {vocab} tokens (and [DEC])")
    if "[UNK]" not in tokens:
        raise ConvertError(f"{path}: [UNK] is missing")
    for token, at in (("[CLS]", cls_id), ("[SEP]", sep_id)):
        if tokens[at] != token:
            raise ConvertError(f"{path}: line {at + 1} is {tokens[at]!r}, expected {token}; this is another model's vocabulary")
    return tokens


def synthetic_vocabulary(vocab, cls_id, sep_id):
    """vocab+1 tokens that spell any ASCII text letter by letter, for models whose vocabulary is not at hand."""
    special = {0: "[PAD]", 100: "[UNK]", 103: "[MASK]", cls_id: "[CLS]", sep_id: "[SEP]", vocab: "[DEC]"}
    letters = string.digits + string.ascii_lowercase
    pieces = iter([*letters, *string.punctuation, *("##" + x for x in letters)])
    if vocab <= 100:  # too small for BERT's ids; every tokenizer needs [UNK]
        special[next(i for i in range(1, vocab + 1) if i not in special)] = "[UNK]"
    return [special[i] if i in special else next(pieces, None) or f"[unused{i}]" for i in range(vocab + 1)]


def labels(path, count):
    """-> (names, notice or None)."""
    if path:
        names = [line.strip() for line in read_lines(path)]
        if len(names) != count or not all(names):
            raise ConvertError(f"{path}: {len(names)} lines, expected the {count} names of the model's actions, one on each")
        return names, None
    if count == len(AVA_ACTIONS):
        return AVA_ACTIONS, None
    return [f"action {i + 1}" for i in range(count)], f"the model has {count} actions, not AVA's 80: name them with --labels"


def person_vector(path, width):
    """Row 0 ("person") of worlds_feature.pkl -> ([width] float32, notice or None).

    The file is a pickle; its floats are read at their place, float32 [91,width] from byte 336, and nothing is unpickled."""
    data = pathlib.Path(path).read_bytes()
    if len(data) < _WORLDS_OFFSET + 4 * _WORLDS_ROWS * width:
        raise ConvertError(f"{path}: {len(data)} bytes, too short for {_WORLDS_ROWS} word vectors of {width} values")
    vector = np.frombuffer(data, "<f4", width, _WORLDS_OFFSET)
    if not np.all(np.isfinite(vector)) or np.abs(vector).max() > 1e4:
        raise ConvertError(f"{path}: there is no word vector at byte {_WORLDS_OFFSET}; this is not the authors' file")
    known = hashlib.sha256(data).hexdigest() == _WORLDS_SHA256
    return vector, None if known else f"{path}: not the published worlds_feature.pkl; taken as it is"
