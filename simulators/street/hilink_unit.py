"""What Hi-Link's radars do with commands: they answer, and keep quiet between "enable configuration" and "end configuration". Pure."""

from devices.sensors import hilink

_REST_MAX = 256


class CommandEar:
    """Takes a controller's bytes. ``configured`` is whether reports are held back."""

    def __init__(self) -> None:
        self.configured = False
        self.done: list[int] = []
        self._rest = b""

    def hear(self, data: bytes) -> bytes:
        """Obey; return the answers."""
        self._rest = (self._rest + data)[-_REST_MAX:]
        answers = b""
        while (begin := self._rest.find(hilink.COMMAND_HEADER)) >= 0:
            frame = self._rest[begin:]
            end = 6 + int.from_bytes(frame[4:6], "little") + len(hilink.COMMAND_TAIL)
            if len(frame) < 8 or (len(frame) < end <= _REST_MAX):
                break
            self._rest = frame[4:]
            if frame[end - 4 : end] == hilink.COMMAND_TAIL:
                self._rest = frame[end:]
                answers += self._obey(int.from_bytes(frame[6:8], "little"))
        return answers

    def _obey(self, word: int) -> bytes:
        done = self.configured or word == hilink.ENABLE_CONFIGURATION
        if word == hilink.ENABLE_CONFIGURATION:
            self.configured = True
        elif word == hilink.END_CONFIGURATION:
            self.configured = False
        elif done:
            self.done.append(word)
        value = b"\x01\x00\x40\x00" if word == hilink.ENABLE_CONFIGURATION else b""
        return hilink.encode(hilink.Answer(word, done, value))
