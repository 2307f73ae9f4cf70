#!/usr/bin/env bash
# The interpreter of a version, or nothing: from PATH if it runs (pyenv leaves shims that do not), else from pyenv. Not one
# without the global lock, which TensorFlow has no builds for.
#
#     scripts/find_python.sh 3.12
set -euo pipefail

for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
    if "$candidate" -c 'import ensurepip, sysconfig, venv
assert not sysconfig.get_config_var("Py_GIL_DISABLED")' 2>/dev/null; then
        echo "$candidate"
        exit
    fi
done
