/* From an image in the caller's memory to a network input: channel order, resize, normalisation. */
#ifndef RFA_IMAGE_H
#define RFA_IMAGE_H

#include "config.h"
#include "kernels.h"

/* Bytes of scratch that rfa_image_prepare needs for images with sides of at most max_side pixels (>= 1) and an output
 * of out_h x out_w: two coefficient tables and a few rows, never the image. */
size_t rfa_image_scratch_bytes(int max_side, uint32_t out_h, uint32_t out_w);

/* Computes  dst[c][y][x] = (resize(raw / 255)[y][x][c] - mean[c]) / std[c], raw = (256 - pixel) mod 256 with
 *           `negative`, channel 0 = blue with `bgr`. The aspect ratio is not kept.
 *
 *           RFA_RESIZE_TENSOR        torch.nn.functional.interpolate(antialias=True) on float32
 *           RFA_RESIZE_TENSOR_NO_AA  the same with antialias=False (a = -0.75 for bicubic)
 *           RFA_RESIZE_PILLOW        PIL.Image.resize on 8-bit pixels, then / 255
 *
 * Shapes    dst [3][h][w]; src 1 ... max_side pixels a side, or NULL for an image of zeros
 * Needs     scratch of rfa_image_scratch_bytes(max_side, h, w), 64-byte aligned; dst overlaps nothing. In the Pillow
 *           method dst also holds the int32 sums on the way, so it must be memory without a declared type, or of type
 *           float used only afterwards
 * Result    the same bits with every table of kernels; Pillow's bits; torch's to within 1e-6 before the normalisation
 * Source    Pillow's src/libImaging/Resample.c; PyTorch's aten/src/ATen/native/cpu/UpSampleKernel.cpp */
void rfa_image_prepare(float *dst, const struct rfa_image *src, uint32_t h, uint32_t w, const struct rfa_preprocess *p,
                       bool bgr, bool negative, const struct rfa_kernels *kernels, void *scratch);

#endif
