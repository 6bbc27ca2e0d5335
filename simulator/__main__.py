"""python -m simulator --port 0 --dir .run/simulator"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from simulator.serve import serve


def main() -> None:
    """Parses the arguments and serves."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--dir", type=Path, required=True, help="for certificates and endpoint")
    arguments = parser.parse_args()
    header = os.environ.get("IDENTITY_HEADER") or "simulated"
    certificates = os.environ.get("SIMULATOR_CERTIFICATES")
    serve(
        arguments.dir.resolve(),
        arguments.port,
        header,
        Path(certificates) if certificates else None,
    )


if __name__ == "__main__":
    main()
