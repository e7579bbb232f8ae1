/* The tile instructions of Intel AMX in plain C, so that gemm_s8_amx.c can be tested where the processor has none.
 * Include before it; what the SDM makes a fault (a tile beyond the configured rows, shapes that do not fit each other,
 * any use before LDTILECFG) ends the test here. Intel SDM volume 2, TDPBSSD, TILELOADD, TILESTORED, LDTILECFG. */
#ifndef RFA_TESTS_AMX_EMULATED_H
#define RFA_TESTS_AMX_EMULATED_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct amx_tiles {
    uint8_t configured, rows[8], row_bytes[8];
    uint8_t data[8][16][64];
};

static struct amx_tiles amx;

static inline void amx_demand(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "AMX would fault: %s\n", what);
    abort();
}

static inline void amx_loadconfig(const void *memory)
{
    const uint8_t *config = memory;
    memset(&amx, 0, sizeof amx);
    amx_demand(config[0] == 1 && config[1] == 0, "palette 1, start row 0");
    for (int i = 2; i < 16; i++)
        amx_demand(config[i] == 0, "reserved bytes are 0");
    for (int i = 0; i < 8; i++) {
        uint16_t row_bytes;
        memcpy(&row_bytes, config + 16 + 2 * i, sizeof row_bytes);
        amx.rows[i] = config[48 + i];
        amx.row_bytes[i] = (uint8_t)row_bytes;
        amx_demand(row_bytes <= 64 && amx.rows[i] <= 16 && !row_bytes == !amx.rows[i], "at most 16 rows of 64 bytes");
    }
    amx.configured = 1;
}

static inline void amx_use(int t)
{
    amx_demand(amx.configured && amx.rows[t], "a tile that is configured");
}

static inline void amx_zero(int t)
{
    amx_use(t);
    memset(amx.data[t], 0, sizeof amx.data[t]);
}

static inline void amx_load(int t, const void *base, size_t stride)
{
    amx_zero(t);
    for (size_t i = 0; i < amx.rows[t]; i++)
        memcpy(amx.data[t][i], (const char *)base + i * stride, amx.row_bytes[t]);
}

static inline void amx_store(int t, void *base, size_t stride)
{
    amx_use(t);
    for (size_t i = 0; i < amx.rows[t]; i++)
        memcpy((char *)base + i * stride, amx.data[t][i], amx.row_bytes[t]);
}

/* c[m][n] += sum over 4 k of a[m][4 k] * w[k][4 n] */
static inline void amx_dpbssd(int c, int a, int w)
{
    amx_use(c), amx_use(a), amx_use(w);
    amx_demand(amx.rows[c] == amx.rows[a] && amx.row_bytes[c] == amx.row_bytes[w] &&
                   amx.row_bytes[a] == 4 * amx.rows[w],
               "factors and sum that fit each other");
    for (size_t m = 0; m < amx.rows[c]; m++) {
        int32_t sum[16];
        memcpy(sum, amx.data[c][m], sizeof sum);
        for (size_t k = 0; k < amx.rows[w]; k++) {
            const int8_t *x = (const int8_t *)amx.data[a][m] + 4 * k, *y = (const int8_t *)amx.data[w][k];
            for (size_t n = 0; n < 16; n++)
                sum[n] += x[0] * y[4 * n] + x[1] * y[4 * n + 1] + x[2] * y[4 * n + 2] + x[3] * y[4 * n + 3];
        }
        memcpy(amx.data[c][m], sum, sizeof sum);
    }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stream_loadd
#undef _tile_stored
#undef _tile_dpbssd
#define _tile_loadconfig                       amx_loadconfig
#define _tile_release()                        (void)(amx.configured = 0)
#define _tile_zero                             amx_zero
#define _tile_loadd(tile, base, stride)        amx_load(tile, base, stride)
#define _tile_stream_loadd(tile, base, stride) amx_load(tile, base, stride)
#define _tile_stored(tile, base, stride)       amx_store(tile, base, stride)
#define _tile_dpbssd                           amx_dpbssd

#endif
