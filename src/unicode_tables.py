#!/usr/bin/env python3
"""Writes src/unicode_tables.c from the Unicode data that Python carries.

    python3 src/unicode_tables.py > src/unicode_tables.c

The committed file was made by Python 3.11 (Unicode 14.0.0); the library is built from it, never from this script. Generated tables
rather than a library (utf8proc): the core then depends on nothing but libm, cross builds need no package, and the tokenizer cannot
change its answers with the version of Unicode that a distribution happens to ship.

What makes the tables small is checked here: upper case to lower case is one code point to one (but for U+0130), and lower-casing
commutes with canonical decomposition, so that BERT's chain lower-case, NFC, lower-case, NFD, drop marks is one mapping per code point.
"""
import sys
import unicodedata

LAST = 0x10FFFF
FLAGS = ("DROP", "SPACE", "SPLIT", "PUNCTUATION", "MARK", "STARTER_MARK", "CJK", "CASED", "IGNORABLE")
CJK = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF),
       (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))
ASCII_PUNCTUATION = ((33, 47), (58, 64), (91, 96), (123, 126))
HANGUL = range(0xAC00, 0xD7A4)
SIGMA, FINAL_SIGMA = "\u03a3", "\u03c2"


def within(ranges, code):
    return any(first <= code <= last for first, last in ranges)


def strip(text):
    """NFD without non-spacing marks."""
    return "".join(x for x in unicodedata.normalize("NFD", text) if unicodedata.category(x) != "Mn")


def flags(code):
    """The set of FLAGS of one code point; their meaning stands in unicode.h."""
    char, found = chr(code), set()
    category = unicodedata.category(char)
    if category[0] == "C" and char not in "\t\n\r" or code == 0xFFFD:
        found.add("DROP")
    if category[0] == "Z" or char in "\t\n\r":
        found.add("SPACE")
    if char.isspace():
        found.add("SPLIT")
    if category[0] == "P" or within(ASCII_PUNCTUATION, code):
        found.add("PUNCTUATION")
    if category == "Mn":
        found.add("MARK")
        if any(unicodedata.combining(x) == 0 for x in unicodedata.normalize("NFD", char)):
            found.add("STARTER_MARK")
    if within(CJK, code):
        found.add("CJK")
    # Python does not show Cased and Case_Ignorable, but the final-sigma rule gives them away.
    if (char + SIGMA).lower()[-1] == FINAL_SIGMA:
        found.add("CASED")
    elif ("A" + char + SIGMA).lower()[-1] == FINAL_SIGMA:
        found.add("IGNORABLE")
    return found


def class_runs():
    """Code points where the flags change, as (code << 11 | flags)."""
    runs, previous = [], None
    for code in range(LAST + 1):
        value = sum(1 << FLAGS.index(f) for f in flags(code))
        if value != previous:
            runs.append(code << 11 | value)
            previous = value
    return runs


def lower_runs():
    """(first, last, stride, delta): every stride-th code point of first ... last has its lower case delta further."""
    runs = []
    for code in range(LAST + 1):
        low = chr(code).lower()
        assert len(low) == 1 or code == 0x130, hex(code)
        delta = ord(low[0]) - code
        if not delta:
            continue
        if runs:
            first, last, stride, d = runs[-1]
            if d == delta and code - last <= 2 and stride in (0, code - last):
                runs[-1] = (first, code, code - last, d)
                continue
        runs.append((code, code, 0, delta))
    return [(first, last, stride or 1, delta) for first, last, stride, delta in runs]


def folds():
    """The code points in lower case that NFD without marks changes: pairs (code, to) and quadruples (code, two or three and 0), flat."""
    single, several = [], []
    for code in range(LAST + 1):
        char = chr(code)
        if 0xD800 <= code <= 0xDFFF or code in HANGUL:
            continue
        lower = strip(char.lower())
        assert strip(unicodedata.normalize("NFC", char.lower()).lower()) == lower, hex(code)
        assert strip(unicodedata.normalize("NFD", char).lower()) == lower, hex(code)
        if char.lower() != char or unicodedata.category(char) == "Mn":
            continue
        assert 1 <= len(lower) <= 3, hex(code)
        if len(lower) > 1:
            several += [code, *map(ord, lower.ljust(3, "\0"))]
        elif lower != char:
            single += [code, ord(lower)]
    return single, several


def reordered():
    """Code points that move in canonical ordering and are not dropped, as (code << 8 | combining class)."""
    return [code << 8 | unicodedata.combining(chr(code)) for code in range(LAST + 1)
            if unicodedata.combining(chr(code)) and unicodedata.category(chr(code)) != "Mn"]


def write(declaration, items, form):
    name = declaration.split("[")[0].split()[-1]
    print(f"\nconst {declaration} = {{")
    line = "   "
    for item in (form(i) for i in items):
        if len(line) + len(item) > 118:
            print(line)
            line = "   "
        line += " " + item + ","
    print(line + "\n};")
    print(f"const size_t {name}_count = {len(items)};")


def record(item):
    return "{" + ", ".join(f"{x:#x}" if x >= 0 else str(x) for x in item) + "}"


def main():
    single, several = folds()
    print(f"/* Unicode {unicodedata.unidata_version}; written by unicode_tables.py, not by hand. Meaning and lookup: unicode.h, unicode.c. */")
    print('#include "unicode.h"\n\n/* clang-format off */')
    print(f'\nconst char rfa_unicode_version[] = "{unicodedata.unidata_version}";')
    write("uint32_t rfa_unicode_classes[]", class_runs(), hex)
    write("struct rfa_unicode_lower_run rfa_unicode_lowers[]", lower_runs(), record)
    write("uint32_t rfa_unicode_folds[]", single, hex)
    write("uint32_t rfa_unicode_long_folds[]", several, hex)
    write("uint32_t rfa_unicode_reordered[]", reordered(), hex)


if __name__ == "__main__":
    sys.exit(main())
