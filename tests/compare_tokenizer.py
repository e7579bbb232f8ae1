#!/usr/bin/env python3
"""Compares src/text.c with the Python packages that the reference model uses, on some 230,000 strings.

    python3 -m venv VENV && VENV/bin/pip install "transformers<5" tokenizers
    VENV/bin/python tests/compare_tokenizer.py TOOL VOCAB                   TOOL: built from tests/tool_tokenize.c
    VENV/bin/python tests/compare_tokenizer.py TOOL VOCAB --golden tests/data

VOCAB is the vocab.txt of bert-base-uncased (30,522 lines). Three things must be equal on every string:

* ids, with BertTokenizer (the Python one that LAVIS loads, with [DEC] added): every code point of the planes in use, alone in a word,
  and sentences, words and nonsense in many scripts;
* ids, with the compiled `tokenizers` package, on the strings whose characters are as old as Unicode 3.2: that package carries older
  tables than Python and keeps characters that they do not know;
* the keyword string, with str.split() and str.lower().

The tables of the library are of one Unicode version, so Python must be of the same (3.11 for 14.0.0). --golden writes a small
vocabulary and some hundred strings with the reference's answers for tests/test_text.c.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers
from tokenizers.implementations import BertWordPieceTokenizer
from transformers.models.bert.tokenization_bert import BertTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
STOP = sorted("i me my the a an of in on with what's don't who is s t στάς i̇ οδος it's was".split(), key=str.encode)

SENTENCES = """Predict the fine-grained action of the person in the red shirt on the left.
the man, who's wearing a T-shirt (blue?), is talking to the woman @ 5:30pm -- isn't he?
Unaffable unbelievable antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis
$3.50 + 20% = £4.20; €5 & ¥600 ~ #1 *star* _under_ a\\b c|d {e} [f] <g> `h` ^i 
Der Mann läuft über die Straße; größer, Äpfel, ÖL, ẞ, Maßstab
L’homme à côté de l’église a mangé des crêpes ; Noël, œuvre, cœur, ÇA, garçon naïf
El niño pequeño está corriendo. ¿Dónde? ¡Aquí! señora, pingüino
Zażółć gęślą jaźń. Příliš žluťoučký kůň úpěl ďábelské ódy. ŁÓDŹ Čeština
İstanbul'da ılık bir IŞIK, ÇİĞ köfte, DİYARBAKIR ıI iİ
Ο άνθρωπος ΤΡΕΧΕΙ ΣΤΟΥΣ ΔΡΟΜΟΥΣ. ΟΔΟΣ Σ ΣΑΣ. ᾳ ᾼ ᾷ ὅς ΐ ΰ Ωμέγα
Быстрая коричневая лиса ПРЫГАЕТ через ленивую собаку; ёлка, йод, Їжак, ЂУРАЂ
האיש רץ ברחוב. שָׁלוֹם עֲלֵיכֶם „ציטוט”
الرجل يركض في الشارع. مُحَمَّدٌ، ماذا؟ ٣٤٥ لا إله
वह आदमी दौड़ रहा है। क़िताब हिन्दी १२३ कि॑
মানুষটি দৌড়াচ্ছে। কো কৌ য়
ஒரு மனிதன் ஓடுகிறான். கொ கோ கௌ
คนกำลังวิ่งอยู่บนถนน น้ำ ที่
ཀྲུང་གོ རྒྱལ་ཁབ། ཱི ཱུ
那个人在跑步。穿红衣服的人 「你好」、世界！ 1234５６７８
男の人が走っています。カタカナ ﾊﾝｶｸ がぎぐげご パピプ ゛゜ 々
그 남자는 거리를 달리고 있다. 한국어 각 값 뷁 ᄒᆞᆫ 〮〯
Người đàn ông đang chạy trên đường phố. Việt Nam ẤẦẨẪẬ ự
Đorđe Þór Æsir ð ŋ ß ſ ﬁ ﬂ ŉ ǰ Å K Ω ℃ № ™ ½ ² ₃ Ⅷ ①
👩‍👩‍👧‍👦 🏃🏽‍♂️ ❤️ 😀 🇩🇪 flags \u200b zero\u200bwidth soft\u00adhyphen \ufeffbom
\u202eright to left\u202c \u2066isolate\u2069 a\u0000b c\ufffdd \ud7ff \ue000private
tab\there\rno\u00a0break\u3000wide\u2003em\u2028line\u2029para\u0085nel\u000bvt\u000cff\u001cfs\u1680ogham\u180emvs
e\u0301 E\u0301 e\u0323\u0302 \u1ec7 \u1e69 s\u0323\u0307 s\u0307\u0323 \u212b \u2126 \u0344 \u0374 \u037e \u0387 \u1fef
[CLS] a [SEP][PAD]b[MASK].[UNK] x[DEC]y [cls] [CLS [[CLS]] [ CLS ] [unused1] ##ing # #
𝐁𝐨𝐥𝐝 𝒮𝒸𝓇𝒾𝓅𝓉 𝔸𝔹 ＦＵＬＬ ｗｉｄｔｈ 𐐀𐐨 𐒰 Ა Ꭰ ꭰ ⴀ Ⴀ 𞤀 𝅗𝅥 𝅘𝅥𝅯 𑂚 𑍋
豈 更 車 﨎 丽 你 𠀀 㐀 ⼀ ⺀ 〇 ㆒ 一二 漢̀字
... --- ___ ‘quoted’ “double” «guillemets» … – — ― ‖ § ¶ † • ′ ″ ‽ ⁂ 。 、 ・ ！ ？ （） 【】 ﹏ ‿
x""".split("\n")
CAPTION = {"who": "the man|the woman|a person|the boy|the girl|the tall guy|the lady|an older man|the player|The child".split("|"),
           "what": "in the red shirt|wearing a blue jacket|with long blonde hair|holding a cup|in the striped T-shirt|with glasses,|"
                   "who's dancing|carrying the child|standing next to the car|in a black-and-white dress|talking on the phone".split("|"),
           "where": "on the left|on the right|in the middle|in the background.|near the door|behind the table|at the back of the room|"
                    "closest to the camera|sitting on the sofa|to the left of the woman in white!".split("|")}


def used_code_points():
    """Planes 0 to 3 as far as they hold characters, the tags and variation selectors, and a few others."""
    return [c for c in range(0x32400) if not 0xD800 <= c <= 0xDFFF] + list(range(0xE0000, 0xE0200)) + [0xF0000, 0x10FFFD, 0x10FFFF]


class Strings:
    def __init__(self, seed, vocabulary):
        self.random, self.vocabulary = random.Random(seed), vocabulary
        self.characters = [chr(c) for c in used_code_points()]
        assigned = [c for c in self.characters if unicodedata.category(c)[0] != "C"]
        self.groups = [
            assigned, [c for c in assigned if unicodedata.category(c)[0] == "M"],
            [c for c in assigned if unicodedata.combining(c) and unicodedata.category(c) == "Mc"],
            [c for c in assigned if unicodedata.decomposition(c)], [c for c in assigned if c.lower() != c],
            [c for c in assigned if unicodedata.category(c)[0] in "PSZ"], [c for c in assigned if ord(c) < 0x250],
            [chr(c) for c in range(33, 127)], list("Σσςͅ.'·:aA\u0301\u00ad Σ"), list(" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2028\u3000\u200b"),
            [chr(c) for c in (*range(0x1100, 0x1200), *range(0xAC00, 0xD7A4, 13))], SPECIAL + ["[", "]", "CLS", "\n", "\u200d"],
        ]

    def caption(self):
        return " ".join(self.random.choice(CAPTION[k]) for k in ("who", "what", "where"))

    def nonsense(self):
        """A few runs, each from one group of characters."""
        return "".join("".join(self.random.choices(self.random.choice(self.groups), k=self.random.randint(1, 6)))
                       for _ in range(self.random.randint(1, 8)))

    def pieces(self):
        """Vocabulary entries glued together, in changing case, sometimes with accents."""
        words = []
        for _ in range(self.random.randint(1, 12)):
            word = "".join(self.random.choice(self.vocabulary).removeprefix("##") for _ in range(self.random.randint(1, 3)))
            word = self.random.choice((word, word.upper(), word.title(), "".join(c + self.random.choice(("", "\u0301")) for c in word)))
            words.append(word)
        return self.random.choice(("", " ", " ", ", ", "-")).join(words)

    def long_word(self):
        """Words around the limit of 100 characters, which counts after decomposition and without marks."""
        length = self.random.randint(96, 104)
        filler = self.random.choice(("a", "a\u0301", "é", "ing", "가", "각", "\U0001d15e", "a\u200b", "ก", "क्"))
        word = (filler * length)[:length] if self.random.random() < 0.5 else filler * (length // len(filler))
        return self.random.choice(("", "x ", "(", "[CLS]")) + word + self.random.choice(("", " y", ".", "[SEP]", "漢"))

    def altered(self):
        """A sentence with characters replaced, doubled, removed or cut."""
        text = list(self.random.choice(SENTENCES))
        for _ in range(self.random.randint(1, 5)):
            at = self.random.randrange(len(text))
            text[at] = self.random.choice(("", text[at] * 2, text[at].upper(), self.random.choice(self.random.choice(self.groups))))
        return "".join(text[self.random.randint(0, 3):])

    def make(self, count):
        kinds = (self.caption, self.nonsense, self.nonsense, self.pieces, self.long_word, self.altered)
        return [kinds[i % len(kinds)]() for i in range(count)]

    def sweep(self):
        """Every code point inside a word: whether it is dropped, splits the word, stands alone or changes."""
        return [f"a{c}b" for c in self.characters]


def run_tool(tool, arguments, strings):
    data = b"".join(s.encode() + b"\xff" for s in strings)
    return subprocess.run([tool, *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def tool_ids(tool, vocab, strings):
    lines = run_tool(tool, [vocab], strings).decode().split("\n")[:-1]
    return [[int(x) for x in line.split()] for line in lines]


def slow_tokenizer(vocab):
    tokenizer = BertTokenizer(str(vocab), do_lower_case=True)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    tokenizer.model_max_length = 1 << 30
    return tokenizer


def fast_tokenizer(vocab):
    tokenizer = BertWordPieceTokenizer(str(vocab), lowercase=True)
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def is_old(text):
    """Whether every character is as it was in Unicode 3.2, the version that Python keeps beside its own."""
    old = unicodedata.ucd_3_2_0
    return all(old.category(c) != "Cn" and old.category(c) == unicodedata.category(c) and
               old.normalize("NFD", c) == unicodedata.normalize("NFD", c) for c in text)


def keyword_text(text):
    return " ".join(w for w in text.split() if w.lower() not in STOP)


def report(name, strings, ours, theirs):
    wrong = [i for i in range(len(strings)) if ours[i] != theirs[i]]
    print(f"{name}: {len(strings) - len(wrong)} of {len(strings)} equal")
    for i in wrong[:5]:
        print(f"  {strings[i]!a}\n    refatom   {ours[i]}\n    reference {theirs[i]}")
    return bool(wrong) or len(ours) != len(strings)


def escape(text):
    """One line of ASCII: \\xHH for every byte of the UTF-8 that is not printable ASCII, or is a backslash."""
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02x}" for b in text.encode())


def write_golden(folder, vocabulary, strings):
    """A vocabulary of the pieces that the strings use (and every 60th other one), and the answers of the slow tokenizer with it."""
    with tempfile.TemporaryDirectory() as temporary:
        path = pathlib.Path(temporary) / "vocab.txt"
        path.write_text("\n".join(vocabulary) + "\n")
        used = {i for ids in (slow_tokenizer(path)(s)["input_ids"] for s in strings) for i in ids}
    small = [t for i, t in enumerate(vocabulary) if i in used or i % 60 == 0 or t in SPECIAL]
    path = folder / "wordpiece_vocab.txt"
    path.write_text("\n".join(small) + "\n")
    slow = slow_tokenizer(path)
    lines = [" ".join(map(str, slow(s)["input_ids"])) + "\t" + escape(s) for s in strings]
    (folder / "wordpiece_cases.txt").write_text("\n".join(lines) + "\n")
    print(f"{folder}: {len(small)} tokens, {len(lines)} cases")


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    a.add_argument("tool")
    a.add_argument("vocab")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--count", type=int, default=24000, help="generated strings beside the sweep of all code points")
    a.add_argument("--golden", type=pathlib.Path, metavar="FOLDER")
    o = a.parse_args()
    version = run_tool(o.tool, ["--unicode"], []).decode().strip()
    if version != unicodedata.unidata_version:
        sys.exit(f"the library has Unicode {version}, this Python {unicodedata.unidata_version}: use a Python with {version}")
    vocabulary = pathlib.Path(o.vocab).read_text(encoding="utf-8").rstrip("\n").split("\n")
    source = Strings(o.seed, vocabulary)
    sentences = [*SENTENCES, "", " \t\n", "two\nlines\r\nand\rmore", "\u0301", "[SEP]"]
    if o.golden:
        return write_golden(o.golden, vocabulary, sentences + source.make(300))
    strings = sentences + source.make(o.count) + source.sweep()
    ours = tool_ids(o.tool, o.vocab, strings)
    slow, fast = slow_tokenizer(o.vocab), fast_tokenizer(o.vocab)
    failed = report("ids, BertTokenizer", strings, ours, [slow(s)["input_ids"] for s in strings])
    old = [i for i, s in enumerate(strings) if is_old(s)]
    failed |= report(f"ids, tokenizers {tokenizers.__version__}", [strings[i] for i in old], [ours[i] for i in old],
                     [e.ids for e in fast.encode_batch([strings[i] for i in old])])
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as stop:
        stop.write("\n".join(STOP) + "\n")
        stop.flush()
        found = run_tool(o.tool, ["--keywords", stop.name], strings).split(b"\xff")[:-1]
    failed |= report("keyword strings", strings, found, [keyword_text(s).encode() for s in strings])
    return failed


if __name__ == "__main__":
    sys.exit(main())
