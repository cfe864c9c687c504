"""`nvrtc_says`: NVIDIA's own compiler beside ours, where the `nvrtc` extra is installed."""

from __future__ import annotations

import pytest

from coursekit.second_opinion import nvrtc_says
from nogpu.cuda import nvrtc

installed = pytest.mark.skipif(nvrtc.find_library() is None, reason="the nvrtc extra is not installed")

KERNEL = """__global__ void scale(float* a) {
  __shared__ float s[64];
  s[threadIdx.x] = 2 * a[threadIdx.x]; __syncthreads(); a[threadIdx.x] = s[63 - threadIdx.x];
}"""


@installed
@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
def test_a_kernel_by_its_own_name(arch: str) -> None:
    opinion = nvrtc_says(KERNEL, arch)
    (kernel,) = opinion.kernels
    assert opinion.ok and opinion.architecture == arch
    assert (kernel.name, kernel.shared_bytes, kernel.spill_store_bytes) == ("scale", 256, 0)


@installed
def test_a_template_stays_cpp() -> None:
    source = """template <class T> __global__ void scale(T* a) { a[0] *= 2; }
    template __global__ void scale<float>(float*);"""
    assert nvrtc_says(source).ok


@installed
def test_errors_have_the_lines_of_the_source_as_given() -> None:
    assert nvrtc_says(KERNEL.replace("63", "wrong")).errors == [(3, 'identifier "wrong" is undefined')]


def test_without_the_library_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "DISTRIBUTIONS", ())
    with pytest.raises(ImportError, match=r"pip install '\.\[nvrtc\]'"):
        nvrtc_says(KERNEL)
