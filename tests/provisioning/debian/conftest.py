"""One package for all tests of this folder."""

import pathlib
import platform
import subprocess

import pytest

from provisioning.debian import wheels
from provisioning.debian.package import build

PROJECT = pathlib.Path(__file__).parents[3]
SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="package")
def package(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    version = subprocess.run([SYSTEM_PYTHON, "--version"], capture_output=True, text=True, check=True).stdout
    python = ".".join(version.split()[1].split(".")[:2])
    here = {machine: name for name, machine in wheels.MACHINES.items()}[platform.machine()]
    return build(PROJECT, tmp_path_factory.mktemp("deb"), here, [python], offline=True)
