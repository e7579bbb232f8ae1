/* Failures of the CUDA runtime as the library's. */
#ifndef RFA_CUDA_ERROR_H
#define RFA_CUDA_ERROR_H

#include <cuda_runtime_api.h>

#include "error.h"

/* The only way an error of the runtime is reported. Fetching it clears it: it would come up again in the next session,
 * where nothing has failed. */
#define CUDA_TRY(log, what, remedy, expr)                                                                              \
    do {                                                                                                               \
        cudaError_t error_ = (expr);                                                                                   \
        if (error_ != cudaSuccess) {                                                                                   \
            cudaGetLastError();                                                                                        \
            return rfa_fail(log, RFA_ERR_DEVICE, "device cuda: %s: %s; %s", what, cudaGetErrorString(error_), remedy); \
        }                                                                                                              \
    } while (0)

#endif
