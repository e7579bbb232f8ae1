#include "split.h"

#include <stdint.h>

#include "quant.h"
#include "sizes.h"

/* A split is even enough when the busiest thread has at most this part of its share beyond it. */
enum { EVEN_ENOUGH = 16, ROWS_EVEN_ENOUGH = 8 };

enum { ROWS_A_TASK = 16 };

/* With few rows a kernel fetches weights ahead within a task, so tasks are few and long. */
enum { LONG_TASKS_A_THREAD = 2 };

static size_t common_divisor(size_t a, size_t b)
{
    return b ? common_divisor(b, a % b) : a;
}

/* Part `index` of `count` of a whole: larger ones first. */
static struct rfa_part even_part(size_t whole, size_t count, size_t index)
{
    size_t least = whole / count, larger = whole % count;
    return (struct rfa_part){index * least + rfa_smaller(index, larger), least + (index < larger)};
}

struct rfa_part rfa_task_rows(const struct rfa_split *s, size_t task)
{
    size_t tiles = rfa_divide_up(s->rows, s->tile);
    if (tiles == 0)
        return (struct rfa_part){0, 0};
    struct rfa_part p = even_part(tiles, s->row_blocks, task / s->output_blocks);
    size_t first = even_part(s->rows, tiles, p.first).first;
    return (struct rfa_part){first, even_part(s->rows, tiles, p.first + p.count).first - first};
}

struct rfa_part rfa_task_outputs(const struct rfa_split *s, size_t task)
{
    struct rfa_part p = even_part(rfa_divide_up(s->outputs, s->unit), s->output_blocks, task % s->output_blocks);
    size_t first = p.first * s->unit;
    return (struct rfa_part){first, rfa_smaller(p.count * s->unit, s->outputs - first)};
}

/* Blocks of rows, so that none has more than `most`. */
static size_t fewest_blocks(const struct rfa_split *s, size_t most)
{
    return rfa_divide_up(rfa_divide_up(s->rows, s->tile), most / s->tile);
}

struct rfa_split rfa_split_rows(size_t rows, size_t tile, size_t most, size_t tasks, size_t threads)
{
    struct rfa_split s = {.rows = rows, .outputs = 1, .tile = tile, .unit = 1, .output_blocks = 1};
    size_t blocks = fewest_blocks(&s, most), tiles = rfa_divide_up(rows, tile);
    blocks = rfa_round_up(blocks > tasks * threads ? blocks : tasks * threads, threads);
    s.row_blocks = rfa_smaller(blocks, tiles > 0 ? tiles : 1);
    return s;
}

struct rfa_split rfa_split_each(size_t rows, size_t threads)
{
    return rfa_split_rows(rows, 1, ROWS_A_TASK, RFA_TASKS_A_THREAD, threads);
}

bool rfa_split_leaves_waiting(const struct rfa_split *s, size_t threads)
{
    size_t largest = rfa_task_rows(s, 0).count;
    return s->row_blocks <= threads && ROWS_EVEN_ENOUGH * largest * threads > (ROWS_EVEN_ENOUGH + 1) * s->rows;
}

/* Rows times units of the busiest thread: in every round each thread has a task, and the larger ones are dealt out
 * evenly. */
static size_t busiest(const struct rfa_split *s, size_t threads)
{
    size_t units = rfa_divide_up(s->outputs, s->unit), rounds = rfa_divide_up(rfa_split_tasks(s), threads);
    size_t larger = units % s->output_blocks * s->row_blocks;
    return rfa_task_rows(s, 0).count * (rounds * (units / s->output_blocks) + rfa_divide_up(larger, threads));
}

/* As many blocks of outputs as give every thread `tasks` tasks, and all threads as many, as far as there are units. */
static size_t output_blocks(const struct rfa_split *s, const struct rfa_split_rule *rule, size_t tasks)
{
    size_t step = rule->threads / common_divisor(s->row_blocks, rule->threads);
    size_t wanted = rfa_round_up(rfa_divide_up(tasks * rule->threads, s->row_blocks), step);
    return rfa_smaller(wanted, rfa_divide_up(s->outputs, s->unit));
}

struct search {
    const struct rfa_split_rule *rule;
    struct rfa_split best;
    size_t load; /* of the busiest thread, in rows times outputs */
};

/* Fewer and fewer tasks with these blocks of rows; true when a split is even enough. */
static bool try_outputs(struct search *x, struct rfa_split s)
{
    size_t threads = x->rule->threads, units = rfa_divide_up(s.outputs, s.unit);
    for (size_t tasks = x->rule->tasks; tasks > 0; tasks--) {
        s.output_blocks = output_blocks(&s, x->rule, tasks);
        size_t load = busiest(&s, threads);
        if (load * s.unit < x->load) {
            x->load = load * s.unit;
            x->best = s;
        }
        if (EVEN_ENOUGH * load * threads <= (EVEN_ENOUGH + 1) * s.rows * units)
            return true;
    }
    return false;
}

/* Outputs are cut first: tasks that share rows find them in cache, while every further block of rows reads all weights
 * again. Rows are cut where outputs alone would leave threads waiting. */
struct rfa_split rfa_split_product(size_t rows, size_t outputs, const struct rfa_split_rule *rule)
{
    struct rfa_split s = {rows, outputs, rule->tile, rule->unit, 1, 1};
    struct search x = {.rule = rule, .best = s, .load = SIZE_MAX};
    if (rows == 0 || outputs == 0)
        return s;
    size_t fewest = fewest_blocks(&s, rule->most_rows);
    for (; s.unit >= rule->least_unit; s.unit /= 2)
        for (size_t i = 0; i < rule->threads && (i == 0 || rows / (fewest + i) >= rule->least_rows); i++) {
            s.row_blocks = fewest + i;
            if (try_outputs(&x, s))
                return x.best;
        }
    return x.best;
}

struct rfa_split rfa_split_int8(size_t rows, size_t outputs, size_t tile, size_t most_rows, size_t threads)
{
    const struct rfa_split_rule rule = {.threads = threads,
                                        .tile = tile,
                                        .most_rows = most_rows,
                                        .least_rows = rfa_larger(RFA_FEW_ROWS, tile),
                                        .unit = RFA_LINE,
                                        .least_unit = RFA_LINE / 2,
                                        .tasks = threads == 1           ? 1
                                                 : rows <= RFA_FEW_ROWS ? LONG_TASKS_A_THREAD
                                                                        : RFA_TASKS_A_THREAD};
    return rfa_split_product(rows, outputs, &rule);
}
