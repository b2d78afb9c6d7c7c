"""Small parts of putting an agent together."""

from pathlib import Path

from agent.start import ASK_EVERY_MS, Synchronised


def test_the_systems_word_on_its_clock_is_asked_again_after_ten_seconds(tmp_path: Path) -> None:
    now_ms = 0
    synchronised = Synchronised(lambda: now_ms, str(tmp_path / "synchronized"))
    assert not synchronised()
    (tmp_path / "synchronized").touch()
    now_ms = ASK_EVERY_MS - 1
    assert not synchronised(), "not asked for each event"
    now_ms = ASK_EVERY_MS
    assert synchronised()
    (tmp_path / "synchronized").unlink()
    now_ms = 2 * ASK_EVERY_MS
    assert not synchronised()
