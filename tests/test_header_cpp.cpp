// The public header alone is a whole translation unit of C++11, and the library links from it.
#include "../src/refatom.h"

int main()
{
    rfa_options options;
    rfa_options_default(&options);
    rfa_model *model = nullptr;
    rfa_model_close(&model);
    return options.sizeof_options == sizeof options && rfa_status_str(RFA_OK) ? 0 : 1;
}
