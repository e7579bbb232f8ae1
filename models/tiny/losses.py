"""What the parts of refatom-tiny are trained on. Shapes: B clips or frames, N visual tokens, F figures (padded to 4), A actions of the domain."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from scene import ACTION_IDS, HATS, SHIRTS, TROUSERS

CLASSES = [a - 1 for a in ACTION_IDS]
CHOICES = (len(SHIRTS), len(TROUSERS), len(HATS) + 1, 4, 4, 3, len(SHIRTS) + 1, len(SHIRTS) + 1)    # sizes of the attributes of data.one
SHARPNESS = 14.0                                                                                     # of the retrieval softmax


def giou(a, b):
    """Generalised IoU and IoU of boxes [...,4] x1, y1, x2, y2."""
    area = lambda x: (x[..., 2] - x[..., 0]).clamp_min(0) * (x[..., 3] - x[..., 1]).clamp_min(0)
    inner = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp_min(0).prod(-1)
    outer = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp_min(0).prod(-1)
    union = area(a) + area(b) - inner
    iou = inner / union.clamp_min(1e-9)
    return iou - (outer - union) / outer.clamp_min(1e-9), iou


def box_loss(a, b):
    return 5 * (a - b).abs().mean(-1) + 2 * (1 - giou(a, b)[0])


def ownership(boxes, count, n):
    """Soft columns: boxes [B,F,4], count [B] -> weight [B,N,F] of column j for a figure: 1 at its middle, 0 one column away; only the nearest figure owns."""
    centre = (boxes[..., 0] + boxes[..., 2]) / 2
    distance = (centre[:, None] - ((torch.arange(n) + .5) / n)[None, :, None]).abs() * n
    distance = distance.masked_fill((torch.arange(boxes.shape[1]) >= count[:, None])[:, None], 99.)
    nearest = distance == distance.min(-1, keepdim=True).values
    return (1 - distance).clamp_min(0) * nearest


def retrieval_loss(cosine, wanted):
    """cosine [...,N], wanted [...,N] bool -> minus the log of the softmax's mass on the wanted columns, [...]."""
    logp = (SHARPNESS * cosine).log_softmax(-1)
    return -torch.logsumexp(logp.masked_fill(~wanted, -30.), -1)


def keyword_weights(count, s):
    """How much each keyword token's choice matters, [B,S]: the last word and [SEP] fully, earlier words a little, [CLS] not at all."""
    at = torch.arange(s)[None]
    weight = torch.where(at >= count[:, None] - 2, 1.0, 0.25)
    weight = weight * (at > 0) * (at < count[:, None])
    return weight / weight.sum(1, keepdim=True)


class TokenHeads(nn.Module):
    """Discarded after training: reads from each visual token whom it describes."""

    def __init__(self, dim):
        super().__init__()
        self.linear = nn.Linear(dim, 1 + sum(CHOICES) + len(CLASSES))
        self.place = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, 16))

    def loss(self, tokens, weight, attributes, actions, boxes, points):
        """tokens [B,N,D], weight [B,N,F] -> (scalar, {name: figure}). Attributes of the owner count by its soft ownership."""
        owned, owner = weight.max(-1)
        occupied, *choices, acts = self.linear(tokens).split((1, *CHOICES, len(CLASSES)), -1)
        total = F.binary_cross_entropy_with_logits(occupied[..., 0], owned)
        pick = lambda x: torch.gather(x, 1, owner.view(*owner.shape, *[1] * (x.dim() - 2)).expand(-1, -1, *x.shape[2:]))
        mean = lambda x: (x * owned).sum() / owned.sum().clamp_min(1)
        truth, stats = pick(attributes).long(), {}
        for i, (name, scale) in enumerate(zip(("shirt", "trousers", "hat", "left", "right", "size", "lshirt", "rshirt"),
                                              (1, 1, 1, .7, .7, .5, .7, .7))):
            total = total + .5 * scale * mean(F.cross_entropy(choices[i].flatten(0, 1), truth[..., i].flatten(), reduction="none").view_as(owned))
            stats[name] = mean((choices[i].argmax(-1) == truth[..., i]).float())
        total = total + 1.5 * mean(F.binary_cross_entropy_with_logits(acts, pick(actions).float(), reduction="none").sum(-1))
        place = self.place(tokens).sigmoid()
        wanted = pick(boxes)
        total = total + mean(box_loss(place[..., :4], wanted))
        total = total + 8 * mean((place[..., 4:] - pick(points).flatten(2)).abs().mean(-1))
        stats["iou"] = mean(giou(place[..., :4], wanted)[1])
        stats["act"] = mean((acts.argmax(-1, keepdim=True) == pick(actions).float().masked_fill(pick(actions) == 0, -1).topk(2).indices).any(-1).float())
        return total, stats


def answer_loss(out, actions, box):
    """Actions [B,80] and box [B,4] of the referred person, on the average and a quarter on each branch."""
    total = 0
    for suffix, scale in (("", 1), ("1", .25), ("2", .25)):
        total = total + scale * F.binary_cross_entropy_with_logits(out["logits" + suffix], actions, reduction="none").sum(-1).mean()
        total = total + scale * .6 * box_loss(out["box" + suffix], box).mean()
    return total


def corners(boxes):
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], -1)


def detr_loss(layers, boxes, count, person, nothing):
    """Set prediction with Hungarian matching after every decoder layer; boxes [B,F,4] corners."""
    total = 0
    for logits, predicted in layers:
        predicted = corners(predicted)
        with torch.no_grad():
            cost = -2 * logits.softmax(-1)[..., person, None] + 5 * torch.cdist(predicted, boxes, 1) - 2 * giou(predicted[:, :, None], boxes[:, None])[0]
        target = torch.full(logits.shape[:2], nothing)
        box = torch.zeros(())
        for b, n in enumerate(count.tolist()):
            q, f = linear_sum_assignment(cost[b, :, :n].numpy())
            target[b, q] = person
            box = box + (5 * (predicted[b, q] - boxes[b, f]).abs().sum(-1) / 4 + 2 * (1 - giou(predicted[b, q], boxes[b, f])[0])).sum()
        weight = torch.where(target == nothing, .3, 1.)
        total = total + (F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").view_as(weight) * weight).sum() / weight.sum() + box / count.sum()
    return total
