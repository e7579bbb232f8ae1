/* refatom plan: what memory a session of this model will use, before anything runs. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "svg.h"

static const char help[] =
    "refatom plan MODEL [--threads N] [--group N] [--cpu TIER] [--cache KIB] [--steps] [--blocks] [--svg FILE]\n\n"
    "Prints the memory a session needs, to the byte: each stage's peak, the total, the sum without overlay and the "
    "lower\n"
    "bound (the largest set of tensors alive at once), and what other group sizes would need.\n\n"
    "  --cache KIB   second-level cache of a core; default: the system's word\n"
    "  --steps       one line a step: result, multiply-accumulates, weights, live arena\n"
    "  --blocks      one line a block of the arena\n"
    "  --svg FILE    draws the arena over the steps\n";

struct plan {
    rfa_model *model;
    rfa_session *session;
    struct rfa_options options;
    struct rfa_plan_info info;
};

static void print_summary(const struct plan *p)
{
    char a[16], b[16];
    const struct rfa_plan_info *i = &p->info;
    for (int stage = 0; rfa_stage_name(stage); stage++)
        printf("%-10s peak %12zu bytes  %s\n", rfa_stage_name(stage), i->stage_peak[stage],
               rfa_cli_bytes(a, i->stage_peak[stage]));
    printf("arena           %12zu bytes  %s in %d blocks, %d steps\n", i->arena_bytes, rfa_cli_bytes(a, i->arena_bytes),
           i->blocks, i->steps);
    printf("lower bound     %12zu bytes  %s (plan is %.2f %% above)\n", i->lower_bound,
           rfa_cli_bytes(a, i->lower_bound), 100.0 * ((double)i->arena_bytes / (double)i->lower_bound - 1.0));
    printf("without overlay %12zu bytes  %s\n", i->unshared_bytes, rfa_cli_bytes(b, i->unshared_bytes));
    printf("session         %12zu bytes  %s (arena and tables), %d threads, frame group %u\n", i->session_bytes,
           rfa_cli_bytes(a, i->session_bytes), p->options.threads, p->options.frame_group);
    printf("blocks          %12zu bytes  of rows a task of int8 products, for a core's cache of %s\n",
           i->row_block_bytes, p->options.cache_bytes ? rfa_cli_bytes(a, p->options.cache_bytes) : "unknown size");
}

/* The trade that the group size makes: memory against how often the weights stream past. */
static void print_groups(const struct plan *p, uint32_t frames)
{
    char text[16];
    for (uint32_t group = 1; group <= frames; group *= 2) {
        struct rfa_options options = p->options;
        size_t bytes;
        options.frame_group = group;
        if (rfa_session_bytes(&bytes, p->model, &options) == RFA_OK)
            printf("group %-4u      %12zu bytes  %s\n", group, bytes, rfa_cli_bytes(text, bytes));
    }
}

static void print_steps(const struct plan *p)
{
    struct rfa_step_info s;
    printf("%5s %-7s %-13s %-28s %15s %10s %10s %10s\n", "step", "stage", "op", "name", "result", "MMAC", "weights",
           "arena");
    for (int i = 0; i < p->info.steps && rfa_session_step(&s, p->session, i) == RFA_OK; i++)
        printf("%5d %-7s %-13s %-28s %7zu x %5zu %10.2f %10zu %10zu\n", i, s.stage, s.op, s.name, s.rows, s.cols,
               s.macs / 1e6, s.weight_bytes, s.arena_bytes);
}

static void print_blocks(const struct plan *p)
{
    struct rfa_block_info b;
    printf("%-7s %-28s %12s %12s %11s\n", "stage", "made by", "offset", "bytes", "steps");
    for (int i = 0; i < p->info.blocks && rfa_session_block(&b, p->session, i) == RFA_OK; i++)
        if (b.bytes)
            printf("%-7s %-28s %12zu %12zu %5d-%5d%s\n", b.stage, b.name, b.offset, b.bytes, b.first_step, b.last_step,
                   b.kept      ? " kept"
                   : b.scratch ? " scratch"
                               : "");
}

/* ------------------------------------------------------------------ picture */

enum { WIDTH = 1200, HEIGHT = 600, LEFT = 70, TOP = 40 };

static const struct rfa_svg_font TITLE = {15, "start", RFA_SVG_INK}, SCALE = {12, "end", RFA_SVG_INK},
                                 NOTE = {12, "start", RFA_SVG_INK};

static const char *stage_color(const char *stage)
{
    for (int i = 0; rfa_stage_name(i); i++)
        if (strcmp(stage, rfa_stage_name(i)) == 0)
            return rfa_svg_color[i];
    return RFA_SVG_PALE;
}

