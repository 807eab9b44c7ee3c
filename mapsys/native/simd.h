/* What Cython cannot say: SHA compression with the processor's own instructions
 * where it has them, chosen at run time, and in portable C elsewhere.
 *
 * Source: FIPS 180-4, 6.1.2 (SHA-1) and 6.2.2 (SHA-256).
 */
#ifndef MAPSYS_SIMD_H
#define MAPSYS_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define MAPSYS_HAS_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

typedef void (*mapsys_compress)(uint32_t *state, const uint8_t *blocks, size_t count);

static inline uint32_t mapsys_load32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint32_t mapsys_rotl(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

static const uint32_t mapsys_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void mapsys_sha256_portable(uint32_t *state, const uint8_t *blocks, size_t count)
{
    for (; count; count--, blocks += 64) {
        uint32_t w[64];
        for (int t = 0; t < 16; t++)
            w[t] = mapsys_load32(blocks + 4 * t);
        for (int t = 16; t < 64; t++) {
            uint32_t x = w[t - 15], y = w[t - 2];
            uint32_t s0 = mapsys_rotl(x, 25) ^ mapsys_rotl(x, 14) ^ x >> 3;
            uint32_t s1 = mapsys_rotl(y, 15) ^ mapsys_rotl(y, 13) ^ y >> 10;
            w[t] = w[t - 16] + s0 + w[t - 7] + s1;
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int t = 0; t < 64; t++) {
            uint32_t s1 = mapsys_rotl(e, 26) ^ mapsys_rotl(e, 21) ^ mapsys_rotl(e, 7);
            uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + mapsys_sha256_k[t] + w[t];
            uint32_t s0 = mapsys_rotl(a, 30) ^ mapsys_rotl(a, 19) ^ mapsys_rotl(a, 10);
            uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

static void mapsys_sha1_portable(uint32_t *state, const uint8_t *blocks, size_t count)
{
    for (; count; count--, blocks += 64) {
        uint32_t w[80];
        for (int t = 0; t < 16; t++)
            w[t] = mapsys_load32(blocks + 4 * t);
        for (int t = 16; t < 80; t++)
            w[t] = mapsys_rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
        for (int t = 0; t < 80; t++) {
            uint32_t f, k;
            if (t < 20)
                f = (b & c) | (~b & d), k = 0x5a827999;
            else if (t < 40)
                f = b ^ c ^ d, k = 0x6ed9eba1;
            else if (t < 60)
                f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
            else
                f = b ^ c ^ d, k = 0xca62c1d6;
            uint32_t next = mapsys_rotl(a, 5) + f + e + k + w[t];
            e = d, d = c, c = mapsys_rotl(b, 30), b = a, a = next;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
    }
}

#ifdef MAPSYS_HAS_X86

/* Four rounds a step; the message schedule goes round in four registers. */
__attribute__((target("sha,sse4.1,ssse3"))) static void
mapsys_sha256_ni(uint32_t *state, const uint8_t *blocks, size_t count)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i low = _mm_loadu_si128((const __m128i *)state);        /* d c b a */
    __m128i high = _mm_loadu_si128((const __m128i *)(state + 4)); /* h g f e */
    low = _mm_shuffle_epi32(low, 0xb1);
    high = _mm_shuffle_epi32(high, 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xf0);

    for (; count; count--, blocks += 64) {
        __m128i abef_before = abef, cdgh_before = cdgh, w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), swap);
#pragma GCC unroll 16
        for (int step = 0; step < 16; step++) {
            __m128i now = w[step & 3];
            __m128i k = _mm_loadu_si128((const __m128i *)(mapsys_sha256_k + 4 * step));
            __m128i sum = _mm_add_epi32(now, k);
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
            if (step < 12) {
                __m128i last = w[(step + 3) & 3];
                __m128i next = _mm_sha256msg1_epu32(now, w[(step + 1) & 3]);
                next = _mm_add_epi32(next, _mm_alignr_epi8(last, w[(step + 2) & 3], 4));
                w[step & 3] = _mm_sha256msg2_epu32(next, last);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1b);
    high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}

__attribute__((target("sha,sse4.1,ssse3"))) static void
mapsys_sha1_ni(uint32_t *state, const uint8_t *blocks, size_t count)
{
    const __m128i swap = _mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1b);
    __m128i e = _mm_set_epi32((int)state[4], 0, 0, 0);

    for (; count; count--, blocks += 64) {
        __m128i abcd_before = abcd, e_before = e, before = abcd, w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), swap);
#define MAPSYS_SHA1_STEP(step, constant)                                                     \
    do {                                                                                     \
        __m128i now = w[(step) & 3];                                                         \
        __m128i sum = (step) ? _mm_sha1nexte_epu32(before, now) : _mm_add_epi32(e, now);      \
        before = abcd;                                                                       \
        abcd = _mm_sha1rnds4_epu32(abcd, sum, constant);                                      \
        if ((step) < 16) {                                                                   \
            __m128i next = _mm_sha1msg1_epu32(now, w[((step) + 1) & 3]);                      \
            next = _mm_xor_si128(next, w[((step) + 2) & 3]);                                  \
            w[(step) & 3] = _mm_sha1msg2_epu32(next, w[((step) + 3) & 3]);                    \
        }                                                                                    \
    } while (0)
#pragma GCC unroll 5
        for (int step = 0; step < 5; step++)
            MAPSYS_SHA1_STEP(step, 0);
#pragma GCC unroll 5
        for (int step = 5; step < 10; step++)
            MAPSYS_SHA1_STEP(step, 1);
#pragma GCC unroll 5
        for (int step = 10; step < 15; step++)
            MAPSYS_SHA1_STEP(step, 2);
#pragma GCC unroll 5
        for (int step = 15; step < 20; step++)
            MAPSYS_SHA1_STEP(step, 3);
#undef MAPSYS_SHA1_STEP
        e = _mm_sha1nexte_epu32(before, e_before);
        abcd = _mm_add_epi32(abcd, abcd_before);
    }
    _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(abcd, 0x1b));
    state[4] = (uint32_t)_mm_extract_epi32(e, 3);
}

static int mapsys_has_sha_instructions(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 9) || !(c & 1u << 19))
        return 0; /* SSSE3, SSE4.1 */
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29);
}

#else

static int mapsys_has_sha_instructions(void)
{
    return 0;
}

#endif

static mapsys_compress mapsys_sha1_blocks = mapsys_sha1_portable;
static mapsys_compress mapsys_sha256_blocks = mapsys_sha256_portable;

/* Use the processor's instructions from now on, if wanted and there; returns whether it does. */
static int mapsys_choose_sha(int wanted)
{
    int native = wanted && mapsys_has_sha_instructions();
    mapsys_sha1_blocks = mapsys_sha1_portable;
    mapsys_sha256_blocks = mapsys_sha256_portable;
#ifdef MAPSYS_HAS_X86
    if (native) {
        mapsys_sha1_blocks = mapsys_sha1_ni;
        mapsys_sha256_blocks = mapsys_sha256_ni;
    }
#endif
    return native;
}

/* In time that depends on the length alone. */
static inline int mapsys_equal(const uint8_t *one, const uint8_t *other, size_t length)
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < length; i++)
        difference |= one[i] ^ other[i];
    return difference == 0;
}

#endif
