# ruff: noqa: T201
"""``python -m provisioning.debian``: make the Debian package of the agent."""

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

from provisioning.debian.errors import PackageError
from provisioning.debian.package import build
from provisioning.debian.wheels import MACHINES, PYTHONS

PROJECT = Path(__file__).parents[2]
_EXAMPLES = """\
exit codes: 0 made, 1 not made (it says why), 2 wrong usage

examples:
  scripts/deb                                   for this machine's architecture
  scripts/deb --architecture arm64              for a Raspberry Pi, from any machine
  scripts/deb --offline                         for this very machine, without the package index
  sudo apt install ./build/deb/dabyl-agent_*_arm64.deb      on the device
"""


def main(arguments: list[str]) -> int:
    """The exit code."""
    here = {machine: name for name, machine in MACHINES.items()}.get(platform.machine(), "")
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser = argparse.ArgumentParser(
        prog="scripts/deb",
        description="Make the Debian package of the agent for Linux devices. Needs no root, and the package index.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--architecture", choices=MACHINES, default=here or "arm64", help="of the device (default: %(default)s)"
    )
    parser.add_argument(
        "--python", action="append", metavar="3.N", help="of the device, again for more (default: all of them)"
    )
    parser.add_argument(
        "--offline", action="store_true", help="for this very machine, from what .venv holds, without the package index"
    )
    parser.add_argument("--out", type=Path, default=Path("build/deb"), help="folder (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="say where it is, and how large, as JSON")
    options = parser.parse_args(arguments)
    pythons = options.python or ([own] if options.offline else list(PYTHONS))
    if options.offline and (options.architecture, pythons) != (here, [own]):
        parser.error(f"--offline is for this machine ({here or platform.machine()}, Python {own}) alone")
    print(f"deb: {options.architecture}, Python {' and '.join(pythons)}", file=sys.stderr)
    try:
        package = build(PROJECT, options.out.resolve(), options.architecture, pythons, offline=options.offline)
    except (PackageError, OSError, subprocess.SubprocessError) as error:
        print(f"deb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("deb: stopped; nothing is left behind", file=sys.stderr)
        return 1
    size = package.stat().st_size
    if options.json:
        print(
            json.dumps(
                {"package": str(package), "bytes": size, "architecture": options.architecture, "pythons": pythons}
            )
        )
    else:
        print(f"{package}: {size:,} bytes\nOn the device: sudo apt install ./{package.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
