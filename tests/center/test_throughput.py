"""The pipeline's pace, signature checks and durable commits included, in CPU time so that a busy machine changes little."""

import time
from collections.abc import Callable

from center.pipeline import Arrival, Pipeline
from tests.center.desk import ingest
from tests.center.scripted import NOW, Device

FLOOR = 1_500
"""Events a second of one core."""


def test_a_core_takes_fifteen_hundred_events_a_second(pipeline: Pipeline, new_device: Callable[[], Device]) -> None:
    devices = [new_device() for _ in range(10)]
    data: dict[str, object] = {"battery_mv": 3600, "temperature_dc": 215, "link": "wifi", "depth": 0}
    ingest(pipeline, [Arrival(one.topic, one.envelope) for one in (device.greeting() for device in devices)], NOW)
    made = [device.event("health.report", data) for _ in range(200) for device in devices]
    arrivals = [Arrival(one.topic, one.envelope) for one in made]
    best = 0.0
    for half in (arrivals[:1000], arrivals[1000:]):
        began = time.process_time()
        for start in range(0, len(half), 200):
            ingest(pipeline, half[start : start + 200], NOW)
            pipeline.due_receipts(NOW)
        best = max(best, len(half) / (time.process_time() - began))
    print(f"center pipeline: {best:.0f} events a CPU second")  # noqa: T201  the figure, shown by pytest -s
    assert best > FLOOR
