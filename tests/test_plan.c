/* The planner on random lifetimes, and the bundled models' memory to the byte. */
#include "model_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arena_guard.h"

/* ------------------------------------------------------------------ random plans */

enum { PLANS = 10000, MAX_BLOCKS = 120, MAX_STEPS = 100 };

static size_t below(uint64_t *state, size_t n)
{
    return (size_t)(case_random(state) % n);
}

/* Mostly short lives and small blocks, some that last, some empty: like a network's. Returns the number of blocks. */
static int random_blocks(struct rfa_block *block, int *steps, uint64_t *state)
{
    int count = 1 + (int)below(state, MAX_BLOCKS);
    *steps = 1 + (int)below(state, MAX_STEPS);
    for (int i = 0; i < count; i++) {
        int first = (int)below(state, (size_t)*steps), life = (int)below(state, below(state, 8) ? 4 : (size_t)*steps);
        block[i].first = below(state, 20) ? first : 0;
        block[i].last = first + life < *steps ? first + life : *steps - 1;
        block[i].bytes = 64 * (below(state, 10) ? below(state, 1 + below(state, 1000)) : 0);
        block[i].offset = SIZE_MAX / 2;
    }
    return count;
}

/* Whether two blocks share both a step and a byte. */
static bool overlaps(const struct rfa_block *block, int count)
{
    for (int i = 0; i < count; i++)
        for (int j = i + 1; j < count; j++) {
            const struct rfa_block *a = &block[i], *b = &block[j];
            if (a->bytes && b->bytes && a->first <= b->last && b->first <= a->last &&
                a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes)
                return true;
        }
    return false;
}

static void random_plans_do_not_overlap(void **state)
{
    (void)state;
    static struct rfa_block block[MAX_BLOCKS];
    static int order[MAX_BLOCKS];
    uint64_t random = 20260101;
    int optimal = 0;
    double worst = 1, sum = 0;
    for (int i = 0; i < PLANS; i++) {
        int steps, count = random_blocks(block, &steps, &random);
        size_t peak = rfa_plan_place(block, order, count), bound = rfa_plan_lower_bound(block, count, steps), end = 0;
        assert_false(overlaps(block, count));
        for (int j = 0; j < count; j++) {
            assert_int_equal(block[j].offset % 64, 0);
            end = block[j].offset + block[j].bytes > end ? block[j].offset + block[j].bytes : end;
        }
        assert_int_equal(peak, end);
        assert_true(peak >= bound);
        double ratio = bound ? (double)peak / (double)bound : 1;
        worst = ratio > worst ? ratio : worst;
        sum += ratio;
        optimal += peak == bound;
    }
    print_message("%d plans: %.1f %% at the lower bound, mean %.3f, worst %.3f times it\n", PLANS,
                  100.0 * optimal / PLANS, sum / PLANS, worst);
    assert_true(sum / PLANS < 1.05);
    assert_true(worst < 1.6);
}

/* The proof of the test above can fail. */
static void overlaps_are_seen(void **state)
{
    (void)state;
    struct rfa_block block[2] = {{.bytes = 128, .first = 0, .last = 3, .offset = 0},
                                 {.bytes = 64, .first = 3, .last = 5, .offset = 64}};
    assert_true(overlaps(block, 2));
    block[1].offset = 128;
    assert_false(overlaps(block, 2));
    block[1] = (struct rfa_block){.bytes = 64, .first = 4, .last = 5, .offset = 64};
    assert_false(overlaps(block, 2));
    block[1] = (struct rfa_block){.bytes = 0, .first = 0, .last = 5, .offset = 0};
    assert_false(overlaps(block, 2));
}

/* Sums that a size_t does not hold: on a 32-bit system a model's arrays reach them. */
static void beyond_all_addresses_is_seen(void **state)
{
    (void)state;
    const size_t half = SIZE_MAX / 2 / 64 * 64 + 64;
    int order[3];
    struct rfa_block block[3] = {{.bytes = half, .last = 2}, {.bytes = half, .first = 1, .last = 2}, {.bytes = 64}};
    assert_true(rfa_plan_place(block, order, 3) == SIZE_MAX);
    block[1].first = 3; /* one after the other */
    block[1].last = 3;
    assert_true(rfa_plan_place(block, order, 3) == half + 64);
}

