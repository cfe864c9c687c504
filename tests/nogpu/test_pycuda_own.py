"""PyCUDA's own tests and examples, from its source distribution, run against the CPU stand-in.

They are fetched from the package index when the tests run (NOGPU_PYCUDA_SDIST names a file instead), checked against
the hash that the stand-in is built from, and never committed. A sample runs always, all of them with the marker `full`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[2] / "standins" / "pycuda" / "build_backend.py"

EXCLUDED = {
    "curand_wrappers": "draws from Sobol generators, too, which are left out: it runs without them below",
    "8gb": "needs a device with more than 8 GB", "16gb": "needs a device with more than 16 GB",
    "test_big_array": "needs 4.5 GB on the device and 8.6 GB on the host",
    "texture": "textures are left out; CUDA 12 removed texture references", "surfaces": "surfaces are left out, too",
    "test_recursive_launch": "dynamic parallelism is left out", "test_jit_link_module": "linking PTX is left out",
}  # fmt: skip
SAMPLE = (
    "test_simple_kernel or test_streamed_kernel or test_mempool or test_prepared or test_constant_memory or test_sqrt "
    "or test_fmod or test_sum or test_scan or test_struct_reduce or test_complex_bits or test_slice or test_register"
)

# Those that need no other package, and neither textures, dynamic parallelism nor minutes (they measure the GPU's speed:
# matrix_transpose.py, measure_gpuarray_speed_random.py). arithmetic_example.py is for Python 2: its grid is a float,
# which PyCUDA refuses.
EXAMPLES = (
    "hello_gpu.py", "demo.py", "demo_struct.py", "demo_elementwise.py", "dump_properties.py", "fill_gpu_with_nans.py",
    "from-wiki/c++_function_templates.py", "from-wiki/convolution.py",
    "from-wiki/demo_complex.py", "from-wiki/distance_element_wise3d.py", "from-wiki/kernel_concurrency.py",
    "from-wiki/manhattan_distance_for_2D_array.py", "from-wiki/matrixmul_simple.py", "from-wiki/matrixmul_tiled.py",
    "from-wiki/multiple_threads.py", "from-wiki/select_to_list.py", "from-wiki/simple_speed_test.py",
    "from-wiki/threads_and_blocks.py", "from-wiki/using_printf.py",
)  # fmt: skip
QUICK_EXAMPLES = ("hello_gpu.py", "demo.py", "demo_struct.py", "demo_elementwise.py", "from-wiki/using_printf.py")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PyCUDA's source distribution, unpacked."""
    spec = importlib.util.spec_from_file_location("build_backend", BACKEND)
    assert spec is not None and spec.loader is not None
    backend = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(backend)
    folder = tmp_path_factory.mktemp("pycuda")
    try:
        sdist = backend._sdist(folder)
    except SystemExit as reason:
        pytest.skip(str(reason))
    assert hashlib.sha256(sdist.read_bytes()).hexdigest() == backend.SHA256
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"pycuda-{backend.RELEASE}"


def run_tests(sources: Path, files: list[str], select: str, at_least: int, **environment: str) -> None:
    """Run PyCUDA's tests in a process of their own: all selected pass, or are skipped or expected to fail upstream."""
    without = " and ".join(f"not {name}" for name in EXCLUDED)
    expression = f"({select}) and {without}" if select else without
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-k", expression]
    answer = subprocess.run(
        [*command, *files], cwd=sources / "test", capture_output=True, text=True, env={**os.environ, **environment}
    )
    passed = re.search(r"(\d+) passed", answer.stdout)
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-1000:]
    assert passed and int(passed.group(1)) >= at_least, answer.stdout[-500:]


def test_a_sample_of_pycudas_tests(sources: Path) -> None:
    run_tests(sources, ["test_driver.py", "test_cumath.py", "test_gpuarray.py"], SAMPLE, at_least=15)


WITHOUT_SOBOL = """
import sys, pytest, pycuda.curandom as random
for name in [name for name in vars(random) if "Sobol" in name and not name.startswith("_")]:
    setattr(random, name, random.MRG32k3aRandomNumberGenerator)
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "test_gpuarray.py::TestGPUArray::test_curand_wrappers"]))
"""


@pytest.mark.full
def test_pycudas_test_of_random_numbers_without_sobol(sources: Path) -> None:
    """The generators that are left out are replaced by one that is not; XORWOW is tested as it stands."""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_SOBOL], cwd=sources / "test", capture_output=True, text=True
    )
    assert answer.returncode == 0 and "1 passed" in answer.stdout, (answer.stdout + answer.stderr)[-4000:]


@pytest.mark.full
@pytest.mark.parametrize(
    ("file", "at_least"), [("test_driver.py", 19), ("test_cumath.py", 28), ("test_gpuarray.py", 240)]
)
def test_all_of_pycudas_tests(sources: Path, file: str, at_least: int) -> None:
    run_tests(sources, [file], "", at_least)


SANITIZED_SAMPLE = (
    "test_simple_kernel or test_constant_memory or test_sum or test_scan or test_struct_reduce or test_mempool"
)


def test_a_sample_of_pycudas_tests_under_the_sanitizer(sources: Path) -> None:
    """The sanitizer finds nothing in correct kernels: each launch is inspected, and an error would fail the test."""
    run_tests(sources, ["test_driver.py", "test_gpuarray.py"], SANITIZED_SAMPLE, at_least=8, NOGPU_SANITIZE="1")


@pytest.mark.full
@pytest.mark.parametrize(
    ("file", "at_least"), [("test_driver.py", 19), ("test_cumath.py", 28), ("test_gpuarray.py", 240)]
)
def test_all_of_pycudas_tests_under_the_sanitizer(sources: Path, file: str, at_least: int) -> None:
    run_tests(sources, [file], "", at_least, NOGPU_SANITIZE="1")


def run_example(sources: Path, name: str) -> None:
    """Run it in a process of its own; with a context, unless it makes one."""
    path = sources / "examples" / name
    code = "" if "make_context" in path.read_text() else "import pycuda.autoinit\n"
    code += f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')"
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=path.parent, input="\n" * 9
    )
    assert answer.returncode == 0, (answer.stdout + answer.stderr)[-2000:]


@pytest.mark.parametrize("name", QUICK_EXAMPLES)
def test_examples(sources: Path, name: str) -> None:
    run_example(sources, name)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - set(QUICK_EXAMPLES)))
def test_all_examples(sources: Path, name: str) -> None:
    run_example(sources, name)
