"""NVIDIA's own compiler as a second opinion, where the `nvrtc` extra is installed."""

from __future__ import annotations

import pytest

from nogpu.cuda import nvrtc

KERNEL = """extern "C" __global__ void k(float* a) {
  __shared__ float s[32]; s[threadIdx.x] = a[threadIdx.x]; __syncthreads(); a[threadIdx.x] = s[31 - threadIdx.x]; }"""

installed = pytest.mark.skipif(nvrtc.find_library() is None, reason="the nvrtc extra is not installed")


@installed
def test_registers_shared_memory_and_spills() -> None:
    opinion = nvrtc.ask(KERNEL)
    (kernel,) = opinion.kernels
    assert opinion.ok and kernel.name == "k" and kernel.shared_bytes == 128
    assert 0 < kernel.registers <= 255 and kernel.spill_store_bytes == 0


@installed
def test_nvidias_words_for_a_mistake() -> None:
    opinion = nvrtc.ask('extern "C" __global__ void k(float* a) { a[0] = foo; }')
    assert not opinion.ok and 'kernel.cu(1): error: identifier "foo" is undefined' in opinion.log


@installed
def test_errors_by_line_and_in_words() -> None:
    opinion = nvrtc.ask("__global__ void k(float* a) {\n  a[0] = foo;\n  int b = 1\n}")
    assert opinion.errors == [(2, 'identifier "foo" is undefined'), (4, 'expected a ";"')]
    assert str(opinion).splitlines()[1:] == ['line 2: identifier "foo" is undefined', 'line 4: expected a ";"']
    assert opinion.kernels == ()


@installed
def test_spills_of_a_kernel_that_has_too_few_registers() -> None:
    source = """namespace math {
    __global__ void powers(float* a, int n) {
      float r[64];
      for (int i = 0; i < 64; i++) r[i] = a[i * n];
      for (int i = 0; i < 64; i++) for (int j = 0; j < 64; j++) r[i] += r[j] * a[j];
      for (int i = 0; i < 64; i++) a[i] = r[i];
    } }"""
    (roomy,), (tight,) = nvrtc.ask(source).kernels, nvrtc.ask(source, ["--maxrregcount=24"]).kernels
    assert roomy.name == tight.name == "math::powers"
    assert tight.registers <= 24 < roomy.registers
    assert tight.spill_store_bytes > 0 and tight.spill_load_bytes > 0
    assert f"spills of {tight.spill_store_bytes} bytes stored" in str(tight)


@installed
def test_other_gpus_and_the_version() -> None:
    opinion = nvrtc.ask(KERNEL, architecture="sm_90")
    assert opinion.ok and opinion.architecture == "sm_90"
    assert str(opinion).startswith(f"NVIDIA's compiler (NVRTC {nvrtc.version()}, for sm_90) takes it:\nk: ")
    assert "128 bytes of static shared memory a block, no spills" in str(opinion)


@installed
def test_ptx_names_the_kernel_and_its_target() -> None:
    text = nvrtc.ptx(KERNEL)
    assert ".visible .entry k(" in text and ".target sm_75" in text
    with pytest.raises(ValueError, match='identifier "foo" is undefined'):
        nvrtc.ptx('extern "C" __global__ void k(float* a) { a[0] = foo; }')


def test_without_it_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "DISTRIBUTIONS", ())
    with pytest.raises(ImportError, match=r"pip install '\.\[nvrtc\]'"):
        nvrtc.ask(KERNEL)
