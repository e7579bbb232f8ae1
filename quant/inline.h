/* How functions in headers are declared: a device compiler makes them for both sides, so that one text gives the bits
 * everywhere. */
#ifndef RFA_INLINE_H
#define RFA_INLINE_H

#ifdef __CUDACC__
#define RFA_INLINE static inline __host__ __device__
#else
#define RFA_INLINE static inline
#endif

#endif
