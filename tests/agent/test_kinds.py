"""A device kind is found by its name, or by its dotted path."""

from pathlib import Path

import pytest

from agent import kinds
from agent.errors import ConfigError

WHOLE = (
    "KIND = 'probe'\nSETTINGS = {}\ndef make_logic(settings, now_ms): ...\ndef make_binding(settings, on_input): ...\n"
)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_name_is_a_folder_of_the_house() -> None:
    assert kinds.find("sos-button").KIND == "sos-button"


def test_a_kind_that_only_boards_can_be_is_refused_with_those_for_linux() -> None:
    with pytest.raises(ConfigError, match=r"microcontrollers only; for Linux there are: .*panic-hub, sos-button"):
        kinds.find("panic-button")


def test_a_dotted_path_is_a_module_from_elsewhere(elsewhere: Path) -> None:
    (elsewhere / "vendor_a").mkdir()
    (elsewhere / "vendor_a" / "probe.py").write_text(WHOLE, encoding="utf-8")
    assert kinds.find("vendor_a.probe").KIND == "probe"


@pytest.mark.parametrize("line", range(4))
def test_a_module_that_lacks_a_part_is_no_kind(elsewhere: Path, line: int) -> None:
    lines = WHOLE.splitlines()
    missing = lines.pop(line)
    (elsewhere / f"vendor_b{line}").mkdir()
    (elsewhere / f"vendor_b{line}" / "probe.py").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError, match="so it is no device kind") as refused:
        kinds.find(f"vendor_b{line}.probe")
    name = missing.removeprefix("def ").split("(")[0].split(" ")[0]
    assert f"'{name}'" in str(refused.value)


@pytest.mark.parametrize("content", ["1 +", "raise RuntimeError('boom')", "import nothing_of_this_name"])
def test_a_module_that_cannot_be_loaded_is_a_sentence(elsewhere: Path, content: str) -> None:
    folder = f"vendor_c{len(content)}"
    (elsewhere / folder).mkdir()
    (elsewhere / folder / "probe.py").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=folder):
        kinds.find(f"{folder}.probe")


@pytest.mark.parametrize(
    "kind", ["sos-buton", "os.path", "..", "a..b", "sos button", "a/b", "", "-", "no.such.module", "1a"]
)
def test_whatever_else_is_said_is_no_kind(kind: str) -> None:
    with pytest.raises(ConfigError, match="kind"):
        kinds.find(kind)
