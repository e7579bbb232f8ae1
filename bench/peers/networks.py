"""The parts of the model that are compared, in PyTorch, with the sizes of the full model."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention with separate keys' width; causal on request."""

    def __init__(self, dim, heads, key_dim=None, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.q, self.k, self.v = nn.Linear(dim, dim), nn.Linear(key_dim or dim, dim), nn.Linear(key_dim or dim, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x, keys=None, values=None):
        keys = x if keys is None else keys
        values = keys if values is None else values
        split = lambda t: t.reshape(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(keys)), split(self.v(values)), is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(x.shape))


class VitBlock(nn.Module):
    """EVA ViT-g block, pre-norm: x += out(attention(norm1(x))); x += fc2(gelu(fc1(norm2(x))))."""

    def __init__(self, dim=1408, heads=16, hidden=6144):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim, 1e-6), nn.LayerNorm(dim, 1e-6)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class OptLayer(nn.Module):
    """OPT decoder layer, pre-norm, ReLU."""

    def __init__(self, dim=2560, heads=32, hidden=10240):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, causal=True)
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(F.relu(self.fc1(self.norm2(x))))


class QformerLayer(nn.Module):
    """BERT layer, post-norm, with cross-attention to the image in every second one."""

    def __init__(self, cross, dim=768, heads=12, hidden=3072, image_dim=1408):
        super().__init__()
        self.self_attention, self.norm1 = Attention(dim, heads), nn.LayerNorm(dim, 1e-12)
        self.cross = Attention(dim, heads, image_dim) if cross else None
        self.norm_cross = nn.LayerNorm(dim, 1e-12)
        self.fc1, self.fc2, self.norm2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim), nn.LayerNorm(dim, 1e-12)

    def forward(self, x, image):
        x = self.norm1(x + self.self_attention(x))
        if self.cross is not None:
            x = self.norm_cross(x + self.cross(x, image))
        return self.norm2(x + self.fc2(F.gelu(self.fc1(x))))


class Qformer(nn.Module):
    """Image path: 32 queries through 12 layers."""

    def __init__(self, layers=12):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, 32, 768))
        self.layers = nn.ModuleList(QformerLayer(i % 2 == 0) for i in range(layers))

    def forward(self, image):
        x = self.queries.expand(image.shape[0], -1, -1)
        for layer in self.layers:
            x = layer(x, image)
        return x


class Bottleneck(nn.Module):
    def __init__(self, inp, mid, stride):
        super().__init__()
        out = 4 * mid
        self.conv1, self.conv2 = nn.Conv2d(inp, mid, 1), nn.Conv2d(mid, mid, 3, stride, 1)
        self.conv3 = nn.Conv2d(mid, out, 1)
        self.shortcut = nn.Conv2d(inp, out, 1, stride) if inp != out or stride != 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))) + self.shortcut(x))


class DetrLayer(nn.Module):
    """Post-norm layer of the encoder, or with memory of the decoder."""

    def __init__(self, decoder, dim=256, heads=8, hidden=2048):
        super().__init__()
        self.own, self.norm1 = Attention(dim, heads), nn.LayerNorm(dim)
        self.cross = Attention(dim, heads) if decoder else None
        self.norm_cross = nn.LayerNorm(dim)
        self.fc1, self.fc2, self.norm2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim), nn.LayerNorm(dim)

    def forward(self, x, where, memory=None, memory_where=None):
        x = self.norm1(x + self.own(x + where, x + where, x))
        if self.cross is not None:
            x = self.norm_cross(x + self.cross(x + where, memory + memory_where, memory))
        return self.norm2(x + self.fc2(F.relu(self.fc1(x))))


class Detr(nn.Module):
    """DETR-R50 on 340 x 465, frozen batch norms folded into the convolutions."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, 3)
        blocks, inp = [], 64
        for mid, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for i in range(count):
                blocks.append(Bottleneck(inp, mid, stride if i == 0 else 1))
                inp = 4 * mid
        self.blocks = nn.Sequential(*blocks)
        self.project = nn.Conv2d(2048, 256, 1)
        self.where, self.queries = nn.Parameter(torch.randn(1, 165, 256)), nn.Parameter(torch.randn(1, 100, 256))
        self.encoder = nn.ModuleList(DetrLayer(False) for _ in range(6))
        self.decoder = nn.ModuleList(DetrLayer(True) for _ in range(6))
        self.norm, self.classes = nn.LayerNorm(256), nn.Linear(256, 92)
        self.box = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 4))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.normal_(m.weight, std=1 / math.sqrt(m.weight[0].numel()))

    def forward(self, image):
        x = self.blocks(F.max_pool2d(F.relu(self.stem(image)), 3, 2, 1))
        m = self.project(x).flatten(2).transpose(1, 2)
        for layer in self.encoder:
            m = layer(m, self.where)
        y = torch.zeros_like(self.queries)
        for layer in self.decoder:
            y = layer(y, self.queries, m, self.where)
        y = self.norm(y)
        return torch.cat([self.classes(y), torch.sigmoid(self.box(y))], -1)


def scan(delta, a, b, c, u, d, z):
    """Mamba-1's selective scan as a loop over time, as lean as PyTorch allows: one state lives, the decay is taken step by step."""
    dt = F.softplus(delta)
    h, out = torch.zeros_like(a), []
    for t in range(u.shape[0]):
        h = torch.exp(dt[t, :, None] * a) * h + (dt[t] * u[t])[:, None] * b[t]
        out.append(h @ c[t])
    return (torch.stack(out) + d * u) * F.silu(z)


def scan_reference(delta, a, b, c, u, d, z):
    """The same as published implementations in PyTorch have it: decays and inputs of all steps first, [channels, time, states], then the loop."""
    dt, u, z, b, c = F.softplus(delta.T[None]), u.T[None], z.T[None], b.T[None], c.T[None]
    decay = torch.exp(torch.einsum("bdl,dn->bdln", dt, a))
    new = torch.einsum("bdl,bnl,bdl->bdln", dt, b, u)
    h, out = torch.zeros_like(a)[None], []
    for t in range(u.shape[2]):
        h = decay[:, :, t] * h + new[:, :, t]
        out.append(torch.einsum("bdn,bn->bd", h, c[:, :, t]))
    return ((torch.stack(out, 2) + d[:, None] * u) * F.silu(z))[0].T
