/* A program of somebody who has refatom installed: C11 and C++11 alike. Prints what a model holds. */
#include <refatom.h>
#include <stdio.h>

static void print_message(void *user, enum rfa_status status, const char *message)
{
    (void)user;
    fprintf(stderr, "%s: %s\n", rfa_status_str(status), message);
}

int main(int argc, char **argv)
{
    struct rfa_log log = {print_message, NULL};
    struct rfa_model_info info;
    rfa_model *model;
    if (argc != 2 || rfa_model_open(&model, argv[1], &log) != RFA_OK)
        return 1;
    rfa_model_get_info(&info, model);
    printf("%s, %s, %u actions, tier %s\n", info.variant, info.weights, info.actions, rfa_cpu_tier(UINT32_MAX));
    rfa_model_close(&model);
    return 0;
}
