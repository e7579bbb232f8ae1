/* refatom info: what a model file is; --cpu: what this machine offers. */
#include "cli.h"
#include "cores.h"
#include "cpu_report.h"

static const char help[] =
    "refatom info MODEL [--json]\n"
    "refatom info --cpu [--cpu-cap TIER]\n\n"
    "Prints what the model file holds; with --cpu the instruction sets of this machine and, "
    "kernel by kernel, the variant\n"
    "that runs and why no faster one does (--cpu-cap limits them as --cpu does in 'refatom run').\n";

static int print_cpu(const char *cap)
{
    uint32_t mask = UINT32_MAX;
    if (cap && !rfa_cli_tier(&mask, "--cpu-cap", cap))
        return EXIT_USAGE;
    rfa_cpu_report(mask);
    struct rfa_cores cores;
    rfa_cores_allowed(&cores);
    rfa_cores_read_speeds(&cores, "");
    if (rfa_cores_choose(&cores, NULL))
        rfa_cores_print(stdout, &cores);
    char text[16];
    size_t cache = rfa_cores_cache_bytes(&cores, "");
    printf("cache     %s\n", cache ? rfa_cli_bytes(text, cache) : "second-level cache not known");
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
    if (cpu == (path != NULL) || (cpu && json) || (cap && !cpu)) {
        fputs("refatom: info wants either MODEL, with or without --json, or --cpu, with or without --cpu-cap; see "
              "'refatom info --help'\n",
              stderr);
        return EXIT_USAGE;
    }
    if (cpu)
        return print_cpu(cap);
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
