"""What a camera with a microphone delivers in so many seconds, made at once, for whoever needs no camera at work."""

import av

from devices.video_badge.media import Item, Picture, Sound
from simulators.camera.scene import Scene
from simulators.camera.sensor import Microphone, encoder

US = 1_000_000


def footage(
    seconds: float, size: tuple[int, int], fps: int, bitrate: int, *, begin_us: int = 0, unix_ms: int = 0
) -> list[Item]:
    """Pictures, from a key frame on and one of those a second, and sounds, in the order in which they come."""
    scene, coder, microphone = Scene(*size), encoder(size, fps, bitrate, fps), Microphone()
    items: list[Item] = []
    for number in range(round(seconds * fps)):
        at_us = number * US // fps
        now_ms = unix_ms + at_us // 1000
        frame = av.VideoFrame.from_ndarray(scene.frame(number, now_ms), format="yuv420p")
        frame.pts = at_us
        items += [Picture(bytes(one), one.is_keyframe, begin_us + at_us, now_ms) for one in coder.encode(frame)]
        items += [Sound(bytes(one), begin_us + time_us) for one, time_us in microphone.until(at_us + US // fps)]
    microphone.close()
    return items
