/* Resizes raw RGB from stdin to float32 planes [3][h][w] on stdout, mean 0 and std 1: for compare_resize.py.
 * usage: tool_resize pillow|tensor|tensor-no-antialias bilinear|bicubic WIDTH HEIGHT OUT_WIDTH OUT_HEIGHT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/alloc.h"
#include "../src/image.h"

static enum rfa_resize_method method(const char *name)
{
    if (strcmp(name, "pillow") == 0)
        return RFA_RESIZE_PILLOW;
    return strcmp(name, "tensor") == 0 ? RFA_RESIZE_TENSOR : RFA_RESIZE_TENSOR_NO_AA;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: tool_resize METHOD FILTER WIDTH HEIGHT OUT_WIDTH OUT_HEIGHT\n");
        return 2;
    }
    struct rfa_preprocess p = {.filter = strcmp(argv[2], "bicubic") == 0 ? RFA_FILTER_BICUBIC : RFA_FILTER_BILINEAR,
                               .resize = method(argv[1]),
                               .std = {1.0f, 1.0f, 1.0f}};
    int width = atoi(argv[3]), height = atoi(argv[4]);
    uint32_t w = (uint32_t)atoi(argv[5]), h = (uint32_t)atoi(argv[6]);
    size_t in = (size_t)width * (size_t)height * 3, out = (size_t)w * h * 3;
    uint8_t *rgb = rfa_alloc(in);
    float *dst = rfa_alloc(out * sizeof *dst);
    void *scratch = rfa_alloc(rfa_image_scratch_bytes(width > height ? width : height, h, w));
    if (!rgb || !dst || !scratch || fread(rgb, 1, in, stdin) != in) {
        fprintf(stderr, "tool_resize: standard input holds less than %zu bytes, or no memory\n", in);
        return 1;
    }
    struct rfa_kernels kernels = {0};
    rfa_kernels_init(&kernels, rfa_cpu_detect());
    const struct rfa_image image = {.rgb = rgb, .width = width, .height = height, .stride = 3 * (ptrdiff_t)width};
    rfa_image_prepare(dst, &image, h, w, &p, false, false, &kernels, scratch);
    return fwrite(dst, sizeof *dst, out, stdout) == out ? 0 : 1;
}
