"""The center's evidence receipts in a recording's folder, proven: which file it had as which segment, and since when.

A device's events name the device's own time, which whoever stole its key can choose; a receipt's time and key are the center's.
"""

from collections.abc import Iterable
from pathlib import Path

from agent.keys.credentials import chain_from_pem
from agent.keys.errors import KeysError
from agent.keys.names import CENTER
from agent.wire import cose, evidence
from agent.wire.errors import WireError
from agent.wire.evidence import Evidence
from center.evidence import files
from center.evidence.errors import EvidenceError
from center.evidence.trust import Holder, Trust

SUFFIX = ".receipt"
CHAIN = "center-{}.pem"
"""The certificates of a center's key, by the key's identifier in hex."""
_MAX_SMALL = 65536


def load(
    folder: Path, names: Iterable[str], recording: str, device: str, trust: Trust
) -> tuple[dict[int, Evidence], list[str]]:
    """The proven receipts among these files by segment, and what is wrong with others. Recording (hex) and device are empty if nobody
    knows them.
    """
    found: dict[int, Evidence] = {}
    wrong = []
    for name in names:
        number = name.removesuffix(SUFFIX)
        if number == name or not number.isdigit():
            continue
        try:
            told = _receipt(folder, name, trust)
            _check_meant(told, recording, number, device)
        except (WireError, KeysError, EvidenceError) as error:
            wrong.append(f"{name} proves nothing: {error}")
        else:
            found[told.n] = told
    return found, wrong


def _receipt(folder: Path, name: str, trust: Trust) -> Evidence:
    envelope = files.read(folder / name, _MAX_SMALL) or b""
    parts = cose.parse(envelope)
    claimed = evidence.decode(parts.payload)
    holder = _holder(folder, parts.headers.get(cose.KID), claimed.at, trust)
    check = holder.check
    told = evidence.decode(cose.verify(envelope, evidence.CONTEXT, lambda _kid: check).payload)
    if told.center != holder.device:
        raise EvidenceError(f"{holder.device} signed for {told.center}")
    return told


def _check_meant(told: Evidence, recording: str, number: str, device: str) -> None:
    meant = (recording or told.recording.hex(), device or told.device, number)
    if (told.recording.hex(), told.device, f"{told.n:06d}") != meant:
        raise EvidenceError("it is for something else")


def _holder(folder: Path, kid: object, at_ms: int, trust: Trust) -> Holder:
    """Who has signed: a center, by the certificates beside."""
    path = folder / CHAIN.format(kid.hex() if isinstance(kid, bytes) else "")
    contents = files.read(path, _MAX_SMALL)
    if contents is None:
        raise EvidenceError(f"there is no {path.name}, the certificates of the center that signed it")
    holder = trust.holder(chain_from_pem(contents.decode("ascii", "replace"), str(path)), at_ms, CENTER)
    if isinstance(holder, str):
        raise EvidenceError(holder)
    return holder
