"""Scenes to pixels: anti-aliased capsules and boxes over a textured room, any picture size, plain NumPy.

All requested times of a clip are drawn at once. The picture is stretched to height x width, so the network's square input
can be drawn directly; the softness of edges is then that of an antialiased resize.
"""
import io

import numpy as np
from PIL import Image

from scene import HEIGHT, R_ARM, R_HAND, R_HEAD, R_LEG, R_SHIN, R_TORSO, WIDTH, body_box, joints, keypoints


class Canvas:
    def __init__(self, background, count, soft):
        self.h, self.w = background.shape[:2]
        self.pixels = np.repeat(background[None], count, 0)
        self.px, self.py = WIDTH / self.w, HEIGHT / self.h
        self.x = ((np.arange(self.w) + .5) * self.px).astype(np.float32)
        self.y = ((np.arange(self.h) + .5) * self.py).astype(np.float32)
        self.ramp = soft * (self.px + self.py) / 2

    def _window(self, lo, hi, margin):
        x0, x1 = int((lo[0] - margin) / self.px), int((hi[0] + margin) / self.px) + 2
        y0, y1 = int((lo[1] - margin) / self.py), int((hi[1] + margin) / self.py) + 2
        return max(x0, 0), min(max(x1, 0), self.w), max(y0, 0), min(max(y1, 0), self.h)

    def _blend(self, area, distance, edge, colour):
        """distance [T,h,w] to the shape's border, negative inside; an edge of darker colour `edge` wide."""
        x0, x1, y0, y1 = area
        scale = np.float32(1 / self.ramp)
        cover = np.clip(.5 - distance * scale, 0, 1)[..., None]
        shade = .55 + .45 * np.clip(.5 - (distance + edge) * scale, 0, 1)[..., None]
        view = self.pixels[:, y0:y1, x0:x1]
        view += cover * (shade * colour - view)

    def capsule(self, a, b, radius, colour):
        """a, b [T,2] ends over time."""
        ends = np.stack([a, b])
        area = self._window(ends.min((0, 1)), ends.max((0, 1)), radius + self.ramp)
        x0, x1, y0, y1 = area
        if x0 >= x1 or y0 >= y1:
            return
        a, d = a.astype(np.float32), (b - a).astype(np.float32)
        x = self.x[x0:x1] - a[:, :1]
        y = self.y[y0:y1] - a[:, 1:]
        inv = 1 / np.maximum((d * d).sum(-1), 1e-9)
        along = np.clip((x * (d[:, :1] * inv[:, None]))[:, None] + (y * (d[:, 1:] * inv[:, None]))[:, :, None], 0, 1)
        ex = x[:, None] - along * d[:, 0, None, None]
        ey = y[:, :, None] - along * d[:, 1, None, None]
        self._blend(area, np.sqrt(ex * ex + ey * ey) - np.float32(radius), .22 * radius, colour)

    def box(self, centre, half, colour):
        area = self._window(centre.min(0) - half, centre.max(0) + half, self.ramp)
        x0, x1, y0, y1 = area
        if x0 >= x1 or y0 >= y1:
            return
        c = centre.astype(np.float32)
        dx = np.abs(self.x[x0:x1] - c[:, :1]) - np.float32(half[0])
        dy = np.abs(self.y[y0:y1] - c[:, 1:]) - np.float32(half[1])
        self._blend(area, np.maximum(dx[:, None], dy[:, :, None]), .12 * min(half), colour)


def _smooth_noise(rng, cells, h, w):
    return np.asarray(Image.fromarray(rng.random((cells, cells), dtype=np.float32)).resize((w, h), Image.BICUBIC))


def background(look, h, w):
    """A room: wall, floor, uneven light, texture and some furniture, [h,w,3] float32 in 0..255."""
    rng = np.random.Generator(np.random.Philox(look))
    horizon = rng.uniform(.5, .8)
    tones = rng.uniform(70, 205, (2, 1)) + rng.normal(0, 16, (2, 3))
    y = (np.arange(h) + .5) / h
    floor = np.clip((y - horizon) * h + .5, 0, 1)[:, None, None]
    room = (1 - floor) * tones[0] + floor * tones[1]
    light = 1 + .30 * (_smooth_noise(rng, 3, h, w) - .5) + .22 * (_smooth_noise(rng, 9, h, w) - .5) + .12 * (_smooth_noise(rng, 28, h, w) - .5)
    canvas = Canvas((room * light[..., None]).astype(np.float32), 1, 1.2)
    for _ in range(rng.integers(0, 4)):
        half = rng.uniform((.04, .05), (.16, .22))
        centre = np.array([[rng.uniform(0, WIDTH), horizon + rng.uniform(-.30, .05)]])
        canvas.box(centre, half, (rng.uniform(50, 190) + rng.normal(0, 14, 3)).astype(np.float32))
    return canvas.pixels[0]


