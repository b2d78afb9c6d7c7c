"""Texts for people, as a bundle carries them: whole, in half their bytes, and unpacked when somebody is to read them.

The build (``provisioning/firmware/pack.py``) writes the pairs of characters that are most frequent as one code each, pairs of codes again,
and keeps here what each code stands for.
"""

PAIRS = b""
"""Two bytes a code, in order of the codes; filled in by the build."""


def text(packed: bytes) -> str:
    """The text: what is printable ASCII stands for itself, any other code for a pair."""
    found = ""
    for code in packed:
        if 31 < code < 127:
            found += chr(code)
        else:
            place = 2 * code if code < 32 else 2 * code - 190  # 95 codes are printable
            found += text(PAIRS[place : place + 2])
    return found
