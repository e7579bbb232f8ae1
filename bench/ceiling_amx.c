#if !(defined(__AMX_INT8__) || defined(__AMXINT8__)) /* gcc, clang */
#error "ceiling_amx.c needs the flags that CMakeLists.txt gives the amx files"
#endif
#include <immintrin.h>

#include "ceiling.h"

/* Four independent sums: a product takes longer than its turn in the unit. */
static void tiles(size_t iterations)
{
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (size_t i = 0; i < iterations; i++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_release();
}

const struct rfa_loop rfa_loop_int8_amx = {"TDPBSSD", 4 * 16 * 16 * 64, tiles, NULL};
