#include "device_list.h"

#include <string.h>

#include "error.h"

#include "backend.h"

bool rfa_device_list_split(struct rfa_device_list *list, const char *text)
{
    list->count = 0;
    if (strlen(text) >= sizeof list->text) {
        fputs("refatom: --devices: the list is too long\n", stderr);
        return false;
    }
    strcpy(list->text, text);
    for (char *name = list->text; name;) {
        char *comma = strchr(name, ',');
        if (comma)
            *comma++ = 0;
        if (list->count == RFA_MOST_DEVICES) {
            fprintf(stderr, "refatom: --devices: more than %d\n", RFA_MOST_DEVICES);
            return false;
        }
        list->name[list->count++] = name;
        name = comma;
    }
    return true;
}

bool rfa_device_list_options(struct rfa_options *options, const char *name, const struct rfa_cli_session *session)
{
    struct rfa_cli_session given = *session;
    enum rfa_device device;
    given.device = name;
    if (strncmp(name, "cpu:", 4) == 0) {
        given.device = "cpu";
        given.cpu = name + 4;
    }
    if (rfa_device_by_name(&device, given.device) != RFA_OK) {
        fprintf(stderr, "refatom: --devices: '%s' is none of cpu, cpu:TIER, cuda; this build has cpu%s\n", name,
                rfa_backend_of(RFA_DEVICE_CUDA) ? " and cuda" : " alone");
        return false;
    }
    return rfa_cli_session_options(options, &given);
}

enum rfa_status rfa_device_list_check(const char *name, const struct rfa_options *options)
{
    const char *colon = strchr(name, ':');
    const char *tier = colon ? colon + 1 : "auto", *fastest = rfa_cpu_tier(options->cpu_mask);
    if (strcmp(tier, "auto") == 0 || strcmp(tier, fastest) == 0)
        return RFA_OK;
    return rfa_fail(&rfa_cli_log, RFA_ERR_UNSUPPORTED,
                    "device %s: this machine or build has no %s, %s would run; 'refatom info --cpu' says why", name,
                    tier, fastest);
}
