#define _POSIX_C_SOURCE 200809L /* fnmatch */
#include "random_weights.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "poly.h"
#include "quant.h"

/* ------------------------------------------------------------------ numbers from a counter */

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t word(uint64_t key, uint64_t i)
{
    return mix(key + i * 0x9e3779b97f4a7c15u);
}

/* Nearly normal, mean 0, deviation 1, within 3.47: the sum of four uniform numbers of 16 bits. */
static inline float normal(uint64_t key, uint64_t i)
{
    uint64_t w = word(key, i);
    int sum = (int)(w & 0xffff) + (int)(w >> 16 & 0xffff) + (int)(w >> 32 & 0xffff) + (int)(w >> 48);
    return (float)(sum - 131070) * (1.0f / 37837.2f); /* 65536 / sqrt(3) */
}

/* In [0, 1). */
static inline float uniform(uint64_t key, uint64_t i)
{
    return (float)(word(key, i) >> 40) * 0x1p-24f;
}

/* FNV-1a of the name, then of the seed. */
static uint64_t key_of(const char *name, uint64_t seed)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return mix(hash + mix(seed + 1));
}

/* ------------------------------------------------------------------ scales */

struct rule {
    const char *name; /* pattern of fnmatch; the first that fits counts */
    float mean, std;  /* of matrices: the gain */
    float rest;       /* gain of the last rows: */
    int part, parts;  /* `std` holds for part/parts of the rows */
};

/* Gains that keep attention scores and residual sums alive; sharp scores in DETR, or a random decoder gives every query
 * the same answer. Convolutions: 1.4, times what a folded batch norm leaves of it. */
static const struct rule rules[] = {
    {"vit.blk.*.qkv.weight", 0, 1.5f, 0, 1, 1},
    {"vit.blk.*.fc2.weight", 0, 1.5f, 0, 1, 1},
    {"qf.blk.*.qkv.weight", 0, 1.5f, 1, 2, 3},
    {"qf.blk.*.cross.q.weight", 0, 1.5f, 0, 1, 1},
    {"qf.blk.*.cross.kv.weight", 0, 1.5f, 1, 1, 2},
    {"opt.blk.*.qkv.weight", 0, 1.2f, 0, 1, 1},
    {"opt.blk.*.fc2.weight", 0, 1.5f, 0, 1, 1},
    {"detr.stem.weight", 0, 1.15f, 0, 1, 1},
    {"detr.res.*.weight", 0, 1.15f, 0, 1, 1},
    {"detr.stem.bias", 0, 0.13f, 0, 1, 1},
    {"detr.res.*.bias", 0, 0.13f, 0, 1, 1},
    {"detr.*.qk.weight", 0, 4, 0, 1, 1},
    {"detr.*.cross.[qk].weight", 0, 4, 0, 1, 1},
    {"detr.class.weight", 0, 1.5f, 0, 1, 1},
    {"detr.bbox.fc[23].weight", 0, 1.4f, 0, 1, 1},
    {"detr.pos", 0, 0.7f, 0, 1, 1},
    {"head.br.*.q.weight", 0, 1.5f, 0, 1, 1},
    {"head.br.*.kv.weight", 0, 1.5f, 0, 1, 1},
    {"head.br.*.class.fc2.weight", 0, 2, 0, 1, 1},
    {"head.br.*.bbox.fc2.weight", 0, 2, 0, 1, 1},
    {"head.*.dt.weight", 0, 0.5f, 0, 1, 1},
    {"head.*.conv.weight", 0, 0.5f, 0, 1, 1},
    {"head.*.conv.bias", 0, 0.1f, 0, 1, 1},
    {"head.*.d", 1, 0.1f, 0, 1, 1},
    {"head.box.proj.bias", 0, 1, 0, 1, 1},
    {"*norm*.weight", 1, 0.1f, 0, 1, 1},
    {"*.bias", 0, 0.05f, 0, 1, 1},
    {"vit.cls", 0, 0.5f, 0, 1, 1},
    {"*.pos", 0, 0.3f, 0, 1, 1},
    {"*", 0, 1, 0, 1, 1}, /* other matrices, token tables, learned queries */
};

static const struct rule *find_rule(const char *name)
{
    const struct rule *r = rules;
    while (fnmatch(r->name, name, 0) != 0)
        r++;
    return r;
}

static enum rfa_random_kind kind_of(const struct rfa_demand *d)
{
    if (d->kind == RFA_DEMAND_PANELS)
        return fnmatch("*.a", d->name, 0) == 0 ? RFA_RANDOM_STATES : RFA_RANDOM_NORMAL;
    if (fnmatch("head.*.dt.bias", d->name, 0) == 0)
        return RFA_RANDOM_DT_BIAS;
    return strcmp(d->name, "detr.class.bias") == 0 ? RFA_RANDOM_CLASS_BIAS : RFA_RANDOM_NORMAL;
}

struct rfa_random rfa_random_start(const struct rfa_demand *demand, const struct rfa_config *config, uint64_t seed)
{
    const struct rule *rule = find_rule(demand->name);
    float unit = demand->kind == RFA_DEMAND_MATRIX ? 1.0f / sqrtf((float)demand->dim[1]) : 1.0f;
    return (struct rfa_random){.key = key_of(demand->name, seed),
                               .mean = rule->mean,
                               .std = rule->std * unit,
                               .std_rest = rule->rest * unit,
                               .first_rows = (size_t)(demand->dim[0] * (uint64_t)rule->part / (uint64_t)rule->parts),
                               .kind = kind_of(demand),
                               .person = config->person_class,
                               .classes = config->detr_classes};
}

