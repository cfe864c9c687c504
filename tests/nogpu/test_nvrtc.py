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


def test_without_it_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "DISTRIBUTIONS", ())
    with pytest.raises(ImportError, match=r"pip install '\.\[nvrtc\]'"):
        nvrtc.ask(KERNEL)
