/* refatom info: what a model file is; --cpu: what this machine offers. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cpu.h"
#include "kernels.h"

static const char help[] = "refatom info MODEL [--json]\n"
                           "refatom info --cpu [--cpu-cap TIER]\n\n"
                           "Prints what the model file holds; with --cpu the instruction sets of this machine and, "
                           "kernel by kernel, the variant\n"
                           "that would run (--cpu-cap limits them as --cpu does in 'refatom run').\n";

struct bundle {
    uint32_t bit;
    const char *name, *what;
};

static const struct bundle bundles[] = {
    {RFA_CPU_AVX2, "avx2", "AVX2, FMA, F16C"},
    {RFA_CPU_AVX512, "avx512", "AVX-512 F, BW, VL, DQ"},
    {RFA_CPU_VNNI, "vnni", "AVX-512 VNNI (VPDPBUSD)"},
    {RFA_CPU_AMX, "amx", "AMX tiles, int8 (TDPBSSD)"},
    {RFA_CPU_NEON, "neon", "Advanced SIMD"},
    {RFA_CPU_DOTPROD, "dotprod", "SDOT"},
    {RFA_CPU_I8MM, "i8mm", "SMMLA"},
};

/* The variants are told apart by the same list that chooses them. */
static void print_kernels(uint32_t cpu)
{
    const char *slot[64], *isa[64];
    int count = 0;
#define KERNEL(s, i, bits)                                                                                             \
    if ((cpu & (uint32_t)(bits)) == (uint32_t)(bits)) {                                                                \
        int at = 0;                                                                                                    \
        while (at < count && strcmp(slot[at], #s) != 0)                                                                \
            at++;                                                                                                      \
        slot[at] = #s;                                                                                                 \
        isa[at] = #i;                                                                                                  \
        count += at == count;                                                                                          \
    }
#include "kernels.def"
#undef KERNEL
    for (int i = 0; i < count; i++)
        printf("  %-18s %s\n", slot[i], isa[i]);
}

static int print_cpu(const char *cap)
{
    uint32_t mask = UINT32_MAX, found = rfa_cpu_detect();
    if (cap && rfa_cpu_mask(&mask, cap) != RFA_OK) {
        fprintf(stderr, "refatom: --cpu-cap: '%s' is none of c avx2 avx512 avx512vnni amx neon dotprod i8mm auto\n",
                cap);
        return EXIT_USAGE;
    }
    printf("tier      %s%s\n", rfa_cpu_tier(mask), found & ~mask ? " (capped)" : "");
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++)
        printf("%-9s %-28s %s\n", bundles[i].name, bundles[i].what,
               found & bundles[i].bit ? found & mask & bundles[i].bit ? "yes" : "yes, but capped"
                                      : "no: the CPU or the system lacks it");
    printf("kernels\n");
    print_kernels(found & mask);
    return EXIT_DONE;
}

static void print_model(const char *path, const rfa_model *model, const struct rfa_model_info *info)
{
    char weights[16], file[16];
    printf("file        %s, %s\n", path, rfa_cli_bytes(file, info->file_bytes));
    printf("model       %s, %s weights, %.2f million parameters, %zu tensors, %s\n", info->variant, info->weights,
           (double)info->parameters / 1e6, info->tensors, rfa_cli_bytes(weights, info->weight_bytes));
    printf("input       %u frames of %u x %u, key frame %u x %u, caption of at most %u tokens (%u keywords)\n",
           info->frames, info->image_size, info->image_size, info->key_width, info->key_height, info->sentence_limit,
           info->keyword_limit);
    printf("inside      %u visual tokens a frame, %u detections\n", info->visual_tokens, info->queries);
    printf("actions     %u:", info->actions);
    for (uint32_t i = 0; i < info->actions; i++) {
        size_t length;
        const char *label = rfa_model_label(&length, model, i);
        printf("%s %.*s", i ? "," : "", (int)length, label ? label : "");
    }
    printf("\n");
}

static void print_json(const rfa_model *model, const struct rfa_model_info *info)
{
    printf("{\"variant\": \"%s\", \"weights\": \"%s\", \"parameters\": %zu, \"tensors\": %zu, \"weight_bytes\": %zu, "
           "\"file_bytes\": %zu, ",
           info->variant, info->weights, info->parameters, info->tensors, info->weight_bytes, info->file_bytes);
    printf("\"frames\": %u, \"image_size\": %u, \"key_frame_size\": [%u, %u], \"visual_tokens\": %u, \"queries\": %u, ",
           info->frames, info->image_size, info->key_height, info->key_width, info->visual_tokens, info->queries);
    printf("\"sentence_limit\": %u, \"keyword_limit\": %u, \"actions\": [", info->sentence_limit, info->keyword_limit);
    for (uint32_t i = 0; i < info->actions; i++) {
        size_t length;
        const char *label = rfa_model_label(&length, model, i);
        printf("%s", i ? ", " : "");
        rfa_cli_json_string(stdout, label ? label : "", length);
    }
    printf("]}\n");
}

static int run(int argc, char **argv)
{
    const char *path = NULL, *cap = NULL;
    bool json = false, cpu = false;
    const struct rfa_cli_option options[] = {{"--json", NULL, &json}, {"--cpu", NULL, &cpu}, {"--cpu-cap", &cap, NULL}};
    if (rfa_cli_parse(argc, argv, options, 3, &path, 1) < 0)
        return EXIT_USAGE;
    if (cpu)
        return print_cpu(cap);
    if (!path) {
        fputs("refatom: info wants MODEL or --cpu; see 'refatom info --help'\n", stderr);
        return EXIT_USAGE;
    }
    rfa_model *model;
    struct rfa_model_info info;
    if (rfa_model_open(&model, path, &rfa_cli_log) != RFA_OK)
        return EXIT_FAILED;
    rfa_model_get_info(&info, model);
    if (json)
        print_json(model, &info);
    else
        print_model(path, model, &info);
    rfa_model_close(&model);
    return EXIT_DONE;
}

const struct rfa_command rfa_cmd_info = {"info", "describe a model file, or this machine's CPU", help, run};
