/* The shapes that matter: what each kernel meets in the full-size model (a clip of 8 frames, frame groups of 1 and 2),
 * for tests and benchmark.
 *
 *   slot                          m                 n                  k                count
 *   gemm_s8, gemm_f32             rows              outputs            inputs           1
 *   rows and elements             rows              values of a row    -                1
 *   pack_rows_s8, pack_cols_s8    matrices          outputs            inputs           1
 *   attention_f32                 query rows        keys               head size        heads
 *   retrieve_f32                  queries           tokens of a frame  width            frames
 *   conv1d_silu_f32               time steps        channels           taps             1
 *   scan_f32                      time steps        channels           states           1
 *   max_pool_f32                  output rows       output width       channels         1
 *   resize_h_*, resize_v_*        source rows       source width       output width     1
 */
#ifndef RFA_TESTS_KERNEL_CASES_H
#define RFA_TESTS_KERNEL_CASES_H

#include <stdbool.h>
#include <stddef.h>

struct kernel_case {
    const char *slot;
    size_t m, n, k, count;
    bool causal;
    const char *where;
};

static const struct kernel_case kernel_cases[] = {
    {"gemm_s8", 257, 6144, 1408, 1, false, "ViT fc1, one frame"},
    {"gemm_s8", 514, 6144, 1408, 1, false, "ViT fc1, two frames"},
    {"gemm_s8", 257, 1408, 6144, 1, false, "ViT fc2, one frame"},
    {"gemm_s8", 514, 1408, 6144, 1, false, "ViT fc2, two frames"},
    {"gemm_s8", 257, 4224, 1408, 1, false, "ViT qkv, one frame"},
    {"gemm_s8", 514, 1408, 1408, 1, false, "ViT attention output, two frames"},
    {"gemm_s8", 257, 1536, 1408, 1, false, "Q-Former keys and values"},
    {"gemm_s8", 32, 3072, 768, 1, false, "Q-Former feed-forward, one frame"},
    {"gemm_s8", 257, 257, 88, 1, false, "ViT attention scores of a head"},
    {"gemm_s8", 257, 88, 257, 1, false, "ViT attention values of a head"},
    {"gemm_s8", 20, 10240, 2560, 1, false, "OPT fc1"},
    {"gemm_s8", 20, 2560, 10240, 1, false, "OPT fc2"},
    {"gemm_s8", 9945, 64, 576, 1, false, "DETR layer1 3x3, as rows"},
    {"gemm_s8", 660, 256, 2304, 1, false, "DETR layer3 3x3, as rows"},
    {"gemm_f32", 256, 1024, 256, 1, false, "Mamba in_proj on distinct tokens"},
    {"gemm_f32", 800, 48, 512, 1, false, "Mamba x_proj"},
    {"gemm_f32", 100, 768, 772, 1, false, "box token projection"},
    {"quantize_row", 257, 1408, 0, 1, false, "ViT rows"},
    {"quantize_row", 257, 6144, 0, 1, false, "ViT hidden rows"},
    {"quantize_scaled", 1, 636480, 0, 1, false, "DETR map of layer1"},
    {"absmax_f32", 1, 636480, 0, 1, false, "DETR map of layer1"},
    {"pack_rows_s8", 16, 257, 88, 1, false, "ViT keys of 16 heads"},
    {"pack_cols_s8", 16, 88, 257, 1, false, "ViT values of 16 heads"},
    {"f16_to_f32", 16, 1408, 0, 1, false, "16 rows of half weights"},
    {"round_f16", 1, 150528, 0, 1, false, "a frame"},
    {"act_f32", 257, 6144, 0, 1, false, "ViT hidden rows"},
    {"add_f32", 257, 1408, 0, 1, false, "ViT rows"},
    {"norm_f32", 257, 1408, 0, 1, false, "ViT rows"},
    {"norm_f32", 32, 768, 0, 1, false, "Q-Former rows"},
    {"softmax_f32", 257, 257, 0, 1, false, "ViT scores of a head"},
    {"softmax_s8", 257, 257, 0, 1, false, "ViT scores of a head"},
    {"mean_f32", 100, 256, 0, 1, false, "detections"},
    {"attention_f32", 257, 257, 88, 16, false, "ViT block, one frame"},
    {"attention_f32", 32, 257, 64, 12, false, "Q-Former cross-attention, one frame"},
    {"attention_f32", 165, 165, 32, 8, false, "DETR encoder"},
    {"attention_f32", 8, 8, 32, 8, false, "head"},
    {"attention_f32", 20, 20, 80, 32, true, "OPT"},
    {"unit_f32", 256, 768, 0, 1, false, "tokens of a clip"},
    {"retrieve_f32", 100, 32, 768, 8, false, "detections of a clip"},
    {"conv1d_silu_f32", 800, 512, 4, 1, false, "Mamba of the detections"},
    {"scan_f32", 800, 512, 16, 1, false, "Mamba of the detections"},
    {"scan_f32", 240, 1536, 16, 1, false, "Mamba of the keywords"},
    {"scan_f32", 256, 512, 16, 1, false, "Mamba of the image"},
    {"max_pool_f32", 85, 117, 64, 1, false, "DETR stem"},
    {"resize_h_f32", 1080, 1920, 224, 1, false, "1080p to a frame"},
    {"resize_h_u8", 1080, 1920, 465, 1, false, "1080p to the key frame"},
    {"resize_v_f32", 1080, 1920, 224, 1, false, "1080p to a frame"},
    {"resize_v_u8", 1080, 1920, 465, 1, false, "1080p to the key frame"},
    {"normalise_f32", 3, 50176, 0, 1, false, "a frame"},
};

enum { KERNEL_CASES = sizeof kernel_cases / sizeof kernel_cases[0] };

#endif
