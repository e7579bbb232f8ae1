/* The table and the JSON of `refatom bench model --devices`. */
#include "bench_devices.h"

#include <string.h>

const char *const rfa_part_name[RFA_PARTS] = {"vision", "scene", "text", "answer", "clip", "second caption"};

/* ------------------------------------------------------------------ text */

static void text_rate(FILE *out, double rate, double data_sheet, const char *unit, const char *of)
{
    fprintf(out, "%.1f %s (%s", rate * 1e-9, unit, of);
    if (data_sheet > 0 && strcmp(of, "data sheet") != 0)
        fprintf(out, "; data sheet %.1f", data_sheet * 1e-9);
    fprintf(out, ")");
}

static void text_device(FILE *out, const struct rfa_device_run *d)
{
    fprintf(out, "%s: %d threads; ceiling ", d->title, d->options.threads);
    if (d->ceiling > 0)
        text_rate(out, d->ceiling, d->data_sheet, "GMAC/s", d->ceiling_of);
    else
        fprintf(out, "not known (%s)", d->ceiling_of);
    if (d->reads > 0) {
        fprintf(out, ", memory ");
        text_rate(out, d->reads, d->data_sheet_reads, "GB/s", d->reads_of);
    }
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

static void text_throughput(FILE *out, const struct rfa_device_run *d, const struct rfa_together *t, const char *what,
                            const struct rfa_throughput *of)
{
    fprintf(out, "%16d %-34.34s %7d %-14s %10.3f %10.3f %10.3f\n", t->sessions, d->title, t->threads, what,
            of->per_second, of->p50 * 1e3, of->p99 * 1e3);
}

static void text_together(FILE *out, const struct rfa_device_run *device, int count)
{
    if (device[0].together_count == 0)
        return;
    fprintf(out, "\n%16s %-34s %7s %-14s %10s %10s %10s\n", "sessions at once", "device", "threads", "of each",
            "a second", "p50 ms", "p99 ms");
    for (int k = 0; k < device[0].together_count; k++)
        for (int what = 0; what < 2; what++)
            for (int i = 0; i < count; i++) {
                const struct rfa_together *t = &device[i].together[k];
                text_throughput(out, &device[i], t, what ? "second caption" : "clip", what ? &t->captions : &t->clips);
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

static void json_throughput(FILE *out, int i, const struct rfa_together *t, const char *unit,
                            const struct rfa_throughput *of)
{
    fprintf(out,
            "{\"device\": %d, \"sessions\": %d, \"threads\": %d, \"%s\": %.6g, \"p50_ns\": %.0f, \"p99_ns\": %.0f}\n",
            i, t->sessions, t->threads, unit, of->per_second, of->p50 * 1e9, of->p99 * 1e9);
}

static void json_device(FILE *out, int i, const struct rfa_device_run *d, const struct rfa_energy *energy)
{
    fprintf(out,
            "{\"device\": %d, \"kind\": \"%s\", \"name\": \"%s\", \"threads\": %d, \"ceiling\": %.6g, \"ceiling_of\": "
            "\"%s\", \"data_sheet\": %.6g, \"reads\": %.6g, \"reads_of\": \"%s\", \"data_sheet_reads\": %.6g, "
            "\"device_bytes\": %zu, \"open_ns\": %.0f, \"first_clip_ns\": %.0f, \"rounds\": %zu",
            i, d->info.device, d->info.name, d->options.threads, d->ceiling, d->ceiling_of, d->data_sheet, d->reads,
            d->reads_of, d->data_sheet_reads, d->info.bytes, d->open_seconds * 1e9, d->first_seconds * 1e9, d->rounds);
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
    for (int k = 0; k < d->together_count; k++) {
        json_throughput(out, i, &d->together[k], "clips_per_second", &d->together[k].clips);
        json_throughput(out, i, &d->together[k], "captions_per_second", &d->together[k].captions);
    }
    char keys[32];
    snprintf(keys, sizeof keys, "\"device\": %d, ", i);
    rfa_op_print_sums(out, &d->ops, d->ceiling, keys);
}

void rfa_device_report_json(FILE *out, const struct rfa_device_run *device, int count, const struct rfa_energy *energy)
{
    for (int i = 0; i < count; i++)
        json_device(out, i, &device[i], energy);
}
