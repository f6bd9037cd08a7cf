#!/usr/bin/env bash
# Creates the Python environment of the peers, outside the repository.
#
#   VENV=/path/to/venv bench/install.sh
#
# Variables
#   VENV          where to create the environment (required, must lie outside the repository)
#   PYTHON        the Python 3.11 that creates it (default python3.11)
#   TORCH_INDEX   index that serves PyTorch's CPU wheel, e.g. https://download.pytorch.org/whl/cpu
#                 (default: PyPI's wheel and the CUDA libraries it cannot be imported without)
#   WITHOUT_TORCH set to 1 to leave PyTorch out; run.py then says that this peer is missing
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$here")
python=${PYTHON:-python3.11}

if [[ -z "${VENV:-}" ]]; then
    echo "install.sh: VENV is not set; give the folder to create, e.g. VENV=\$HOME/kerros-peers" >&2
    exit 2
fi
venv=$(realpath -m "$VENV")
if [[ "$venv/" == "$repository/"* ]]; then
    echo "install.sh: $venv lies inside the repository; choose a folder outside it" >&2
    exit 2
fi

"$python" -m venv "$venv"
# Wheels only: an install runs nobody's build script.
pip=("$venv/bin/python" -m pip install --no-deps --only-binary :all: --no-input --progress-bar off)

"${pip[@]}" -r "$here/requirements.txt"

if [[ "${WITHOUT_TORCH:-0}" != 1 ]]; then
    if [[ -n "${TORCH_INDEX:-}" ]]; then
        "${pip[@]}" -r <(grep -E '^torch==' "$here/requirements-torch.txt") --index-url "$TORCH_INDEX"
    else
        "${pip[@]}" -r "$here/requirements-torch-cuda.txt"
    fi
    "${pip[@]}" -r "$here/requirements-torch.txt"
fi

# Each peer is imported once in a process of its own: the caches of compiled modules are warm
# before anything is timed, and a broken install fails here.
modules=(tensorflow keras jax sklearn.neural_network onnxruntime onnx)
[[ "${WITHOUT_TORCH:-0}" == 1 ]] || modules+=(torch)
for module in "${modules[@]}"; do
    "$venv/bin/python" -c "
import importlib, os
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
m = importlib.import_module('$module')
print('$module', getattr(m, '__version__', ''))"
done
