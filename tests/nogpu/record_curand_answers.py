"""Writes curand_answers.json: what NVIDIA's cuRAND draws, for test_random_numbers.py to compare with.

Not a test. Run by hand, with a CUDA toolkit (its compiler; no GPU is needed) and cuRAND's headers, as in the include
folder of the wheel `nvidia-curand`:

    python tests/nogpu/record_curand_answers.py /usr/local/cuda/bin/nvcc FOLDER_OF_CURAND_KERNEL_H

cuRAND's device functions are compiled for the host and run there: integers and uniform numbers are the same as on a
GPU, and the others but for the rounding of log, sin, cos and exp.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).with_name("curand_answers.json")
DRAWS = 3  # of each expression, from a fresh state

SEEDS = (  # seed, sequence, offset; MRG32k3a has 2^51 sequences, and beyond them cuRAND draws zeros
    (1234, 0, 0), (1234, 1, 0), (0, 99999, 3), (0, 0, 0), (5, 17, 1000003), (2**64 - 1, 2**51 - 1, 2**63 + 2**31 + 3),
    (0x123456789ABCDEF, 2**32 + 7, 2**33 + 5),
)  # fmt: skip
FEW_SEEDS = SEEDS[1:3]
BITS = ("curand(s)", "curand_uniform(s)", "curand_uniform_double(s)")
DISTRIBUTIONS = (
    "curand_normal(s)", "curand_normal2(s)", "curand_normal_double(s)", "curand_normal2_double(s)",
    "curand_log_normal(s, 0.5f, 0.25f)", "curand_log_normal2(s, 0.5f, 0.25f)",
    "curand_log_normal_double(s, 0.5, 0.25)", "curand_log_normal2_double(s, 0.5, 0.25)",
    "curand_poisson(s, 3.5)", "curand_poisson(s, 5000.0)",
    "(curand_normal(s), curand_log_normal(s, 0.5f, 0.25f))", "(curand_log_normal(s, 0, 1), curand_normal(s))",
    "(curand(s), curand_uniform_double(s))",
    "(skipahead(1000003ull, s), curand(s))", "(skipahead_sequence(5ull, s), curand(s))",
)  # fmt: skip
OF_PHILOX = (
    "curand4(s)", "(curand(s), curand4(s))", "curand_uniform4(s)", "curand_uniform2_double(s)",
    "curand_uniform4_double(s)", "curand_normal4(s)", "curand_normal4_double(s)", "curand_log_normal4(s, 0.5f, 0.25f)",
    "curand_log_normal4_double(s, 0.5, 0.25)", "curand_poisson4(s, 3.5)", "curand_poisson4(s, 5000.0)",
    "(curand(s), curand_normal4_double(s))",
)  # fmt: skip
STATES = {
    "curandState": (),
    "curandStatePhilox4_32_10_t": OF_PHILOX,
    "curandStateMRG32k3a_t": ("(skipahead_subsequence(3ull, s), curand(s))",),
}

# `put` writes one number, or the components of a vector, and returns the place behind them.
COMMON = """
#define PUT1(T) DEVICE double* put(double* out, T v) { *out = v; return out + 1; }
#define PUT2(T) DEVICE double* put(double* out, T v) { *out++ = v.x; *out++ = v.y; return out; }
#define PUT4(T) \\
  DEVICE double* put(double* out, T v) { *out++ = v.x; *out++ = v.y; *out++ = v.z; *out++ = v.w; return out; }
PUT1(unsigned) PUT1(float) PUT1(double) PUT2(float2) PUT2(double2) PUT4(uint4) PUT4(float4) PUT4(double4)
"""


def questions(state: str) -> list[tuple[str, tuple[int, int, int]]]:
    """Return each expression with each (seed, sequence, offset) that it is asked with."""
    asked = [(bits, seeds) for bits in BITS for seeds in SEEDS]
    return asked + [(name, seeds) for name in (*DISTRIBUTIONS, *STATES[state]) for seeds in FEW_SEEDS]


def function(state: str) -> str:
    """Return a function `answer_STATE` in CUDA C: it writes the numbers of question `index` and returns their count."""
    expressions = list(dict.fromkeys(expression for expression, _ in questions(state)))
    numbers = {expression: number for number, expression in enumerate(expressions)}
    cases = "\n".join(
        f"    case {numbers[expression]}: for (int i = 0; i < {DRAWS}; i++) out = put(out, {expression}); break;"
        for expression in expressions
    )
    rows = ", ".join(f"{{{numbers[e]}ull, {s}ull, {q}ull, {o}ull}}" for e, (s, q, o) in questions(state))
    return f"""
DEVICE int answer_{state}(int index, double* out) {{
  const unsigned long long asked[][4] = {{{rows}}};
  const unsigned long long* q = asked[index];
  const double* start = out;
  {state} state, *s = &state;
  curand_init(q[1], q[2], q[3], s);
  switch (q[0]) {{
{cases}
  }}
  return int(out - start);
}}
"""


def program() -> str:
    """Return a program for the host that prints a line of numbers for each question to each generator."""
    calls = "\n".join(
        f"  for (int i = 0; i < {len(questions(state))}; i++) show(answer_{state}(i, out), out);" for state in STATES
    )
    functions = "".join(function(state) for state in STATES)
    return f"""
#include <cstdio>
#define QUALIFIERS static inline __host__ __device__
#define DEVICE static inline
#include <curand_kernel.h>
{COMMON}{functions}
static double out[64];
static void show(int count, const double* numbers) {{
  for (int i = 0; i < count; i++) printf("%.17g ", numbers[i]);
  printf("\\n");
}}
int main() {{
{calls}
}}
"""


def main(nvcc: str, include: Path) -> None:
    """Write the file beside this script."""
    header = (include / "curand.h").read_text()
    version = ".".join(re.findall(r"#define CURAND_VER_(?:MAJOR|MINOR|PATCH|BUILD) (\d+)", header))
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / "program.cu", Path(folder) / "program"
        source.write_text(program())
        subprocess.run([nvcc, "-std=c++17", "-w", f"-I{include}", str(source), "-o", str(binary)], check=True)
        lines = subprocess.run([str(binary)], capture_output=True, text=True, check=True).stdout.splitlines()
    answers, position = {}, 0
    for state in STATES:
        count = len(questions(state))
        answers[state] = [[float(number) for number in line.split()] for line in lines[position : position + count]]
        position += count
    rows = ",\n".join(
        f'"{state}": [\n' + ",\n".join(json.dumps(row) for row in answers[state]) + "\n]" for state in STATES
    )
    oracle = json.dumps(f"NVIDIA cuRAND {version}, device functions compiled for the host by nvcc")
    TARGET.write_text(f'{{"oracle": {oracle},\n"answers": {{\n{rows}\n}}}}\n')


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