static void svg_axes(FILE *out, const struct plan *p)
{
    char text[16];
    rfa_svg_text(out, LEFT, 20, TITLE, "Arena over the steps: %s, %d threads, frame group %u",
                 rfa_cli_bytes(text, p->info.arena_bytes), p->options.threads, p->options.frame_group);
    for (int i = 0; i <= 4; i++) {
        double y = TOP + HEIGHT - HEIGHT * i / 4.0;
        rfa_svg_line(out, LEFT, y, LEFT + WIDTH, y);
        rfa_svg_text(out, LEFT - 6, y + 4, SCALE, "%s", rfa_cli_bytes(text, p->info.arena_bytes * (size_t)i / 4));
    }
    for (int i = 0; rfa_stage_name(i); i++)
        rfa_svg_legend(out, LEFT + 110 * i, TOP + HEIGHT + 42, rfa_svg_color[i], rfa_stage_name(i));
    rfa_svg_text(out, LEFT + 460, TOP + HEIGHT + 42, NOTE,
                 "faint: scratch; dark outline: kept for the whole session; x axis: %d steps in order", p->info.steps);
}

static void svg_block(FILE *out, const struct plan *p, const struct rfa_block_info *b)
{
    double sx = (double)WIDTH / p->info.steps, sy = (double)HEIGHT / (double)p->info.arena_bytes;
    double x = LEFT + b->first_step * sx, width = (b->last_step - b->first_step + 1) * sx,
           height = (double)b->bytes * sy;
    fprintf(out,
            "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\" fill-opacity=\"%s\"%s><title>%s: "
            "%s, %zu bytes at %zu, "
            "steps %d to %d</title></rect>\n",
            x, TOP + HEIGHT - (double)(b->offset + b->bytes) * sy, width, height, stage_color(b->stage),
            b->kept      ? "0.25"
            : b->scratch ? "0.35"
                         : "0.85",
            b->kept ? " stroke=\"#222\" stroke-width=\"0.7\"" : "", b->stage, b->name, b->bytes, b->offset,
            b->first_step, b->last_step);
}

static int write_svg(const struct plan *p, const char *path)
{
    struct rfa_output output;
    FILE *out = rfa_output_open(&output, path, &p->options.log);
    if (!out)
        return EXIT_FAILED;
    struct rfa_block_info b;
    rfa_svg_begin(out, LEFT + WIDTH + 20, TOP + HEIGHT + 60);
    svg_axes(out, p);
    for (int kept = 1; kept >= 0; kept--) /* long-lived blocks below the others */
        for (int i = 0; i < p->info.blocks && rfa_session_block(&b, p->session, i) == RFA_OK; i++)
            if (b.bytes && b.kept == (kept == 1))
                svg_block(out, p, &b);
    fputs("</svg>\n", out);
    return rfa_output_close(&output, out, RFA_OK) == RFA_OK ? EXIT_DONE : EXIT_FAILED;
}

static int report(struct plan *p, bool steps, bool blocks, const char *svg)
{
    struct rfa_model_info info;
    rfa_model_get_info(&info, p->model);
    if (p->options.frame_group > info.frames)
        p->options.frame_group = info.frames;
    if (rfa_session_create(&p->session, p->model, &p->options) != RFA_OK ||
        rfa_session_plan(&p->info, p->session) != RFA_OK)
        return EXIT_FAILED;
    if (svg && write_svg(p, svg) != EXIT_DONE)
        return EXIT_FAILED;
    print_summary(p);
    print_groups(p, info.frames);
    if (steps)
        print_steps(p);
    if (blocks)
        print_blocks(p);
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    const char *path = NULL, *svg = NULL;
    bool steps = false, blocks = false;
    struct rfa_cli_session session = {.threads = NULL};
    struct plan p = {.model = NULL};
    const struct rfa_cli_option options[] = {{"--threads", &session.threads, NULL},
                                             {"--group", &session.group, NULL},
                                             {"--cache", &session.cache, NULL},
                                             {"--cpu", &session.cpu, NULL},
                                             {"--steps", NULL, &steps},
                                             {"--blocks", NULL, &blocks},
                                             {"--svg", &svg, NULL}};
    if (rfa_cli_parse(argc, argv, options, sizeof options / sizeof options[0], &path, 1) < 0)
        return EXIT_USAGE;
    if (!path) {
        fputs("refatom: plan wants MODEL; see 'refatom plan --help'\n", stderr);
        return EXIT_USAGE;
    }
    if (!rfa_output_is_no_input(svg, &path, 1) || !rfa_cli_session_options(&p.options, &session))
        return EXIT_USAGE;
    if (rfa_model_open(&p.model, path, &p.options.log) != RFA_OK)
        return EXIT_FAILED;
    int status = report(&p, steps, blocks, svg);
    rfa_session_end(&p.session);
    rfa_model_close(&p.model);
    return status;
}

const struct rfa_command rfa_cmd_plan = {"plan", "print the memory a session needs, to the byte", help, run};
