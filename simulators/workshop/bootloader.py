"""The boot loader of an ESP32 in its download mode, at the end of a pseudo-terminal: what Espressif's esptool talks to when it flashes.

By the serial protocol that Espressif documents: SLIP frames; a request is 0, command, size (16 bits), checksum (32 bits), data; an answer
is 1, command, size, value, data, status. The chip's own loader answers with four bytes of status, the program that esptool loads into RAM
and starts ("OHAI") with two. That program is taken and not run: its commands are answered here. What is not known is refused.
"""

import hashlib
import os
import struct
import threading
import tty
import zlib
from types import TracebackType
from typing import Self

END, ESCAPE = 0xC0, 0xDB
HEAD = struct.Struct("<BBHI")
FLASH_BYTES = 4 * 1024 * 1024
CHIP, ESP32 = 0x40001000, 0x00F01D83
"""The register that tells the chips apart, and what it says on an ESP32."""
REGISTERS = {
    0x3FF5A004: 0xD3E4F5A0,  # efuses: its MAC address
    0x3FF5A008: 0x0000A0B1,
    0x3FF40014: 347,  # the serial line's divider: 115,200 baud from a crystal of 40 MHz
    0x3FF42080: 0x001640EF,  # the SPI controller's first data word: the flash's identification, 4 MB
}
FLASH_BEGIN, FLASH_DATA, FLASH_END, MEM_BEGIN, MEM_END, MEM_DATA = 2, 3, 4, 5, 6, 7
SYNC, WRITE_REG, READ_REG, SET_PARAMS, ATTACH, BAUD = 8, 9, 10, 11, 13, 15
DEFL_BEGIN, DEFL_DATA, DEFL_END, MD5, ERASE = 0x10, 0x11, 0x12, 0x13, 0xD0
ROM = 0x20120707
"""The value with which the chip's own loader answers a sync; the loaded program answers 0."""
QUIET = {FLASH_END, MEM_BEGIN, MEM_DATA, WRITE_REG, SET_PARAMS, ATTACH, BAUD, DEFL_END}
"""What needs no more than a yes."""
REFUSED = b"\x01\x05"


class BootLoader:
    """A board in download mode. ``flash`` is its content, ``erased`` whether all of it was erased; both may be read when it is left.

    Args:
        dies_after: it answers so many requests, and no more: the cable was pulled.
        chip: what its register says that it is.
        worn: a byte of the flash that keeps one bit, whatever is written.
    """

    def __init__(self, *, dies_after: int | None = None, chip: int = ESP32, worn: int | None = None) -> None:
        self.flash = bytearray(b"\x55" * FLASH_BYTES)
        self.erased = False
        self._dies_after = dies_after
        self._chip = chip
        self._worn = worn
        self._stub = False
        self._at = 0
        self._inflate = zlib.decompressobj()
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        self.path = os.ttyname(self._far)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._far)
        self._thread.join()
        os.close(self._near)

    def _serve(self) -> None:
        frame: bytearray | None = None
        escaped = False
        while True:
            try:
                heard = os.read(self._near, 65536)
            except OSError:  # nobody is at the other end any more
                return
            for byte in heard:
                if byte == END:
                    if frame:
                        self._request(bytes(frame))
                    frame, escaped = bytearray(), False
                elif frame is not None:
                    if escaped:
                        byte = {0xDC: END, 0xDD: ESCAPE}.get(byte, byte)  # noqa: PLW2901  SLIP's two escapes
                    escaped = not escaped and byte == ESCAPE
                    if not escaped:
                        frame.append(byte)

    def _request(self, frame: bytes) -> None:
        if len(frame) < HEAD.size or frame[0]:
            return
        _, command, _size, _sum = HEAD.unpack_from(frame)
        if self._dies_after is not None:
            self._dies_after -= 1
            if self._dies_after < 0:
                return
        data = frame[HEAD.size :]
        value, said, good = self._done(command, data)
        status = (b"\x00\x00" if good else REFUSED) + (b"" if self._stub else b"\x00\x00")
        for _ in range(8 if command == SYNC else 1):  # the chip answers a sync eight times
            self._answer(HEAD.pack(1, command, len(said) + len(status), value) + said + status)
        if command == MEM_END and not self._stub:
            self._stub = True
            self._answer(b"OHAI")

    def _done(self, command: int, data: bytes) -> tuple[int, bytes, bool]:
        """Value, data, and whether the command was carried out."""
        if command == READ_REG:
            address = int.from_bytes(data[:4], "little")
            return self._chip if address == CHIP else REGISTERS.get(address, 0), b"", True
        if command in {FLASH_BEGIN, DEFL_BEGIN}:
            self._at = int.from_bytes(data[12:16], "little")
            self._inflate = zlib.decompressobj()
        elif command in {FLASH_DATA, DEFL_DATA}:
            content = data[16 : 16 + int.from_bytes(data[:4], "little")]
            content = self._inflate.decompress(content) if command == DEFL_DATA else content
            self.flash[self._at : self._at + len(content)] = content
            self._at += len(content)
            if self._worn is not None:
                self.flash[self._worn] |= 1
        elif command == MD5:
            at, size = struct.unpack_from("<II", data)
            digest = hashlib.md5(self.flash[at : at + size], usedforsecurity=False)
            return 0, digest.digest() if self._stub else digest.hexdigest().encode(), True
        elif command == ERASE:
            self.flash[:] = b"\xff" * FLASH_BYTES
            self.erased = True
        elif command == SYNC:
            return 0 if self._stub else ROM, b"", True
        elif command not in QUIET | {MEM_END}:
            return 0, b"", False
        return 0, b"", True

    def _answer(self, content: bytes) -> None:
        packed = content.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        os.write(self._near, b"\xc0" + packed + b"\xc0")
