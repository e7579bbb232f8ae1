/* The public header alone is a whole translation unit of C11. */
#include "../src/refatom.h"

int main(void)
{
    struct rfa_options options;
    rfa_options_default(&options);
    return options.sizeof_options == sizeof options && rfa_status_str(RFA_OK) ? 0 : 1;
}
