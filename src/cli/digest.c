#include "digest.h"

#include <string.h>

static const uint64_t initial[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

/* Rounds 10 and 11 repeat rounds 0 and 1. */
static const uint8_t sigma[12][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

static inline uint64_t rotate(uint64_t x, int n)
{
    return x >> n | x << (64 - n);
}

static inline void mix(uint64_t v[16], int a, int b, int c, int d, uint64_t x, uint64_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = rotate(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate(v[b] ^ v[c], 63);
}

static void compress(struct rfa_digest *d, const uint8_t *block, size_t bytes, uint64_t last)
{
    uint64_t v[16], m[16];
    memcpy(m, block, sizeof m);
    memcpy(v, d->h, sizeof d->h);
    memcpy(v + 8, initial, sizeof initial);
    d->bytes += bytes;
    v[12] ^= d->bytes;
    v[14] ^= last;
    for (int i = 0; i < 12; i++) {
        const uint8_t *s = sigma[i];
        for (int j = 0; j < 4; j++)
            mix(v, j, j + 4, j + 8, j + 12, m[s[2 * j]], m[s[2 * j + 1]]);
        for (int j = 0; j < 4; j++)
            mix(v, j, (j + 1) % 4 + 4, (j + 2) % 4 + 8, (j + 3) % 4 + 12, m[s[2 * j + 8]], m[s[2 * j + 9]]);
    }
    for (int i = 0; i < 8; i++)
        d->h[i] ^= v[i] ^ v[i + 8];
}

void rfa_digest_start(struct rfa_digest *d)
{
    *d = (struct rfa_digest){.waiting = 0};
    memcpy(d->h, initial, sizeof initial);
    d->h[0] ^= 0x01010000 ^ RFA_DIGEST_CHARS / 2; /* parameter block: no key, fanout 1, depth 1, bytes of the result */
}

/* The last block is compressed by finish alone, so a full one waits until more comes. */
void rfa_digest_add(struct rfa_digest *d, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    while (bytes > 0) {
        if (d->waiting == 0 && bytes > RFA_DIGEST_BLOCK) {
            compress(d, from, RFA_DIGEST_BLOCK, 0);
            from += RFA_DIGEST_BLOCK;
            bytes -= RFA_DIGEST_BLOCK;
            continue;
        }
        if (d->waiting == RFA_DIGEST_BLOCK) {
            compress(d, d->block, RFA_DIGEST_BLOCK, 0);
            d->waiting = 0;
        }
        size_t room = RFA_DIGEST_BLOCK - d->waiting, n = bytes < room ? bytes : room;
        memcpy(d->block + d->waiting, from, n);
        d->waiting += n;
        from += n;
        bytes -= n;
    }
}

void rfa_digest_finish(struct rfa_digest *d, char text[RFA_DIGEST_CHARS])
{
    static const char digit[] = "0123456789abcdef";
    memset(d->block + d->waiting, 0, RFA_DIGEST_BLOCK - d->waiting);
    compress(d, d->block, d->waiting, UINT64_MAX);
    for (int i = 0; i < RFA_DIGEST_CHARS / 2; i++) {
        unsigned byte = (unsigned)(d->h[i / 8] >> i % 8 * 8) & 255u;
        text[2 * i] = digit[byte >> 4];
        text[2 * i + 1] = digit[byte & 15];
    }
}
