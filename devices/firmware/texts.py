"""Texts and tables as a bundle carries them, in half their bytes. Texts for people are unpacked when somebody is to read them.

The build (``provisioning/firmware/pack.py``) writes the pairs of characters that are most frequent as one code each, pairs of codes again,
and keeps here what each code stands for.
"""

PAIRS = b""
"""Two bytes a code, in order of the codes; filled in by the build."""


class Texts:
    """What packed texts mean: an index, for that takes a byte less than a call."""

    def __getitem__(self, packed: bytes) -> str:
        """What is printable ASCII stands for itself, any other code for a pair."""
        found = ""
        for code in packed:
            if 31 < code < 127:
                found += chr(code)
            else:
                place = 2 * code if code < 32 else 2 * code - 190  # 95 codes are printable
                found += self[PAIRS[place : place + 2]]
        return found


TEXTS = Texts()


def table(packed: bytes) -> "tuple[tuple[int, int], ...]":
    """The pairs of numbers, of 16 bits each, big-endian."""
    places = range(0, len(packed), 4)
    return tuple([(packed[n] << 8 | packed[n + 1], packed[n + 2] << 8 | packed[n + 3]) for n in places])
