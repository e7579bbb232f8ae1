/* The digest of a model file: BLAKE2b (RFC 7693) with a result of 32 bytes and no key.
 *
 * It covers every byte of the file: first the data section, from its first byte to the end of the file, then the bytes
 * before it, with the digest's own 64 characters read as '0'. That order lets a writer hash while it streams the data.
 */
#ifndef RFA_CLI_DIGEST_H
#define RFA_CLI_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define RFA_DIGEST_KEY "refatom.digest" /* a string of RFA_DIGEST_CHARS lower-case hexadecimal digits */

enum { RFA_DIGEST_CHARS = 64, RFA_DIGEST_BLOCK = 128 };

struct rfa_digest {
    uint64_t h[8];
    uint64_t bytes; /* hashed so far, without what waits in block[] */
    uint8_t block[RFA_DIGEST_BLOCK];
    size_t waiting;
};

void rfa_digest_start(struct rfa_digest *d);
void rfa_digest_add(struct rfa_digest *d, const void *data, size_t bytes);

/* Writes the digest as text, without a terminating zero byte. *d is used up. */
void rfa_digest_finish(struct rfa_digest *d, char text[RFA_DIGEST_CHARS]);

#endif
