/* Measures what the device can do at most. */
#ifndef RFA_MEASURE_CUDA_H
#define RFA_MEASURE_CUDA_H

#include <cuda_runtime_api.h>

#include "backend.h"

struct rfa_cuda_size {
    int multiprocessors, cache_bytes; /* of the second level; 0: not known */
};

/* Takes memory of the device for its reads, and gives it back. */
enum rfa_status rfa_cuda_measure(struct rfa_device_rates *rates, const struct rfa_log *log, cudaStream_t stream,
                                 const struct rfa_cuda_size *size);

#endif
