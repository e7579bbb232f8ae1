"""annotations.py on pickles of every protocol and of hostile content. Run: python3 -m unittest discover tests/convert"""
import contextlib
import io
import json
import os
import pathlib
import pickle
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "models" / "convert"))

import annotations  # noqa: E402

KEYS = ["-5KQ66BBWC4___0902___1", "abc___1500___12", "é___0910___0"]
BOXES = [[0.125, 0.25, 0.5, 0.75], [0.0, 0.5, 1.0, 0.875], [0.1, 0.2, 0.3, 0.4]]
LABELS = [[12, 80], [1], [3, 14, 79]]
CAPTIONS = ["the man on the left", "a woman with a \"hat\"", "the child"]


class Attack:
    def __reduce__(self):
        return os.system, ("false",)


class Annotations(unittest.TestCase):
    def convert(self, boxes, labels, captions, protocol=4):
        """-> (status, rows, messages)"""
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / f"{name}.pkl" for name in ("boxes", "labels", "captions")]
            for path, value in zip(paths, (boxes, labels, captions)):
                path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
            out, err = pathlib.Path(folder) / "out.jsonl", io.StringIO()
            with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
                status = annotations.main(["--boxes", str(paths[0]), "--labels", str(paths[1]), "--captions", str(paths[2]), "-o", str(out)])
            rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []
        return status, rows, err.getvalue()

    def expect(self, boxes, labels, captions, protocol=4):
        status, rows, messages = self.convert(boxes, labels, captions, protocol)
        self.assertEqual((status, messages), (0, ""))
        want = [{"key": k, "video": k.split("___")[0], "second": int(k.split("___")[1]), "person": k.split("___")[2], "caption": c, "box": b,
                 "labels": label} for k, b, label, c in zip(KEYS, BOXES, LABELS, CAPTIONS)]
        self.assertEqual(rows, want)

    def test_every_protocol(self):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.subTest(protocol=protocol):
                self.expect({k: [b] for k, b in zip(KEYS, BOXES)}, dict(zip(KEYS, LABELS)), {k: [c] for k, c in zip(KEYS, CAPTIONS)}, protocol)

    def test_numpy(self):
        boxes = {k: np.array([b]) for k, b in zip(KEYS, BOXES)}
        labels = {k: [np.int64(x) for x in label] for k, label in zip(KEYS, LABELS)}
        for protocol in (2, 3, 4):
            with self.subTest(protocol=protocol):
                self.expect(boxes, labels, dict(zip(KEYS, CAPTIONS)), protocol)
        big = {k: [[np.array(x, dtype=">f8")[()] for x in b]] for k, b in zip(KEYS, BOXES)}
        self.expect(big, {k: np.array(label, dtype=np.uint8) for k, label in zip(KEYS, LABELS)}, dict(zip(KEYS, CAPTIONS)))

    def test_strings_and_sets(self):
        self.expect({k: [[str(x) for x in b]] for k, b in zip(KEYS, BOXES)}, {k: set(label) for k, label in zip(KEYS, LABELS)}, dict(zip(KEYS, CAPTIONS)))

    def test_joined_by_key(self):
        boxes = {k: [b] for k, b in reversed(list(zip(KEYS, BOXES)))}
        status, rows, messages = self.convert(boxes, dict(zip(KEYS, LABELS)), dict(zip(KEYS, CAPTIONS)))
        self.assertEqual((status, [r["box"] for r in rows]), (0, BOXES))
        self.assertIn("another order", messages)

    def test_refused(self):
        boxes, labels, captions = ({k: v for k, v in zip(KEYS, values)} for values in (BOXES, LABELS, CAPTIONS))
        whole = pickle.dumps(captions)
        cases = {"attack": (boxes, labels, pickle.dumps({KEYS[0]: Attack()})), "cut": (boxes, labels, whole[:len(whole) // 2]),
                 "object": (boxes, labels, pickle.dumps(captions | {KEYS[0]: pathlib.PurePosixPath("x")})), "empty": (boxes, labels, b""),
                 "list": (boxes, labels, pickle.dumps(CAPTIONS)), "label": (boxes, labels | {KEYS[1]: [81]}, captions),
                 "box": (boxes | {KEYS[1]: [[0.5, 0.5, 1.0]]}, labels, captions), "key": ({"x": BOXES[0]}, {"x": [1]}, {"x": "y"}),
                 "missing": ({k: boxes[k] for k in KEYS[:2]}, labels, captions),
                 "object array": (boxes | {KEYS[0]: np.array([Attack()])}, labels, captions),
                 "length": (boxes, labels, b"\x80\x04\x8d" + (2 ** 60).to_bytes(8, "little") + b"x")}
        for name, files in cases.items():
            with self.subTest(name):
                status, rows, messages = self.convert(*files)
                self.assertEqual((status, rows), (1, []))
                self.assertTrue(messages.startswith("annotations.py: "), messages)


if __name__ == "__main__":
    unittest.main()
