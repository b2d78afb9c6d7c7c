# ruff: noqa: T201
"""``python -m provisioning.firmware``: make the bundle and say how large it is."""

import argparse
import json
import sys
from pathlib import Path

from provisioning.firmware.bundle import BOARD_BYTES, MQTT_BYTES, BundleError, make, mpy_version
from provisioning.firmware.modules import NeedsError, kinds

TREE = Path(__file__).parents[2]


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, or 1 when the bundle cannot be made."""
    parser = argparse.ArgumentParser(
        prog="scripts/firmware", description="Compile the firmware of boards into a bundle."
    )
    parser.add_argument(
        "--kind", action="append", help="kind of device, again for more (default: all that boards can be)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/firmware"), help="folder to make (default: %(default)s)"
    )
    parser.add_argument("--secure-element", action="store_true", help="for boards with an ATECC608, too")
    parser.add_argument("--json", action="store_true", help="say the sizes as JSON")
    options = parser.parse_args(arguments)
    chosen = sorted(set(options.kind or kinds(TREE)))
    try:
        sizes, groups = make(TREE, options.out, chosen, secure_element=options.secure_element)
    except (BundleError, NeedsError, OSError) as error:
        print(f"firmware: {error}", file=sys.stderr)
        return 1
    total = sum(sizes.values())
    if options.json:
        facts = {
            "bundle": str(options.out),
            "kinds": chosen,
            "mpy": mpy_version(),
            "bytes": total,
            "bytes_target": BOARD_BYTES,
        }
        print(json.dumps({**facts, "mqtt_bytes_target": MQTT_BYTES, "groups": groups, "files": sizes}, indent=1))
        return 0
    for name, size in groups.items():
        print(f"{size:8,}  {name}{f' (at most {MQTT_BYTES:,})' if name == 'MQTT client' else ''}")
    print("          each compiled alone; together they share names:\n")
    for path, size in sizes.items():
        print(f"{size:8,}  {path}")
    print(
        f"{total:8,}  bytes in {len(sizes)} files for {', '.join(chosen)} (at most {BOARD_BYTES:,}), mpy {mpy_version()}"
    )
    print(f"firmware: {options.out}: copy flash/ to a board as docs/devices/firmware.md says, or freeze manifest.py")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