/* ------------------------------------------------------------------ arena bytes */

static const struct {
    const char *name;
    uint32_t group;
    int threads;
    size_t arena;
} golden[] = {
    {"micro1", 1, 1, 558784}, {"micro1", 2, 1, 558784}, {"micro1", 8, 1, 665856}, {"micro1", 2, 4, 949888},
    {"nano2", 2, 1, 166592},  {"nano3", 2, 1, 166592},  {"first4", 2, 1, 121152},
};

/* Exact on purpose: a change of these numbers is a change of what a board needs, and has a reason. Pictures are limited
 * to 256 pixels so that the model's own tensors are seen, not the resize's scratch. */
static void arena_is_as_recorded(void **state)
{
    (void)state;
    if (RFA_RED_ZONE)
        skip(); /* red zones make it larger */
    bool right = true;
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        struct model_case c;
        struct rfa_options options;
        struct rfa_plan_info plan;
        rfa_session *session;
        case_open(&c, golden[i].name);
        rfa_options_default(&options);
        options.threads = golden[i].threads;
        options.frame_group = golden[i].group;
        options.max_image_side = 256;
        assert_int_equal(rfa_cpu_mask(&options.cpu_mask, "c"), RFA_OK);
        assert_int_equal(rfa_session_create(&session, c.model, &options), RFA_OK);
        assert_int_equal(rfa_session_plan(&plan, session), RFA_OK);
        print_message("%-8s group %u, %d threads: arena %zu bytes, %.3f times the lower bound, %.1f times smaller than "
                      "unshared\n",
                      golden[i].name, golden[i].group, golden[i].threads, plan.arena_bytes,
                      (double)plan.arena_bytes / (double)plan.lower_bound,
                      (double)plan.unshared_bytes / (double)plan.arena_bytes);
        right &= plan.arena_bytes == golden[i].arena;
        assert_true(plan.arena_bytes >= plan.lower_bound && plan.session_bytes > plan.arena_bytes);
        rfa_session_end(&session);
        case_close(&c);
    }
    assert_true(right);
}

/* The blocks that a session reports are a valid plan of the size it reports. */
static void reported_blocks_are_the_plan(void **state)
{
    (void)state;
    static const char *const names[] = {"micro1", "nano2", "nano3", "first4"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        struct model_case c;
        struct rfa_options options;
        struct rfa_plan_info plan;
        rfa_session *session;
        size_t end = 0;
        case_open(&c, names[n]);
        rfa_options_default(&options);
        assert_int_equal(rfa_session_create(&session, c.model, &options), RFA_OK);
        assert_int_equal(rfa_session_plan(&plan, session), RFA_OK);
        struct rfa_block *block = calloc((size_t)plan.blocks, sizeof *block);
        assert_non_null(block);
        for (int i = 0; i < plan.blocks; i++) {
            struct rfa_block_info info;
            assert_int_equal(rfa_session_block(&info, session, i), RFA_OK);
            assert_in_range(info.first_step, 0, plan.steps - 1);
            assert_in_range(info.last_step, info.first_step, plan.steps - 1);
            block[i] = (struct rfa_block){
                .bytes = info.bytes, .first = info.first_step, .last = info.last_step, .offset = info.offset};
            end = info.offset + info.bytes > end ? info.offset + info.bytes : end;
        }
        assert_int_equal(end, plan.arena_bytes);
        assert_int_equal(rfa_plan_lower_bound(block, plan.blocks, plan.steps), plan.lower_bound);
        assert_false(overlaps(block, plan.blocks));
        free(block);
        rfa_session_end(&session);
        case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_plans_do_not_overlap),  cmocka_unit_test(overlaps_are_seen),
        cmocka_unit_test(beyond_all_addresses_is_seen), cmocka_unit_test(arena_is_as_recorded),
        cmocka_unit_test(reported_blocks_are_the_plan),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
