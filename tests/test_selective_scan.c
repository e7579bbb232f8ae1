/* The public selective scan against the formula in double, in one piece and in two. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "refatom.h"

enum { LENGTH = 37, CHANNELS = 21, STATES = 5, PANEL_FLOATS = 32 * STATES };

static float delta[LENGTH * CHANNELS], u[LENGTH * CHANNELS], z[LENGTH * CHANNELS], a[CHANNELS * STATES], b[LENGTH * STATES],
    c[LENGTH * STATES], d[CHANNELS], y[LENGTH * CHANNELS], panels[PANEL_FLOATS], state[PANEL_FLOATS];
static _Alignas(64) unsigned char scratch[32768];

static void fill(float *x, size_t n, float scale, float shift)
{
    static uint32_t seed = 7;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = scale * ((float)(seed >> 8) / 8388608.0f - 1.0f) + shift;
    }
}

static struct rfa_selective_scan prepare(void)
{
    fill(delta, LENGTH * CHANNELS, 2.0f, -1.0f);
    fill(u, LENGTH * CHANNELS, 1.0f, 0.0f);
    fill(z, LENGTH * CHANNELS, 2.0f, 0.0f);
    fill(a, CHANNELS * STATES, 1.0f, -1.5f);
    fill(b, LENGTH * STATES, 1.0f, 0.0f);
    fill(c, LENGTH * STATES, 1.0f, 0.0f);
    fill(d, CHANNELS, 1.0f, 0.0f);
    assert_int_equal(rfa_scan_panel_floats(CHANNELS, STATES), PANEL_FLOATS);
    assert_true(rfa_selective_scan_scratch(STATES) <= sizeof scratch);
    rfa_scan_pack(panels, a, CHANNELS, STATES);
    return (struct rfa_selective_scan){.length = LENGTH, .channels = CHANNELS, .states = STATES, .delta = delta, .u = u, .z = z, .a = panels,
                                       .b = b, .c = c, .d = d, .y = y, .scratch = scratch, .cpu = rfa_cpu_bits()};
}

static void test_formula(void **unused)
{
    struct rfa_selective_scan scan = prepare();
    (void)unused;
    assert_int_equal(rfa_selective_scan(&scan), RFA_OK);
    for (int ch = 0; ch < CHANNELS; ch++) {
        double h[STATES] = {0};
        for (int t = 0; t < LENGTH; t++) {
            int i = t * CHANNELS + ch;
            double dt = log1p(exp((double)delta[i])), sum = (double)d[ch] * (double)u[i];
            for (int n = 0; n < STATES; n++) {
                h[n] = exp(dt * (double)a[ch * STATES + n]) * h[n] + dt * (double)b[t * STATES + n] * (double)u[i];
                sum += (double)c[t * STATES + n] * h[n];
            }
            double want = sum * (double)z[i] / (1.0 + exp(-(double)z[i]));
            assert_true(fabs((double)y[i] - want) < 1e-5);
        }
    }
}

static void test_two_pieces_and_plain_c(void **unused)
{
    struct rfa_selective_scan scan = prepare();
    static float whole[LENGTH * CHANNELS];
    (void)unused;
    assert_int_equal(rfa_selective_scan(&scan), RFA_OK);
    memcpy(whole, y, sizeof y);
    scan.cpu = 0;
    assert_int_equal(rfa_selective_scan(&scan), RFA_OK);
    assert_memory_equal(y, whole, sizeof y);
    memset(state, 0, sizeof state);
    scan.state = state;
    scan.length = 10;
    assert_int_equal(rfa_selective_scan(&scan), RFA_OK);
    scan.delta += 10 * CHANNELS, scan.u += 10 * CHANNELS, scan.z += 10 * CHANNELS, scan.y += 10 * CHANNELS;
    scan.b += 10 * STATES, scan.c += 10 * STATES;
    scan.length = LENGTH - 10;
    assert_int_equal(rfa_selective_scan(&scan), RFA_OK);
    assert_memory_equal(y, whole, sizeof y);
}

static void test_arguments(void **unused)
{
    struct rfa_selective_scan scan = prepare();
    (void)unused;
    assert_int_equal(rfa_selective_scan(NULL), RFA_ERR_ARG);
    scan.scratch = scratch + 4;
    assert_int_equal(rfa_selective_scan(&scan), RFA_ERR_ARG);
    scan.scratch = scratch;
    scan.states = 0;
    assert_int_equal(rfa_selective_scan(&scan), RFA_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formula), cmocka_unit_test(test_two_pieces_and_plain_c),
                                       cmocka_unit_test(test_arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
