// Jumps of the random number generators in device/include/nogpu_random: as many steps as you like, in the time of a few
// hundred. Called by curand_init() and skipahead(). All tables are computed when the runtime is compiled.
#include <cstdint>
#include <cstring>

#include "block.h"

namespace nogpu {
namespace {

// --- XORWOW -------------------------------------------------------------------------------------------------------
// Its five xor-shift words w[0..4] obey a linear recurrence over GF(2), so a jump of n steps is a polynomial in the step
// x: x^n modulo the recurrence's characteristic polynomial (Haramoto, Matsumoto, Nishimura, Panneton, L'Ecuyer: "Efficient
// Jump Ahead for F2-Linear Random Number Generators", INFORMS Journal on Computing 20, 2008).

constexpr int WORDS = 5, DEGREE = 32 * WORDS;

struct Polynomial {
  uint32_t words[WORDS];  // bit i of the whole: the coefficient of x^i
  constexpr bool has(int power) const { return words[power / 32] >> power % 32 & 1; }
};

// The characteristic polynomial but for x^160, found by the Berlekamp-Massey algorithm from 320 bits of the generator.
constexpr Polynomial CHARACTERISTIC{{0x00060001, 0x08610030, 0x00062121, 0x0f3c0035, 0x00000f0e}};

constexpr Polynomial times_x(const Polynomial& p) {
  Polynomial result{};
  const bool overflows = p.has(DEGREE - 1);
  for (int i = 0; i < WORDS; i++)
    result.words[i] = (p.words[i] << 1 | (i ? p.words[i - 1] >> 31 : 0)) ^ (overflows ? CHARACTERISTIC.words[i] : 0);
  return result;
}

constexpr int XORWOW_SEQUENCE = 67;  // sequences begin 2^67 steps apart

struct XorwowJumps {
  Polynomial power[XORWOW_SEQUENCE + 64];  // x^(2^i)
};

constexpr XorwowJumps xorwow_jumps() {
  Polynomial squares[DEGREE] = {{{1}}};  // x^(2k): over GF(2), a square is the sum of the squares of its terms
  for (int k = 1; k < DEGREE; k++) squares[k] = times_x(times_x(squares[k - 1]));
  XorwowJumps jumps{{{{2}}}};
  for (int i = 1; i < XORWOW_SEQUENCE + 64; i++)
    for (int k = 0; k < DEGREE; k++)
      if (jumps.power[i - 1].has(k))
        for (int word = 0; word < WORDS; word++) jumps.power[i].words[word] ^= squares[k].words[word];
  return jumps;
}
constexpr XorwowJumps XORWOW_JUMPS = xorwow_jumps();

using Four = uint32_t __attribute__((vector_size(16)));  // half the time that single words take

// The sum, over the terms x^k of `jump`, of what the words are after k steps.
void apply(const Polynomial& jump, uint32_t* words) {
  uint32_t w[DEGREE + WORDS - 1];
  for (int i = 0; i < WORDS; i++) w[i] = words[i];
  for (int i = WORDS; i < DEGREE + WORDS - 1; i++) {
    uint32_t t = w[i - 5] ^ w[i - 5] >> 2;
    w[i] = w[i - 1] ^ w[i - 1] << 4 ^ t ^ t << 1;
  }
  Four sum{}, last_four{};
  for (int power = 0; power < DEGREE; power++) {
    const uint32_t mask = jump.has(power) ? ~0u : 0u;
    Four here, next;
    memcpy(&here, w + power, sizeof here);
    memcpy(&next, w + power + 1, sizeof next);
    sum ^= here & mask;
    last_four ^= next & mask;
  }
  memcpy(words, &sum, sizeof sum);
  words[4] = last_four[3];
}

// The last jump on this CPU thread, over steps and over sequences. Threads of a block take neighbouring sequences of one
// seed: each goes on from where the one before it arrived.
struct LastJump {
  uint32_t from[WORDS], to[WORDS];
  uint64_t count;
};
__thread LastJump last_jumps[2];

// --- MRG32k3a -----------------------------------------------------------------------------------------------------
// Two recurrences of three words, each modulo its own prime: a jump of n steps is the n-th power of a 3 x 3 matrix
// (L'Ecuyer, Simard, Chen, Kelton: "An Object-Oriented Random-Number Package with Many Long Streams and Substreams",
// Operations Research 50, 2002).

struct Matrix {
  uint64_t at[3][3];
};

constexpr int MRG_SEQUENCE = 127;  // sequences begin 2^127 steps apart, subsequences 2^76

struct MrgJumps {
  Matrix power[MRG_SEQUENCE + 64];  // step^(2^i)
};

constexpr MrgJumps mrg_jumps(const Matrix& step, uint64_t modulus) {
  MrgJumps jumps{{step}};
  for (int n = 1; n < MRG_SEQUENCE + 64; n++)
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++)
        for (int k = 0; k < 3; k++) {
          const Matrix& root = jumps.power[n - 1];
          uint64_t& sum = jumps.power[n].at[i][j];
          sum = (sum + root.at[i][k] * root.at[k][j] % modulus) % modulus;
        }
  return jumps;
}

constexpr uint64_t MODULUS1 = 4294967087, MODULUS2 = 4294944443;
constexpr MrgJumps MRG_JUMPS1 = mrg_jumps({{{0, 1, 0}, {0, 0, 1}, {MODULUS1 - 810728, 1403580, 0}}}, MODULUS1);
constexpr MrgJumps MRG_JUMPS2 = mrg_jumps({{{0, 1, 0}, {0, 0, 1}, {MODULUS2 - 1370589, 0, 527612}}}, MODULUS2);

void apply(const Matrix& jump, uint32_t* words, uint64_t modulus) {
  uint64_t sums[3] = {};
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) sums[i] = (sums[i] + jump.at[i][k] * words[k] % modulus) % modulus;
  for (int i = 0; i < 3; i++) words[i] = static_cast<uint32_t>(sums[i]);
}

}  // namespace
}  // namespace nogpu

#pragma GCC visibility push(default)
extern "C" {

void nogpu_jump_xorwow(uint32_t* words, uint64_t count, int log2_step) {
  nogpu::RuntimeSection section(nogpu::current_worker());
  nogpu::LastJump& last = nogpu::last_jumps[log2_step == nogpu::XORWOW_SEQUENCE];
  nogpu::LastJump jump{{}, {}, count};
  memcpy(jump.from, words, sizeof jump.from);
  const uint64_t further = count - last.count;
  if (memcmp(last.from, words, sizeof last.from) == 0 && last.count <= count &&
      __builtin_popcountll(further) < __builtin_popcountll(count)) {
    memcpy(words, last.to, sizeof last.to);
    count = further;
  }
  for (int i = log2_step; count; i++, count >>= 1)
    if (count & 1) nogpu::apply(nogpu::XORWOW_JUMPS.power[i], words);
  memcpy(jump.to, words, sizeof jump.to);
  last = jump;
}

void nogpu_jump_mrg32k3a(uint32_t* first, uint32_t* second, uint64_t count, int log2_step) {
  for (int i = log2_step; count; i++, count >>= 1) {
    if (!(count & 1)) continue;
    nogpu::apply(nogpu::MRG_JUMPS1.power[i], first, nogpu::MODULUS1);
    nogpu::apply(nogpu::MRG_JUMPS2.power[i], second, nogpu::MODULUS2);
  }
}

}  // extern "C"
#pragma GCC visibility pop
