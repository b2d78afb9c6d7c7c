# ruff: noqa: T201
"""``python -m provisioning.firmware``: make the bundle and say how large it is."""

import argparse
import json
import sys
from pathlib import Path

from provisioning.firmware.bundle import BOARD_BYTES, MQTT_BYTES, BundleError, make, mpy_version
from provisioning.firmware.modules import NeedsError, kinds

TREE = Path(__file__).parents[2]
EXAMPLES = """\
examples:
  scripts/firmware --kind sos-button                         for boards that are SOS buttons
  scripts/firmware --kind panic-button --secure-element      for panic buttons that sign with an ATECC608
  scripts/firmware --kind sos-button --json                  the sizes for a program

exit codes:
  0  the bundle is made, and within its bounds
  1  it is made, and larger than a bound: the last line says by how much
  2  it cannot be made, or wrong options; the bundle that was there is left as it was
"""


def main(arguments: list[str]) -> int:
    """Return the exit code, as the help has them."""
    parser = argparse.ArgumentParser(
        prog="scripts/firmware",
        description="Compile the firmware of boards into a bundle, and say how large it is.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        return 2
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
    else:
        _table(sizes, groups, chosen)
        print(
            f"firmware: {options.out}: copy flash/ to a board as docs/devices/firmware.md says, or freeze manifest.py"
        )
    over = [
        f"{what} has {size:,} bytes, {size - bound:,} more than {bound:,}"
        for what, size, bound in (("it", total, BOARD_BYTES), ("the MQTT client", groups["MQTT client"], MQTT_BYTES))
        if size > bound
    ]
    if over:
        print(f"firmware: {options.out} is made, and too large: {'; '.join(over)}", file=sys.stderr)
    return 1 if over else 0


def _table(sizes: dict[str, int], groups: dict[str, int], chosen: list[str]) -> None:
    for name, size in groups.items():
        print(f"{size:8,}  {name}{f' (at most {MQTT_BYTES:,})' if name == 'MQTT client' else ''}")
    print("          each compiled alone; together they share names:\n")
    for path, size in sizes.items():
        print(f"{size:8,}  {path}")
    print(
        f"{sum(sizes.values()):8,}  bytes in {len(sizes)} files for {', '.join(chosen)} (at most {BOARD_BYTES:,}), "
        f"mpy {mpy_version()}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
