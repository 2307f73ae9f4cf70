"""Runs a notebook in a folder, by the Python that runs this, and writes it with its outputs.

    python scripts/run_notebook.py docs/notebooks/first_steps.ipynb /tmp/first

Nothing of the user's own Jupyter counts. An error in a cell ends it with that error.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

_TIMEOUT_S = 240


def run_notebook(notebook: Path, folder: Path, sockets: Path) -> Path:
    """Run a notebook with a folder as its working directory.

    Args:
        notebook: stays as it is.
        folder: is made; gets what the cells write, and the notebook with its outputs.
        sockets: a folder for the kernel's sockets, of a short name: they may have a hundred characters.

    Returns:
        The notebook with its outputs.

    Raises:
        CellExecutionError: a cell has failed.
    """
    import nbformat
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    folder.mkdir(parents=True, exist_ok=True)
    document = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]  # it has types in part
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(sockets / "kernel"))
    assert manager.kernel_spec is not None
    # Whatever kernel of that name somebody has installed: the packages are here.
    manager.kernel_spec.argv[0] = sys.executable
    NotebookClient(document, km=manager, timeout=_TIMEOUT_S, resources={"metadata": {"path": str(folder)}}).execute()
    written = folder / notebook.name
    nbformat.write(document, written)  # type: ignore[no-untyped-call]  # the same
    return written


def main() -> None:
    """Run the notebook that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument("folder", type=Path, help="where it runs, and where its outputs go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nb") as own:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            os.environ[name] = own
        print(run_notebook(arguments.notebook.resolve(), arguments.folder.resolve(), Path(own)))


if __name__ == "__main__":
    main()
