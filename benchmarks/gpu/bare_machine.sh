# Source this on a machine that has torch with CUDA, nvcc and no network:  . benchmarks/gpu/bare_machine.sh
# Installs the carried wheels beside its Python, and lets this Python find the course. Nothing of the machine is changed.
if [ ! -d /tmp/site ]; then
  python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target /tmp/site .gpu/wheels/*.whl || exit
fi
export PYTHONPATH=/tmp/site:$PWD/src PYTHONUNBUFFERED=1 COURSE_ROOT=$PWD
export PATH=$PATH:/usr/local/cuda/bin
mkdir -p data/measurements "$OUT"
cp data/measurements/*.json "$OUT"/ 2>/dev/null  # go on where the last call stopped
measure() { timeout "$1" python3 benchmarks/gpu/measure.py "${@:2}" --out "$OUT" 2>&1 | grep -v "Kernel is running over TCP"; }
python3 -c "
import torch, pycuda, pycuda.autoprimaryctx, pycuda.driver as drv
print(drv.Context.get_device().name(), 'PyCUDA', pycuda.VERSION_TEXT, 'driver', drv.get_driver_version(), 'torch', torch.__version__)"
