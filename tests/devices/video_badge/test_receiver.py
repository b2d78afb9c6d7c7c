"""The badge's satellite receiver, on a real terminal: positions for the logic, and the same positions as sentences for the recording."""

import pathlib
import threading
from typing import Any

from devices.pins import monotonic_ms
from devices.sensors.gnss import encode_nmea
from devices.sensors.readings import Fix
from devices.video_badge.media import Sentence
from devices.video_badge.receiver import Receiver
from simulators.camera.receiver import Receiver as SimulatedReceiver

PATIENCE_S = 20


def test_positions_go_to_the_logic_and_as_sentences_into_the_recording(tmp_path: pathlib.Path) -> None:
    woken = threading.Semaphore(0)
    fixes: list[Fix] = []
    sentences: list[Sentence] = []

    def report(_name: str, value: Any, _at_ms: int) -> None:
        if isinstance(value, Fix):
            fixes.append(value)
        woken.release()

    satellites = SimulatedReceiver(tmp_path / "gnss", every_s=0.02)
    receiver = Receiver(str(tmp_path / "gnss"), report, sentences.append)
    receiver.start()
    satellites.start()
    try:
        while len(fixes) < 3:
            assert woken.acquire(timeout=PATIENCE_S)
            receiver.step(monotonic_ms())
    finally:
        receiver.close()
        satellites.close()
    timed = [one for one in fixes if one.unix_ms is not None]
    assert timed
    assert sentences == [Sentence(encode_nmea(one), one.at_ms * 1000) for one in timed]
