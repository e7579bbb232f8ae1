"""RefAtomNet++ in PyTorch at any size, batched, under the original tensor names (state_dict keys are checkpoint keys).

The forward pass is the one of inference: retrieval by hard argmax, detections through the person mask, width and height of
detections exchanged, both branches averaged. With 8 visual tokens and 8 frames the reinterpretation [N, T] of the scanned image
tokens maps row i to frame i.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = {
    "name": "refatom-tiny", "frames": 8, "actions": 80,
    "image_size": 112, "patch": 8, "vit_dim": 96, "vit_heads": 3, "vit_mlp": 384, "vit_layers": 4,
    "visual_tokens": 8, "qformer_dim": 128, "qformer_heads": 4, "qformer_mlp": 320, "qformer_layers": 4, "cross_every": 2,
    "vocab": 128, "text_positions": 48, "cls_id": 2, "sep_id": 3,
    "opt_dim": 64, "opt_heads": 4, "opt_mlp": 192, "opt_layers": 2, "opt_vocab": 128, "opt_positions": 32, "keyword_limit": 24,
    "key_frame_size": [144, 192], "resnet_width": 16, "resnet_blocks": [1, 1, 1, 1], "detr_dim": 64, "detr_heads": 4, "detr_mlp": 128,
    "detr_encoder": 2, "detr_decoder": 3, "detr_queries": 12, "detr_classes": 92, "person_class": 1,
    "fusion_dim": 96, "fusion_heads": 4, "mamba_state": 4, "mamba_conv": 4, "mamba_expand": 2,
}
MEAN, STD = 0.45, 0.25


def heads_attention(q, k, v, heads, mask=None):
    """q [B,M,D], k and v [B,L,D] -> [B,M,D]; mask is added to the scores."""
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=mask).transpose(1, 2).flatten(2)


# ---------------------------------------------------------------- ViT

class ViTAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(d))
        self.proj = nn.Linear(d, d)

    def forward(self, x):
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        return self.proj(heads_attention(*F.linear(x, self.qkv.weight, bias).chunk(3, -1), self.heads))


class ViTBlock(nn.Module):
    def __init__(self, d, heads, hidden):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d, 1e-6), nn.LayerNorm(d, 1e-6)
        self.attn = ViTAttention(d, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(d, hidden), "fc2": nn.Linear(hidden, d)})

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


def column_code(x, dim):
    """Harmonics of a position in [0,1]: [n] -> [n,dim]. Close positions have close codes, so attention can start as a look at a column."""
    k = torch.arange(1, dim // 2 + 1)
    weight = torch.exp(-.5 * (k / (dim / 7)) ** 2)
    angle = math.pi * k * x[:, None]
    return torch.cat([weight * angle.cos(), weight * angle.sin()], -1)


class ViT(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, side = c["vit_dim"], c["image_size"] // c["patch"]
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d))
        at = (torch.arange(side) + .5) / side
        code = torch.cat([column_code(at, d // 2).repeat(side, 1), column_code(at, d // 2).repeat_interleave(side, 0)], -1)
        self.pos_embed = nn.Parameter(torch.cat([torch.zeros(1, d), code])[None])
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, d, c["patch"], c["patch"])})
        self.blocks = nn.ModuleList(ViTBlock(d, c["vit_heads"], c["vit_mlp"]) for _ in range(c["vit_layers"]))
        for b in self.blocks:                                       # a quiet start lets the position codes through
            for layer in (b.attn.proj, b.mlp["fc2"]):
                nn.init.normal_(layer.weight, std=.02)
                nn.init.zeros_(layer.bias)
        self.patch = c["patch"]

    def forward(self, pixels):
        """pixels [B,3,S,S] -> [B,1+patches,D]."""
        b, p = len(pixels), self.patch
        g = pixels.shape[-1] // p
        proj = self.patch_embed["proj"]
        x = pixels.view(b, 3, g, p, g, p).permute(0, 2, 4, 1, 3, 5).reshape(b, g * g, -1)
        x = F.linear(x, proj.weight.flatten(1), proj.bias)
        x = torch.cat([self.cls_token.expand(b, -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return x


# ---------------------------------------------------------------- Q-Former

class BertAttention(nn.Module):
    def __init__(self, d, kv, heads):
        super().__init__()
        self.heads = heads
        self.add_module("self", nn.ModuleDict({"query": nn.Linear(d, d), "key": nn.Linear(kv, d), "value": nn.Linear(kv, d)}))
        self.output = nn.ModuleDict({"dense": nn.Linear(d, d), "LayerNorm": nn.LayerNorm(d, 1e-12)})

    def forward(self, x, kv, mask=None):
        p = getattr(self, "self")
        y = heads_attention(p["query"](x), p["key"](kv), p["value"](kv), self.heads, mask)
        return self.output["LayerNorm"](self.output["dense"](y) + x)


class QFormerLayer(nn.Module):
    def __init__(self, c, cross):
        super().__init__()
        d, f = c["qformer_dim"], c["qformer_mlp"]
        self.attention = BertAttention(d, d, c["qformer_heads"])
        if cross:
            self.crossattention = BertAttention(d, c["vit_dim"], c["qformer_heads"])
        for suffix in ("", "_query"):
            self.add_module("intermediate" + suffix, nn.ModuleDict({"dense": nn.Linear(d, f)}))
            self.add_module("output" + suffix, nn.ModuleDict({"dense": nn.Linear(f, d), "LayerNorm": nn.LayerNorm(d, 1e-12)}))

    def forward(self, x, image=None, mask=None):
        suffix = "" if image is None else "_query"
        x = self.attention(x, x, mask)
        if image is not None and hasattr(self, "crossattention"):
            x = self.crossattention(x, image)
        out = getattr(self, "output" + suffix)
        y = out["dense"](F.gelu(getattr(self, "intermediate" + suffix)["dense"](x)))
        return out["LayerNorm"](y + x)


class QFormer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["qformer_dim"]
        self.embeddings = nn.ModuleDict({"word_embeddings": nn.Embedding(c["vocab"] + 1, d), "position_embeddings": nn.Embedding(c["text_positions"], d),
                                         "LayerNorm": nn.LayerNorm(d, 1e-12)})
        for name in ("word_embeddings", "position_embeddings"):
            nn.init.normal_(self.embeddings[name].weight, std=.3)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(QFormerLayer(c, i % c["cross_every"] == 0) for i in range(c["qformer_layers"]))})

    def image(self, tokens, queries):
        """tokens [B,L,Dv], queries [1,N,D] -> [B,N,D]."""
        x = self.embeddings["LayerNorm"](queries).expand(len(tokens), -1, -1)
        for layer in self.encoder["layer"]:
            x = layer(x, tokens)
        return x

    def text(self, ids, valid):
        """ids [B,L], valid [B,L] bool -> mean state over the valid tokens [B,D]."""
        e = self.embeddings
        x = e["LayerNorm"](e["word_embeddings"](ids) + e["position_embeddings"].weight[:ids.shape[1]])
        mask = torch.zeros(valid.shape).masked_fill(~valid, -1e9)[:, None, None]
        for layer in self.encoder["layer"]:
            x = layer(x, None, mask)
        return (x * valid[..., None]).sum(1) / valid.sum(1, keepdim=True)


# ---------------------------------------------------------------- OPT

class OPTLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["opt_dim"]
        self.heads = c["opt_heads"]
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.self_attn = nn.ModuleDict({n + "_proj": nn.Linear(d, d) for n in ("q", "k", "v", "out")})
        self.fc1, self.fc2 = nn.Linear(d, c["opt_mlp"]), nn.Linear(c["opt_mlp"], d)

    def forward(self, x, mask):
        a, y = self.self_attn, self.self_attn_layer_norm(x)
        x = x + a["out_proj"](heads_attention(a["q_proj"](y), a["k_proj"](y), a["v_proj"](y), self.heads, mask))
        return x + self.fc2(F.relu(self.fc1(self.final_layer_norm(x))))


class OPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed_tokens, self.embed_positions = nn.Embedding(c["opt_vocab"], c["opt_dim"]), nn.Embedding(c["opt_positions"] + 2, c["opt_dim"])
        for e in (self.embed_tokens, self.embed_positions):
            nn.init.normal_(e.weight, std=.3)
        self.layers = nn.ModuleList(OPTLayer(c) for _ in range(c["opt_layers"]))
        self.final_layer_norm = nn.LayerNorm(c["opt_dim"])

    def forward(self, ids):
        """ids [B,S] right-padded (causal, so padding needs no mask) -> [B,S,D]."""
        s = ids.shape[1]
        x = self.embed_tokens(ids) + self.embed_positions.weight[2:2 + s]
        mask = torch.full((s, s), -1e9).triu(1)
        for layer in self.layers:
            x = layer(x, mask)
        return self.final_layer_norm(x)


# ---------------------------------------------------------------- DETR

class Bottleneck(nn.Module):
    def __init__(self, inp, mid, stride, first):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inp, mid, 1, bias=False), nn.BatchNorm2d(mid)
        self.conv2, self.bn2 = nn.Conv2d(mid, mid, 3, stride, 1, bias=False), nn.BatchNorm2d(mid)
        self.conv3, self.bn3 = nn.Conv2d(mid, 4 * mid, 1, bias=False), nn.BatchNorm2d(4 * mid)
        if first:
            self.downsample = nn.Sequential(nn.Conv2d(inp, 4 * mid, 1, stride, bias=False), nn.BatchNorm2d(4 * mid))

    def forward(self, x):
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        inp = w = c["resnet_width"]
        self.conv1, self.bn1 = nn.Conv2d(3, w, 7, 2, 3, bias=False), nn.BatchNorm2d(w)
        for s, blocks in enumerate(c["resnet_blocks"]):
            layers = []
            for i in range(blocks):
                layers.append(Bottleneck(inp, w << s, 2 if s > 0 and i == 0 else 1, i == 0))
                inp = 4 * (w << s)
            self.add_module(f"layer{s + 1}", nn.Sequential(*layers))
        self.channels = inp

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class PackedAttention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight, self.in_proj_bias = nn.Parameter(torch.empty(3 * d, d)), nn.Parameter(torch.zeros(3 * d))
        nn.init.xavier_uniform_(self.in_proj_weight)
        self.out_proj = nn.Linear(d, d)

    def forward(self, q, k, v):
        (wq, wk, wv), (bq, bk, bv) = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        return self.out_proj(heads_attention(F.linear(q, wq, bq), F.linear(k, wk, bk), F.linear(v, wv, bv), self.heads))


class DETRLayer(nn.Module):
    def __init__(self, c, cross):
        super().__init__()
        d = c["detr_dim"]
        self.self_attn = PackedAttention(d, c["detr_heads"])
        if cross:
            self.multihead_attn = PackedAttention(d, c["detr_heads"])
            self.norm3 = nn.LayerNorm(d)
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.linear1, self.linear2 = nn.Linear(d, c["detr_mlp"]), nn.Linear(c["detr_mlp"], d)

    def forward(self, x, pos, memory=None, memory_pos=None):
        x = self.norm1(x + self.self_attn(x + pos, x + pos, x))
        last = self.norm2
        if memory is not None:
            x = self.norm2(x + self.multihead_attn(x + pos, memory + memory_pos, memory))
            last = self.norm3
        return last(x + self.linear2(F.relu(self.linear1(x))))


def sine_positions(h, w, dim):
    half = dim // 2
    k = torch.arange(half // 2, dtype=torch.float64)
    d = 10000.0 ** (2 * k / half)
    pos = torch.zeros(h, w, dim, dtype=torch.float64)
    ye, xe = (torch.arange(n, dtype=torch.float64).add(1) / (n + 1e-6) * 2 * math.pi for n in (h, w))
    pos[:, :, 0:half:2], pos[:, :, 1:half:2] = (ye[:, None] / d).sin()[:, None], (ye[:, None] / d).cos()[:, None]
    pos[:, :, half::2], pos[:, :, half + 1::2] = (xe[:, None] / d).sin()[None], (xe[:, None] / d).cos()[None]
    return pos.reshape(h * w, dim).float()


class DETR(nn.Module):
    def __init__(self, c):
        super().__init__()
        d = c["detr_dim"]
        self.backbone = nn.ModuleList([nn.ModuleDict({"body": ResNet(c)})])
        self.input_proj = nn.Conv2d(self.backbone[0]["body"].channels, d, 1)
        self.query_embed = nn.Embedding(c["detr_queries"], d)
        t = {"encoder": nn.ModuleDict({"layers": nn.ModuleList(DETRLayer(c, False) for _ in range(c["detr_encoder"]))}),
             "decoder": nn.ModuleDict({"layers": nn.ModuleList(DETRLayer(c, True) for _ in range(c["detr_decoder"])), "norm": nn.LayerNorm(d)})}
        self.transformer = nn.ModuleDict(t)
        self.class_embed = nn.Linear(d, c["detr_classes"])
        self.bbox_embed = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, 4)])})
        with torch.no_grad():                                       # only "person" and "nothing" ever occur
            self.class_embed.bias.fill_(-6)
            self.class_embed.bias[[c["person_class"], c["detr_classes"] - 1]] = 0

    def answers(self, x):
        x = self.transformer["decoder"]["norm"](x)
        a, b, c = self.bbox_embed["layers"]
        return self.class_embed(x), c(F.relu(b(F.relu(a(x))))).sigmoid()

    def forward(self, pixels):
        """pixels [B,3,h,w] -> encoder memory [B,L,D], and (logits [B,Q,C], boxes [B,Q,4] cxcywh) after every decoder layer."""
        m = self.input_proj(self.backbone[0]["body"](pixels))
        pos = sine_positions(m.shape[2], m.shape[3], m.shape[1])
        m = m.flatten(2).transpose(1, 2)
        for layer in self.transformer["encoder"]["layers"]:
            m = layer(m, pos)
        e = self.query_embed.weight
        x = torch.zeros(len(m), *e.shape)
        out = []
        for layer in self.transformer["decoder"]["layers"]:
            x = layer(x, e, m, pos)
            out.append(self.answers(x))
        return m, out


# ---------------------------------------------------------------- head

class Scan(torch.autograd.Function):
    """h_t = decay_t h_(t-1) + drive_t over axis 0: [L,...] twice -> all states [L,...]."""

    @staticmethod
    def forward(ctx, decay, drive):
        states = torch.empty_like(drive)
        states[0] = drive[0]
        for t in range(1, len(drive)):
            torch.addcmul(drive[t], decay[t], states[t - 1], out=states[t])
        ctx.save_for_backward(decay, states)
        return states

    @staticmethod
    def backward(ctx, grad):
        decay, states = ctx.saved_tensors
        drive = grad.clone()
        for t in range(len(drive) - 1, 0, -1):
            drive[t - 1].addcmul_(decay[t], drive[t])
        decay_grad = torch.zeros_like(decay)
        torch.mul(drive[1:], states[:-1], out=decay_grad[1:])
        return decay_grad, drive


class Mamba(nn.Module):
    def __init__(self, d, c):
        super().__init__()
        inner, n, self.rank, taps = c["mamba_expand"] * d, c["mamba_state"], -(-d // 16), c["mamba_conv"]
        self.in_proj, self.out_proj = nn.Linear(d, 2 * inner, bias=False), nn.Linear(inner, d, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, taps, groups=inner)
        self.x_proj, self.dt_proj = nn.Linear(inner, self.rank + 2 * n, bias=False), nn.Linear(self.rank, inner)
        dt = torch.exp(torch.rand(inner) * math.log(100) + math.log(.003))
        self.dt_proj.bias.data = dt + torch.log(-torch.expm1(-dt))
        self.A_log = nn.Parameter(torch.arange(1., n + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.n = n

    def forward(self, x):
        """[B,L,d] -> [B,L,d]."""
        u, z = self.in_proj(x).transpose(0, 1).chunk(2, -1)                 # [L,B,inner]
        kernel, taps = self.conv1d.weight[:, 0], self.conv1d.weight.shape[-1]
        padded = F.pad(u, (0, 0, 0, 0, taps - 1, 0))
        u = F.silu(sum(padded[k:k + len(u)] * kernel[:, k] for k in range(taps)) + self.conv1d.bias)
        dt, b, c = self.x_proj(u).split((self.rank, self.n, self.n), -1)
        dt = F.softplus(self.dt_proj(dt))
        decay = torch.exp(dt[:, None] * -self.A_log.exp().T[:, None])               # [L,n,B,inner]
        rows = lambda x: x.permute(0, 2, 1)[..., None]
        y = (Scan.apply(decay, (dt * u)[:, None] * rows(b)) * rows(c)).sum(1) + self.D * u
        return self.out_proj(y * F.silu(z)).transpose(0, 1)


class CrossAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        e = c["fusion_dim"]
        self.query_tokens = nn.Parameter(torch.zeros(6, e), requires_grad=False)        # part of the format, unused
        self.attn = PackedAttention(e, c["fusion_heads"])
        self.norm1, self.norm2 = nn.LayerNorm(e), nn.LayerNorm(e)
        self.ff = nn.Sequential(nn.Linear(e, 4 * e), nn.GELU(), nn.Linear(4 * e, e))

    def forward(self, context, query):
        x = self.norm1(query + self.attn(query, context, context))
        return self.norm2(x + self.ff(x)).mean(1)


def unit(x):
    return x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def gather(tokens, index):
    """tokens [B,T,N,D], index [B,M,T] -> [B,M*T,D], query by query."""
    b, m, t = index.shape
    at = (torch.arange(b)[:, None, None], torch.arange(t)[None, None], index)
    return tokens[at].reshape(b, m * t, -1)


class RefAtomNet(nn.Module):
    def __init__(self, c=CONFIG):
        super().__init__()
        self.config = c
        d, e = c["qformer_dim"], c["fusion_dim"]
        blip = nn.Module()
        blip.visual_encoder, blip.ln_vision = ViT(c), nn.LayerNorm(c["vit_dim"], 1e-5)
        blip.query_tokens = nn.Parameter(.02 * torch.randn(1, c["visual_tokens"], d))
        blip.Qformer = nn.ModuleDict({"bert": QFormer(c)})
        self.modelblip = blip
        opt = OPT(c)
        self.llm_model = nn.ModuleDict({"opt_model": nn.ModuleDict({"model": nn.ModuleDict({"decoder": opt})})})
        self.detection_model = DETR(c)
        self.proj, self.proj_text, self.proj_text2 = nn.Linear(d + 4, d), nn.Linear(c["opt_dim"], d), nn.Linear(d, e)
        self.mamba_fusion = nn.Sequential(Mamba(d, c))
        for name in ("mamba_fusion_temp", "mamba_bbox", "mamba_image"):
            self.add_module(name, nn.Sequential(nn.Linear(d, e), Mamba(e, c)))
        for name in ("", "_2", "_box", "_box2", "_sem", "_sem2"):
            self.add_module("cross_attention" + name, CrossAttention(c))
        for suffix in ("", "2"):
            self.add_module("classification_head" + suffix, nn.Sequential(nn.Linear(e, e // 2), nn.ReLU(), nn.Linear(e // 2, c["actions"])))
            self.add_module("bbox_regression_head" + suffix, nn.Sequential(nn.Linear(e, e // 2), nn.ReLU(), nn.Linear(e // 2, 4)))
            nn.init.constant_(getattr(self, "classification_head" + suffix)[2].bias, -4)
        self.register_buffer("world", torch.randn(d, generator=torch.Generator().manual_seed(5)) / math.sqrt(d))
        self._look_at_columns()

    @torch.no_grad()
    def _look_at_columns(self):
        """Starts visual token j as a reader of column j: its query and the keys' weights pick the column code of the positions."""
        c, bert = self.config, self.modelblip.Qformer["bert"]
        n, half = c["visual_tokens"], c["vit_dim"] // 2
        code = column_code((torch.arange(n) + .5) / n, half)
        self.modelblip.query_tokens[0, :, :half] += code * 2
        take = min(half, c["qformer_dim"] // c["qformer_heads"])
        pick = torch.cat([torch.arange(take // 2), half // 2 + torch.arange(take // 2)])
        for layer in bert.encoder["layer"]:
            for name in ("attention", "crossattention"):
                if hasattr(layer, name):
                    getattr(layer, name).output["dense"].weight.mul_(.3)
            if hasattr(layer, "crossattention"):
                p = getattr(layer.crossattention, "self")
                for h in range(c["qformer_heads"]):
                    rows = torch.arange(take) + h * (c["qformer_dim"] // c["qformer_heads"])
                    for linear, gain in ((p["query"], .8), (p["key"], .8)):
                        linear.weight[rows] *= .3
                        linear.weight[rows, pick] += gain

    def vision(self, pixels):
        """Normalised pixels [B,3,S,S] -> visual tokens [B,N,D]."""
        blip = self.modelblip
        return blip.Qformer["bert"].image(blip.ln_vision(blip.visual_encoder(pixels)), blip.query_tokens)

    def keys(self, ids):
        return self.proj_text(self.llm_model["opt_model"]["model"]["decoder"](ids))

    def detections(self, logits, boxes):
        """Person tokens [B,Q,D]; zero rows for everything else."""
        cx, cy, w, h = boxes.unbind(-1)
        corners = torch.stack([cx - h / 2, cy - w / 2, cx + h / 2, cy + w / 2], -1)      # width and height exchanged, as the original does
        rows = self.proj(torch.cat([corners, self.world.expand(*corners.shape[:-1], -1)], -1))
        return rows * (logits.argmax(-1) == self.config["person_class"])[..., None]

    def head(self, visual, keys, key_count, text, box_tokens, clip):
        """visual [C,T,N,D] and box_tokens [C,Q,D] of the clips; for each of B questions keys [B,S,D], of which key_count [B] are valid, text [B,D] and
        the clip it is about, [B] -> outputs of both branches and their mean. What captions do not change is computed once per clip."""
        c, t, n, d = visual.shape
        (b, s), q = keys.shape[:2], box_tokens.shape[1]
        tokens = unit(visual)
        cosine = torch.einsum("bsd,btnd->bstn", unit(keys), tokens[clip])
        box_cosine = torch.einsum("bqd,btnd->bqtn", unit(box_tokens), tokens)
        valid = torch.arange(s)[None] < key_count[:, None]
        path = self.mamba_fusion(gather(visual[clip], cosine.argmax(-1))).view(b, s, t, d)
        path = (path * valid[:, :, None, None]).sum(1) / key_count[:, None, None]
        keyword = self.mamba_fusion_temp(path)
        image = self.mamba_image(visual.flatten(1, 2)).view(c, n, t, -1)[clip]           # a reinterpretation, not a transpose
        boxes = self.mamba_bbox(gather(visual, box_cosine.argmax(-1))).view(c, q, t, -1).mean(1)[clip]
        sentence = self.proj_text2(text)[:, None].expand(-1, t, -1)
        out = {"cosine": cosine, "box_cosine": box_cosine}
        for suffix, key, query in (("", "", image.mean(2)), ("2", "_2", image.mean(1))):
            fused = (getattr(self, "cross_attention_box" + suffix)(boxes, query) + getattr(self, "cross_attention" + key)(keyword, query)
                     + getattr(self, "cross_attention_sem" + suffix)(sentence, query))
            out["logits" + (suffix or "1")] = getattr(self, "classification_head" + suffix)(fused)
            out["box" + (suffix or "1")] = getattr(self, "bbox_regression_head" + suffix)(fused).sigmoid()
        out["logits"], out["box"] = (out["logits1"] + out["logits2"]) / 2, (out["box1"] + out["box2"]) / 2
        return out


def tensors(model):
    """The checkpoint: original names -> float32 arrays, batch norm frozen, tensor `world` included."""
    return {k: v.detach().float().numpy().copy() for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