/* ------------------------------------------------------------------ values */

/* log(e^dt - 1) = log(dt) + dt/2 + dt^2/24 - dt^4/2880 ...; of what is left out nothing reaches a float. */
static float dt_bias(float uniform)
{
    const float log_low = -6.9077554f, log_ratio = 4.6051702f; /* log(0.001), log(0.1 / 0.001) */
    float log_dt = log_low + uniform * log_ratio, dt = rfa_exp(log_dt);
    return log_dt + dt / 2 + dt * dt / 24;
}

static float value(const struct rfa_random *r, size_t i)
{
    switch (r->kind) {
    case RFA_RANDOM_DT_BIAS:
        return dt_bias(uniform(r->key, i));
    case RFA_RANDOM_CLASS_BIAS:
        return i == r->person ? 2.0f : i == r->classes - 1 ? 0.0f : -3.0f;
    case RFA_RANDOM_STATES:
    case RFA_RANDOM_NORMAL:
        break;
    }
    return r->mean + r->std * normal(r->key, i);
}

void rfa_random_values(const struct rfa_random *r, const struct rfa_demand *demand, float *out, size_t first,
                       size_t count)
{
    size_t rows = demand->kind == RFA_DEMAND_PANELS ? (size_t)demand->dim[1] : 1;
    for (size_t i = 0; i < count; i++) {
        size_t at = first + i, channel = at / RFA_PANEL_N / rows * RFA_PANEL_N + at % RFA_PANEL_N,
               state = at / RFA_PANEL_N % rows;
        if (demand->kind == RFA_DEMAND_PANELS && channel >= demand->channels)
            out[i] = 0.0f;
        else if (r->kind == RFA_RANDOM_STATES)
            out[i] = -(float)(state + 1) * rfa_exp(0.1f * normal(r->key, at));
        else
            out[i] = value(r, at);
    }
}

void rfa_random_row(const struct rfa_random *r, float *out, size_t row, size_t k)
{
    float std = row < r->first_rows ? r->std : r->std_rest;
    for (size_t i = 0; i < k; i++)
        out[i] = std * normal(r->key, (uint64_t)row * k + i);
}

/* ------------------------------------------------------------------ int8 panels */

enum { WORDS = RFA_LINE / 8 };

/* Deviation of the mean of four uniform bytes. */
static const float int8_std = 36.95f;

/* Byte by byte: floor and ceiling of the mean. */
static inline uint64_t mean_down(uint64_t a, uint64_t b)
{
    return (a & b) + ((a ^ b) >> 1 & 0x7f7f7f7f7f7f7f7fu);
}

static inline uint64_t mean_up(uint64_t a, uint64_t b)
{
    return (a | b) - ((a ^ b) >> 1 & 0x7f7f7f7f7f7f7f7fu);
}

/* 64 nearly normal values in [-127, 127]: each the mean of four bytes, from -128 on clamped. */
static void random_line(int8_t *out, uint64_t key, uint64_t line)
{
    uint64_t w[WORDS];
    for (uint64_t i = 0; i < WORDS; i++) {
        uint64_t at = (line * WORDS + i) * 4;
        w[i] = mean_up(mean_down(word(key, at), word(key, at + 1)), mean_down(word(key, at + 2), word(key, at + 3)));
        w[i] ^= 0x8080808080808080u;
    }
    memcpy(out, w, sizeof w);
    for (int i = 0; i < RFA_LINE; i++)
        out[i] = out[i] < -RFA_QMAX ? -RFA_QMAX : out[i];
}

/* Zeroes what lies beyond `outputs` and beyond `inputs` of a line. */
static void clear_padding(int8_t *line, size_t outputs, size_t inputs)
{
    for (size_t i = 0; i < RFA_LINE; i++)
        if (i / RFA_PANEL_K >= outputs || i % RFA_PANEL_K >= inputs)
            line[i] = 0;
}

void rfa_random_panel(const struct rfa_random *r, int8_t *out, float *scale, int32_t *sum, size_t panel, size_t n,
                      size_t k)
{
    size_t lines = (k + RFA_PANEL_K - 1) / RFA_PANEL_K, first = panel * RFA_PANEL_N;
    size_t outputs = n - first < RFA_PANEL_N ? n - first : RFA_PANEL_N;
    for (size_t i = 0; i < RFA_PANEL_N; i++) {
        float std = first + i < r->first_rows ? r->std : r->std_rest;
        scale[i] = i < outputs ? std / int8_std * (0.75f + 0.5f * uniform(~r->key, first + i)) : 0.0f;
        sum[i] = 0;
    }
    for (size_t line = 0; line < lines; line++, out += RFA_LINE) {
        random_line(out, r->key, panel * lines + line);
        if (outputs < RFA_PANEL_N || line == lines - 1)
            clear_padding(out, outputs, k - line * RFA_PANEL_K);
        for (size_t i = 0; i < RFA_PANEL_N; i++)
            sum[i] += out[4 * i] + out[4 * i + 1] + out[4 * i + 2] + out[4 * i + 3];
    }
}
