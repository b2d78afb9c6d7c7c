"""What the running agent loads: imports are the one lever on a device's memory. And which way imports may point."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

UNWANTED = {
    *(
        "argparse",
        "cbor2",
        "click",
        "cryptography.x509",
        "ctypes",
        "dataclasses",
        "decimal",
        "difflib",
        "importlib.metadata",
    ),
    *("json", "multiprocessing", "paho", "pathlib", "pkcs11", "pydantic", "rich", "sqlite3", "xml"),
}


def loaded(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """What an interpreter with this very environment loads before anybody asks (``.pth`` files may ask for much)."""
    return loaded("pass")


def test_the_running_agent_loads_little(bare: set[str]) -> None:
    names = loaded("import agent.start, devices.sos_button.logic, devices.sos_button.settings") - bare
    assert UNWANTED & names == set()
    assert len(names) < 220


def test_a_renewal_adds_next_to_nothing_to_the_running_agent(bare: set[str]) -> None:
    """What asks the server, and what judges its answer, runs in a process of its own."""
    running = loaded("import agent.start")
    assert "agent.renewal" not in running
    assert loaded("import agent.start, agent.renewal") - running == {"agent.renewal"}


def test_the_agent_itself_adds_only_what_asyncio_tls_and_the_curve_need(bare: set[str]) -> None:
    others = loaded(
        "import asyncio, gc, ssl, tomllib, fcntl, struct, hashlib;"
        "import cryptography.hazmat.primitives.serialization, cryptography.hazmat.primitives.asymmetric.ec"
    )
    names = loaded("import agent.start") - bare - others
    foreign = sorted(name for name in names if name.split(".")[0] not in ("agent", "cryptography"))
    assert foreign == []


def test_the_command_line_loads_nothing_of_the_agent_to_show_its_help(bare: set[str]) -> None:
    names = loaded("import agent.command, agent.cli; agent.cli.main(['--help'])") - bare
    assert {
        name for name in names if name.split(".")[0] in ("asyncio", "paho", "cryptography", "ssl", "logging")
    } == set()


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports, in functions too, and for type checkers only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules(floor: str) -> list[Path]:
    found = sorted((ROOT / floor).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize(
    ("floor", "above"),
    [
        ("agent", {"devices", "provisioning", "simulators", "center", "benchmarks", "tests", "paho"}),
        ("agent/wire", {"devices", "provisioning", "simulators", "center", "paho", "cryptography", "asyncio"}),
        ("devices", {"provisioning", "simulators", "center", "benchmarks", "tests", "paho"}),
        ("provisioning", {"simulators", "center", "benchmarks", "tests"}),
        ("simulators", {"center", "benchmarks", "tests"}),
    ],
)
def test_imports_point_down_only(floor: str, above: set[str]) -> None:
    wrong = {
        str(path): names
        for path in modules(floor)
        if (names := {name for name in imported(path) if name.split(".")[0] in above})
    }
    assert wrong == {}


def test_the_center_imports_what_it_shares_with_devices_and_nothing_that_runs_on_them() -> None:
    names = {name for path in modules("center") for name in imported(path) if name.split(".")[0] != "center"}
    own = {name for name in names if name.split(".")[0] in {path.name for path in ROOT.iterdir()}}
    shared = ("agent.wire", "agent.keys", "agent.recording", "agent.__version__")
    assert {name for name in own if not name.startswith(shared)} == set()


def test_the_agents_mqtt_imports_nothing_but_itself(bare: set[str]) -> None:
    """Beside names of types, which a running program does not load."""
    names = {name for path in modules("agent/mqtt") for name in imported(path)}
    assert {name for name in names if not name.startswith(("agent.mqtt.", "typing."))} == set()
    own = {f"agent.mqtt.{path.stem}" for path in modules("agent/mqtt") if path.stem != "__init__"}
    assert loaded(f"import {', '.join(own)}") - bare == own | {"agent", "agent.mqtt"}