def _draw(canvas, f, j, held):
    h, paint = f.height, f.paint
    limb = lambda a, b, r, c: canvas.capsule(a, b, r * h, paint[c] if isinstance(c, str) else c)
    if f.posture == "sit":
        seat = j["pelvis"] + np.array([0, (R_TORSO + .03) * h])
        canvas.box(seat, np.array([.13 * h, .025 * h]), np.float32([105, 75, 50]))
        canvas.box(seat + np.array([0, .10 * h]), np.array([.03 * h, .09 * h]), np.float32([85, 60, 42]))

    def arm(k):
        limb(j["shoulder"][k], j["elbow"][k], R_ARM + .006, "shirt")
        limb(j["elbow"][k], j["hand"][k], R_ARM, "skin")
        limb(j["hand"][k], j["hand"][k], R_HAND, "skin")

    def leg(k):
        toe = j["foot"][k] + np.array([f.facing * .05 * h, 0])
        limb(j["hip"][k], j["knee"][k], R_LEG, "trousers")
        limb(j["knee"][k], j["foot"][k], R_SHIN, "trousers")
        limb(j["foot"][k], toe, R_SHIN - .012, "shoe")

    both = f.arm in ("carry", "clap")
    if not both:
        arm(1)
    leg(1)
    leg(0)
    limb(j["pelvis"], j["neck"], R_TORSO, "shirt")
    limb(j["pelvis"], j["pelvis"], R_TORSO * .97, "trousers")
    up = (j["head"] - j["neck"]) / np.linalg.norm(j["head"] - j["neck"], axis=-1, keepdims=True)
    limb(j["head"] + up * .022 * h, j["head"] + up * .022 * h, R_HEAD, "hair")
    limb(j["head"] - up * .008 * h, j["head"] - up * .008 * h, R_HEAD * .86, "skin")
    if f.hat:
        side = np.stack([-up[:, 1], up[:, 0]], -1)
        limb(j["head"] + up * .052 * h - side * .10 * h, j["head"] + up * .052 * h + side * .10 * h, .026, "hat")
        limb(j["head"] + up * .06 * h, j["head"] + up * .095 * h, .064, "hat")
    if held and held[0] == "object":
        canvas.box(held[1], np.array([.135, .115]) * h, paint["object"])
    if both:
        arm(1)
    arm(0)
    if held and held[0] == "phone":
        limb(held[1], held[2], .03, "phone")


CHUNK_PIXELS = 1 << 19                                 # drawn at once: more would leave the caches
_NOISE = np.random.Generator(np.random.Philox(11)).standard_normal(1 << 21).astype(np.float32)


def render(scene, times, h, w, soft=1.25, noise=None, jpeg=None):
    """uint8 [T,h,w,3]. noise: standard deviation in grey levels (default: the scene's own); jpeg: quality or None."""
    rng = np.random.Generator(np.random.Philox(key=[scene.look, h * 4096 + w]))
    room = background(scene.look, h, w)
    if noise is None:
        noise = 1.5 + 6 * (scene.look % 1000 / 1000) ** 2
    chunks = np.array_split(times, -(-len(times) * h * w // CHUNK_PIXELS))
    out = np.concatenate([_render_chunk(scene, t, room, soft, noise, rng) for t in chunks])
    return np.stack([recompress(p, jpeg) for p in out]) if jpeg else out


def _render_chunk(scene, times, room, soft, noise, rng):
    canvas = Canvas(room, len(times), soft)
    for f in sorted(scene.figures, key=lambda f: f.ground):
        j, held = joints(f, times)
        _draw(canvas, f, j, held)
    for picture in canvas.pixels:
        start = rng.integers(_NOISE.size - picture.size)
        picture += np.float32(noise) * _NOISE[start:start + picture.size].reshape(picture.shape)
    return np.clip(canvas.pixels + .5, 0, 255).astype(np.uint8)


def recompress(picture, quality):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=int(quality), subsampling=0)
    return np.asarray(Image.open(buffer))


def truth(scene, times):
    """Boxes [T,n,4] and key points [T,n,6,2] of all figures, normalised."""
    all_joints = [joints(f, times)[0] for f in scene.figures]
    return (np.stack([body_box(f, j) for f, j in zip(scene.figures, all_joints)], 1), np.stack([keypoints(j) for j in all_joints], 1))
