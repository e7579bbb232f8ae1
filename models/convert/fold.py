"""What the converter computes: in float64, rounded once when it is written. Shapes are row-major."""
import math

import numpy as np

PANEL = 16  # channels that stand side by side in a Mamba panel
_BATCH_NORM_EPS = 1e-5


def channel_last(kernel):
    """Convolution kernel [out,in,kh,kw] -> [out,kh*kw*in]: window row, window column, channel."""
    return kernel.transpose(0, 2, 3, 1).reshape(kernel.shape[0], -1)


def _batch_norm_scale(weight, variance):
    return weight.astype(np.float64) / np.sqrt(variance.astype(np.float64) + _BATCH_NORM_EPS)


def folded_weight(kernel, weight, variance):
    """Convolution without bias followed by frozen batch norm, as one matrix [out,kh*kw*in]."""
    return channel_last(kernel).astype(np.float64) * _batch_norm_scale(weight, variance)[:, None]


def folded_bias(weight, bias, mean, variance):
    """The bias of the same, [out]."""
    return bias.astype(np.float64) - mean.astype(np.float64) * _batch_norm_scale(weight, variance)


def panels(rows):
    """[channels,taps] -> [ceil(channels/16),taps,16], zero-padded: the taps of 16 neighbouring channels lie together."""
    channels, taps = rows.shape
    count = -(-channels // PANEL)
    padded = np.zeros((count * PANEL, taps), rows.dtype)
    padded[:channels] = rows
    return padded.reshape(count, PANEL, taps).transpose(0, 2, 1)


def mamba_a(a_log):
    """A = -exp(A_log), [channels,states], in panels."""
    return panels(-np.exp(a_log.astype(np.float64)))


def person_constant(weight, bias, world):
    """proj of [box, word vector of "person"] without the box: weight [D,4+D], bias [D], world [D] -> [D]."""
    return weight[:, 4:].astype(np.float64) @ world.astype(np.float64) + bias.astype(np.float64)


def backbone_size(n):
    """Rows or columns of the last ResNet stage for an image of n: five halvings, each floor((n-1)/2)+1."""
    for _ in range(5):
        n = (n - 1) // 2 + 1
    return n


def sine_positions(height, width, dim):
    """DETR's normalised sine table, [height*width, dim]: y half, then x half; sine and cosine in turn."""
    half = dim // 2
    wavelength = 10000.0 ** (2 * np.arange(half // 2) / half)
    table = np.empty((height, width, dim))
    for begin, count, axis in ((0, height, 0), (half, width, 1)):
        angle = ((np.arange(count) + 1) / (count + 1e-6) * 2 * math.pi)[:, None] / wavelength
        angle = np.expand_dims(angle, 1 - axis)
        table[:, :, begin:begin + half:2] = np.sin(angle)
        table[:, :, begin + 1:begin + half:2] = np.cos(angle)
    return table.reshape(height * width, dim)
