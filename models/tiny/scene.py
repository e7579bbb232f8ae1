"""Clips of refatom-tiny as numbers: who stands where, wears what and moves how. No pixels here.

The world is 4/3 wide and 1 high, x to the right, y down. A scene is a function of time, so training renders only the
frames the network sees and an MP4 renders all 90, from the same scene. Everything follows from (split, index).
"""
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 4 / 3, 1.0
FPS, FRAMES, SEEN = 30, 90, 8
SEEN_FRAMES = np.array([i * (FRAMES - 1) // (SEEN - 1) for i in range(SEEN)])     # floor(i (n - 1) / (T - 1))
KEY_FRAME = FRAMES // 2
SPLITS = {"train": 1, "val": 2, "test": 3}                                        # disjoint seeds

# AVA action ids
ACTIONS = {"bend": 1, "crouch": 3, "dance": 4, "fall": 5, "get up": 6, "jump": 7, "lie": 8, "run": 10, "sit": 11, "stand": 12,
           "walk": 14, "phone": 15, "carry": 17, "clap": 67, "wave": 69}
ACTION_IDS = sorted(ACTIONS.values())
POSTURES = ("stand", "walk", "run", "sit", "crouch", "lie", "bend", "jump", "dance", "fall", "get up")
POSTURE_SHARE = np.array([15, 14, 8, 14, 9, 7, 7, 7, 7, 6, 6]) / 100
ARMS = ("phone", "carry", "clap", "wave")
ARM_RATE = {"stand": 0.75, "walk": 0.72, "sit": 0.72, "crouch": 0.3}              # how often the arms do something of their own
SPAN = {"stand": .44, "walk": .54, "run": .70, "sit": .50, "crouch": .52, "lie": 1.02, "bend": .62, "jump": .54, "dance": .66,
        "fall": 1.00, "get up": .85}                                              # width needed, in body heights

LEAN = {"bend": -.17, "lie": .02, "fall": .02, "get up": .02, "sit": -.06, "crouch": -.04}     # pelvis from the middle of the strip

SHIRTS = {"red": (200, 30, 35), "orange": (240, 130, 25), "yellow": (240, 220, 50), "green": (35, 145, 60),
          "blue": (35, 75, 205), "purple": (140, 50, 165), "white": (238, 238, 238), "black": (32, 32, 36)}
TROUSERS = {"black": (28, 28, 32), "white": (232, 232, 232), "blue": (40, 70, 170), "brown": (115, 70, 35),
            "grey": (128, 130, 134), "green": (40, 120, 60)}
HATS = {"red": (215, 25, 30), "yellow": (245, 225, 40), "green": (20, 160, 60), "blue": (30, 90, 225), "white": (245, 245, 245)}
SKINS = ((241, 201, 165), (224, 172, 130), (198, 134, 90), (141, 85, 54), (95, 60, 40))
HAIRS = ((30, 25, 22), (80, 50, 25), (190, 150, 80), (150, 150, 150), (130, 50, 25))
OBJECTS = ((200, 160, 100), (220, 60, 60), (70, 150, 220), (90, 180, 90), (235, 235, 235))
PHONES = ((20, 20, 22), (240, 240, 245), (60, 220, 230))

TORSO, THIGH, SHIN, ARM, NECK = .30, .23, .23, .17, .115                          # lengths in body heights
R_HEAD, R_TORSO, R_LEG, R_SHIN, R_ARM, R_HAND = .080, .085, .055, .046, .038, .042


@dataclass
class Figure:
    posture: str
    arm: str            # "" or one of ARMS
    shirt: str
    trousers: str
    hat: str            # "" or a colour
    height: float       # body height in world units
    x: float            # of the pelvis at rest
    ground: float       # y of the ground under the feet
    facing: int
    travel: float       # walked or run in the 3 seconds, world units, signed
    rate: float         # tempo factor
    phase: float
    start: float        # when a fall or getting up begins, seconds
    paint: dict         # exact colours

    def labels(self):
        return sorted({ACTIONS[self.posture]} | ({ACTIONS[self.arm]} if self.arm else set()))


@dataclass
class Scene:
    figures: list
    seed: tuple
    look: int           # seed of background, furniture and noise


def _rng(split, index, stream=0):
    return np.random.Generator(np.random.Philox(key=[SPLITS[split] * 1000003 + stream, index]))


def _paint(rng, colour):
    return np.clip(np.asarray(colour, np.float32) + rng.normal(0, 9) + rng.normal(0, 5, 3), 0, 255)


def _figure(rng):
    posture = POSTURES[rng.choice(len(POSTURES), p=POSTURE_SHARE)]
    arm = ARMS[rng.integers(1 if posture == "crouch" else 4)] if rng.random() < ARM_RATE.get(posture, 0) else ""
    shirt, trousers = (list(d)[rng.integers(len(d))] for d in (SHIRTS, TROUSERS))
    hat = list(HATS)[rng.integers(len(HATS))] if rng.random() < .35 else ""
    pick = lambda table: _paint(rng, table[rng.integers(len(table))])
    paint = {"shirt": _paint(rng, SHIRTS[shirt]), "trousers": _paint(rng, TROUSERS[trousers]), "skin": pick(SKINS), "hair": pick(HAIRS),
             "object": pick(OBJECTS), "phone": pick(PHONES), "shoe": _paint(rng, (60, 50, 45))}
    if hat:
        paint["hat"] = _paint(rng, HATS[hat])
    return Figure(posture, arm, shirt, trousers, hat, rng.uniform(.5, .86), 0.0, rng.uniform(.88, .98), int(rng.choice((-1, 1))), 0.0,
                  rng.uniform(.85, 1.15), rng.uniform(0, 2 * np.pi), rng.uniform(.6, 1.6), paint)


def make_scene(split, index):
    """The scene of one clip: 2 to 4 figures, each with a strip of the picture of its own."""
    rng = _rng(split, index)
    figures = [_figure(rng) for _ in range(rng.choice((2, 3, 4), p=(.42, .37, .21)))]
    need = sum(SPAN[f.posture] * f.height for f in figures)
    shrink = min(1.0, 1.28 / need)
    for f in figures:
        f.height = max(f.height * shrink, .34)
    need = np.array([SPAN[f.posture] * f.height for f in figures])
    gaps = rng.dirichlet(np.ones(len(figures) + 1)) * max(WIDTH - .02 - need.sum(), 0)
    x = .01
    for f, width, gap in zip(figures, need, gaps):
        x += gap
        f.x = x + width / 2
        x += width
        if f.posture in ("walk", "run"):
            f.travel = f.facing * width * (.30 if f.posture == "walk" else .22) * rng.uniform(.7, 1.2)
        f.x += f.facing * f.height * LEAN.get(f.posture, 0)
    return Scene(figures, (split, index), int(rng.integers(2 ** 31)))


# ---------------------------------------------------------------- motion: angles in degrees over time [T]

def _pose(t, torso=0.0, thighs=(5, -5), knees=(0, 0), arms=(14, -14), elbows=(8, -8), lift=0.0, sway=0.0, width=.08):
    full = lambda v: np.zeros_like(t) + v
    return {"torso": full(torso), "thigh": [full(v) for v in thighs], "knee": [full(v) for v in knees], "arm": [full(v) for v in arms],
            "elbow": [full(v) for v in elbows], "lift": full(lift), "sway": full(sway), "width": full(width)}


def _mix(a, b, s):
    mix = lambda x, y: [mix(u, v) for u, v in zip(x, y)] if isinstance(x, list) else (1 - s) * x + s * y
    return {k: mix(a[k], b[k]) for k in a}


def _posture(f, t):
    s = lambda hz, shift=0.0: np.sin(2 * np.pi * hz * f.rate * t + f.phase + shift)
    if f.posture == "walk":
        a = s(.95)
        return _pose(t, 5, (27 * a, -27 * a), (12 + 22 * np.maximum(-s(.95, 1.0), 0), 12 + 22 * np.maximum(s(.95, 1.0), 0)),
                     (-26 * a, 26 * a), (14, 14), .012 * a * a, width=.04)
    if f.posture == "run":
        a = s(1.6)
        return _pose(t, 17, (12 + 48 * a, 12 - 48 * a), (48 - 40 * a, 48 + 40 * a), (-52 * a, 52 * a), (88, 88), .05 * np.abs(s(1.6, 1.57)),
                     width=.035)
    if f.posture == "sit":
        return _pose(t, -6 + 2 * s(.3), (84, 76), (86, 78), (24, 14), (48, 52), width=.05)
    if f.posture == "crouch":
        return _pose(t, 24 + 4 * s(.35), (112, 84), (142, 128), (48, 36), (30, 34), width=.05)
    if f.posture == "lie":
        return _pose(t, 87 + s(.3), (-86, -80), (2, 14), (-80, -68), (6, 14), width=.02)
    if f.posture == "bend":
        return _pose(t, 70 + 20 * s(.42), (-6, 8), (2, 4), (4 + 8 * s(.42), -8), (6, 8), width=.04)
    if f.posture == "jump":
        a = s(.95)
        high, low = np.maximum(a, 0), np.maximum(-a, 0)
        return _pose(t, 4, (8 + 30 * low, -8 + 30 * low), (58 * low, 58 * low), (20 + 125 * high, -20 - 125 * high), (10, -10), .24 * high)
    if f.posture == "dance":
        a = s(.75)
        return _pose(t, 14 * a, (16 + 10 * a, -16 + 10 * a), (14 * np.abs(a), 14 * np.abs(s(.75, .8))), (112 + 38 * s(.75, 1.0), -112 + 38 * s(.75, 2.0)),
                     (46, -46), 0, .09 * a)
    stand = _pose(t, 2 * s(.25), (6, -6), (0, 0), (14 + 2 * s(.3), -14 - 2 * s(.3)), (9, -9))
    if f.posture in ("fall", "get up"):
        lying = _pose(t, 86, (-84, -76), (4, 18), (-60, 120), (10, 20), width=.03)
        ramp = lambda start, length: (lambda u: u * u * (3 - 2 * u))(np.clip((t - start) / length, 0, 1))
        if f.posture == "fall":
            middle = _pose(t, 40, (-12, 24), (30, 30), (95, -95), (10, -10))
            return _mix(_mix(stand, middle, ramp(f.start, .35)), lying, ramp(f.start + .3, .5))
        middle = _pose(t, 42, (100, 30), (120, 110), (30, 10), (20, 20), width=.05)
        return _mix(_mix(lying, middle, ramp(f.start - .4, .7)), stand, ramp(f.start + .4, .8))
    return stand


def _vec(length, degrees, facing):
    a = np.deg2rad(degrees)
    return np.stack([facing * length * np.sin(a), length * np.cos(a)], -1)


def _reach(shoulder, hand, side):
    """Elbow and hand of an arm of two bones that reaches for `hand` [T,2] as far as it can; side says where the elbow goes."""
    d = hand - shoulder
    n = np.maximum(np.sqrt((d * d).sum(-1, keepdims=True)), 1e-6)
    reach = np.minimum(n, 1.97 * ARM)
    hand = shoulder + d / n * reach
    out = np.stack([-d[:, 1], d[:, 0]], -1) / n * np.sqrt(np.maximum(ARM * ARM - reach * reach / 4, 0))
    elbow = (shoulder + hand) / 2 + side * out
    return elbow, hand


def _arm_action(f, t, j):
    """Moves the arms (0 = towards the facing side) of the joints `j` for phone, carry, clap and wave; returns the held object."""
    side = f.facing
    s = lambda hz: np.sin(2 * np.pi * hz * f.rate * t + 1.7 * f.phase)
    at = lambda p, dx, dy: p + np.stack([side * (np.zeros_like(t) + dx), np.zeros_like(t) + dy], -1)
    if f.arm == "phone":
        spot = at(j["head"], .105, .025)
        j["elbow"][0], j["hand"][0] = _reach(j["shoulder"][0], spot, -side)
        return ("phone", at(spot, .008, -.055), at(spot, -.004, .05))
    if f.arm == "wave":
        spot = at(j["shoulder"][0], .13 + .13 * s(1.35), -.31)
        j["elbow"][0], j["hand"][0] = _reach(j["shoulder"][0], spot, -side)
    elif f.arm == "clap":
        gap = .03 + .11 * (1 + s(1.6))
        centre = at(.62 * j["neck"] + .38 * j["pelvis"], .06 if f.posture == "stand" else .16, -.02)
        for k, sign in ((0, 1), (1, -1)):
            j["elbow"][k], j["hand"][k] = _reach(j["shoulder"][k], at(centre, sign * gap, -.03), -sign * side)
    elif f.arm == "carry":
        centre = at(.45 * j["neck"] + .55 * j["pelvis"], .06 if f.posture == "stand" else .17, -.03)
        for k, sign in ((0, 1), (1, -1)):
            j["elbow"][k], j["hand"][k] = _reach(j["shoulder"][k], at(centre, sign * .125, .05), -sign * side)
        return ("object", centre, centre)
    return None


def joints(f, t):
    """Positions over time of one figure's joints in world units: {name: [T,2] or [left, right] of it}, and what it holds."""
    p, g = _posture(f, t), f.facing
    j = {"pelvis": np.zeros((len(t), 2))}
    up = _vec(TORSO, 180 - p["torso"], g)
    j["neck"] = up
    j["head"] = up * (1 + NECK / TORSO)
    across = np.stack([g * p["width"], np.zeros_like(t)], -1)
    j["shoulder"] = [up * .94 + across, up * .94 - across]
    j["hip"] = [across * .5, -across * .5]
    j["knee"] = [h + _vec(THIGH, a, g) for h, a in zip(j["hip"], p["thigh"])]
    j["foot"] = [k + _vec(SHIN, a - b, g) for k, a, b in zip(j["knee"], p["thigh"], p["knee"])]
    j["elbow"] = [s + _vec(ARM, a, g) for s, a in zip(j["shoulder"], p["arm"])]
    j["hand"] = [e + _vec(ARM, a + b, g) for e, a, b in zip(j["elbow"], p["arm"], p["elbow"])]
    held = _arm_action(f, t, j)
    low = np.max([k[:, 1] + r for k, r in [(j["pelvis"], R_TORSO), (j["neck"], R_TORSO), (j["head"], R_HEAD)]
                  + [(v, R_SHIN) for n in ("foot", "knee") for v in j[n]]], axis=0)
    base = np.stack([f.x + f.travel * (t / 3 - .5) + g * f.height * p["sway"], f.ground - f.height * (low + p["lift"])], -1)
    place = lambda v: base + f.height * v
    j = {k: [place(u) for u in v] if isinstance(v, list) else place(v) for k, v in j.items()}
    return j, (held[0], place(held[1]), place(held[2])) if held else None


def body_box(f, j):
    """[T,4] x1, y1, x2, y2 of a figure, normalised to the picture and cut at its border."""
    h = f.height
    parts = [(j["head"], R_HEAD + (.03 if f.hat else .01)), (j["pelvis"], R_TORSO), (j["neck"], R_TORSO)]
    parts += [(v, r) for n, r in (("shoulder", R_ARM), ("elbow", R_ARM), ("hand", R_HAND), ("knee", R_LEG), ("foot", R_SHIN + .01)) for v in j[n]]
    lo = np.min([p - r * h for p, r in parts], axis=0) / (WIDTH, HEIGHT)
    hi = np.max([p + r * h for p, r in parts], axis=0) / (WIDTH, HEIGHT)
    return np.clip(np.concatenate([lo, hi], -1), 0, 1)


def keypoints(j):
    """[T,6,2] head, pelvis, both hands and both feet (each pair from left to right), normalised to the picture."""
    pair = lambda v: np.take_along_axis(np.stack(v, 1), np.stack(v, 1)[..., :1].argsort(1), 1)
    return np.concatenate([j["head"][:, None], j["pelvis"][:, None], pair(j["hand"]), pair(j["foot"])], 1) / (WIDTH, HEIGHT)
