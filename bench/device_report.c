/* The table and the JSON of `refatom bench model --devices`. */
#include "bench_devices.h"

const char *const rfa_part_name[RFA_PARTS] = {"vision", "scene", "text", "answer", "clip", "second caption"};

/* ------------------------------------------------------------------ text */

static void text_device(FILE *out, const struct rfa_device_run *d)
{
    fprintf(out, "%s: %d threads; ceiling ", d->title, d->options.threads);
    if (d->ceiling > 0)
        fprintf(out, "%.1f GMAC/s (%s)", d->ceiling * 1e-9, d->ceiling_of);
    else
        fprintf(out, "not known (%s)", d->ceiling_of);
    fprintf(out, "; session %.1f ms, first clip %.1f ms", d->open_seconds * 1e3, d->first_seconds * 1e3);
    if (d->info.bytes)
        fprintf(out, "; %.1f MiB on the device", (double)d->info.bytes / 0x1p20);
    fprintf(out, "\n");
}

/* Times as multiples of the first device's. */
static void text_parts(FILE *out, const struct rfa_device_run *device, int count)
{
    fprintf(out, "\n%-15s %-34s" RFA_OP_TIMES_HEAD "   to first\n", "part (medians)", "device");
    for (int part = 0; part < RFA_PARTS; part++)
        for (int i = 0; i < count; i++) {
            const struct rfa_device_run *d = &device[i];
            fprintf(out, "%-15s %-34.34s", i ? "" : rfa_part_name[part], d->title);
            rfa_op_print_times(out, d->macs[part], d->median[part], d->ceiling);
            fprintf(out, " %9.2fx\n", d->median[part] / device[0].median[part]);
        }
}

static void text_energy(FILE *out, const struct rfa_device_run *device, int count, const struct rfa_energy *energy)
{
    fprintf(out, "\nenergy of a clip\n");
    for (int i = 0; i < count; i++) {
        const struct rfa_device_run *d = &device[i];
        fprintf(out, "  %-34.34s", d->title);
        if (energy->why_no_cpu)
            fprintf(out, " CPU: not reported, %s", energy->why_no_cpu);
        else
            fprintf(out, " CPU packages: %.3f J", d->cpu_joules / (double)d->rounds);
        if (energy->why_no_gpu)
            fprintf(out, "; GPU: not reported, %s\n", energy->why_no_gpu);
        else
            fprintf(out, "; GPU: %.3f J\n", d->gpu_joules / (double)d->rounds);
    }
}

static void text_together(FILE *out, const struct rfa_device_run *device, int count)
{
    if (device[0].together_count == 0)
        return;
    fprintf(out, "\nsessions at once %-26s threads each    clips/s     p50 ms     p99 ms\n", "device");
    for (int k = 0; k < device[0].together_count; k++)
        for (int i = 0; i < count; i++) {
            const struct rfa_together *t = &device[i].together[k];
            fprintf(out, "%16d %-34.34s %4d %10.3f %10.3f %10.3f\n", t->sessions, device[i].title, t->threads,
                    t->clips_per_second, t->p50 * 1e3, t->p99 * 1e3);
        }
}

void rfa_device_report(FILE *out, const struct rfa_device_run *device, int count, const struct rfa_energy *energy)
{
    for (int i = 0; i < count; i++)
        text_device(out, &device[i]);
    text_parts(out, device, count);
    text_together(out, device, count);
    text_energy(out, device, count, energy);
    for (int i = 0; i < count; i++) {
        fprintf(out, "\n%s, step by step\n", device[i].title);
        rfa_op_print_sums(out, &device[i].ops, device[i].ceiling, NULL);
    }
}

/* ------------------------------------------------------------------ JSON, an object a line */

static void json_energy(FILE *out, const char *name, double joules, const char *why_not)
{
    if (why_not)
        fprintf(out, ", \"%s\": null", name);
    else
        fprintf(out, ", \"%s\": %.6g", name, joules);
}

static void json_device(FILE *out, int i, const struct rfa_device_run *d, const struct rfa_energy *energy)
{
    fprintf(out,
            "{\"device\": %d, \"kind\": \"%s\", \"name\": \"%s\", \"threads\": %d, \"ceiling\": %.6g, \"ceiling_of\": "
            "\"%s\", \"device_bytes\": %zu, \"open_ns\": %.0f, \"first_clip_ns\": %.0f, \"rounds\": %zu",
            i, d->info.device, d->info.name, d->options.threads, d->ceiling, d->ceiling_of, d->info.bytes,
            d->open_seconds * 1e9, d->first_seconds * 1e9, d->rounds);
    json_energy(out, "cpu_joules_a_clip", d->cpu_joules / (double)d->rounds, energy->why_no_cpu);
    json_energy(out, "gpu_joules_a_clip", d->gpu_joules / (double)d->rounds, energy->why_no_gpu);
    fprintf(out, "}\n");
    for (int part = 0; part < RFA_PARTS; part++)
        fprintf(out,
                "{\"device\": %d, \"part\": \"%s\", \"median_ns\": %.0f, \"min_ns\": %.0f, \"max_ns\": %.0f, \"work\": "
                "%.0f, \"unit\": \"MAC\", \"share\": %.4f}\n",
                i, rfa_part_name[part], d->median[part] * 1e9, d->seconds[part][0] * 1e9,
                d->seconds[part][d->rounds - 1] * 1e9, d->macs[part],
                rfa_op_share(d->macs[part], d->median[part], d->ceiling));
    for (int k = 0; k < d->together_count; k++)
        fprintf(out,
                "{\"device\": %d, \"sessions\": %d, \"threads\": %d, \"clips_per_second\": %.6g, \"p50_ns\": %.0f, "
                "\"p99_ns\": %.0f}\n",
                i, d->together[k].sessions, d->together[k].threads, d->together[k].clips_per_second,
                d->together[k].p50 * 1e9, d->together[k].p99 * 1e9);
    char keys[32];
    snprintf(keys, sizeof keys, "\"device\": %d, ", i);
    rfa_op_print_sums(out, &d->ops, d->ceiling, keys);
}

void rfa_device_report_json(FILE *out, const struct rfa_device_run *device, int count, const struct rfa_energy *energy)
{
    for (int i = 0; i < count; i++)
        json_device(out, i, &device[i], energy);
}
