"""The share of `refatom eval` results whose box overlaps the referred figure more than any other: python3 right_person.py ANNOTATIONS RESULTS [RESULTS]

With a second file of results (int8 beside float), also how often both point at the same figure.
"""
import json
import sys


def iou(a, b):
    w, h = (max(0.0, min(a[k + 2], b[k + 2]) - max(a[k], b[k])) for k in (0, 1))
    area = lambda x: max(0.0, x[2] - x[0]) * max(0.0, x[3] - x[1])
    return w * h / max(area(a) + area(b) - w * h, 1e-12)


def chosen(annotations, path):
    """{(video, caption, box): index of the figure with the highest IoU, 0 = the referred one, -1 = none is touched}."""
    out = {}
    for line in map(json.loads, open(path)):
        if "predicted" in line:
            key = (line["video"], line["caption"], tuple(line["box"]))
            overlaps = [iou(line["predicted"], b) for b in (line["box"], *annotations[key])]
            out[key] = overlaps.index(max(overlaps)) if max(overlaps) > 0 else -1
    return out


def main():
    annotations = {(a["video"], a["caption"], tuple(a["box"])): a["others"] for a in map(json.loads, open(sys.argv[1]))}
    results = [chosen(annotations, path) for path in sys.argv[2:4]]
    for path, answers in zip(sys.argv[2:], results):
        print(f"{path}: {len(answers)} questions, right person {sum(v == 0 for v in answers.values()) / len(answers):.4f}")
    if len(results) == 2:
        both = results[0].keys() & results[1].keys()
        print(f"same person in both: {sum(results[0][k] == results[1][k] for k in both) / len(both):.4f}")


if __name__ == "__main__":
    main()
