"""The evidence receipt: the center says which segment of a recording it has durably stored, proven against the segment's signed event.

A message of its own class, because a device deletes a recording's segment for nothing else. It travels over HTTPS, not MQTT.
"""

from agent.wire import cbor, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agent.wire.fields import Loads

CONTEXT = b"dabyl/v1/evidence"
"""``external_aad`` of the signature."""
RECORDING_LENGTH = 16
DIGEST_LENGTH = 32

_NAMES = ("n", "at", "bytes", "center", "device", "sha256", "recording")


class Evidence:
    """One evidence receipt.

    ``device`` made the recording ``recording`` (16 bytes), of which segment ``n`` (from 1) is a file of ``size`` bytes with the SHA-256
    ``sha256``; ``center`` has it since ``at`` (ms since 1970 UTC).
    """

    def __init__(self, device: str, center: str, at: int, recording: bytes, n: int, size: int, sha256: bytes) -> None:
        self.device = device
        self.center = center
        self.at = at
        self.recording = recording
        self.n = n
        self.size = size
        self.sha256 = sha256

    def encode(self) -> bytes:
        """The payload: deterministic CBOR."""
        return cbor.dumps(
            {
                "device": self.device,
                "center": self.center,
                "at": self.at,
                "recording": self.recording,
                "n": self.n,
                "bytes": self.size,
                "sha256": self.sha256,
            }
        )


def decode(payload: bytes, loads: "Loads" = cbor.loads) -> Evidence:
    """The evidence receipt in ``payload``.

    Raises:
        MalformedError: the payload is not an evidence receipt of the contract.
    """
    f = fields.open_map(payload, _NAMES, "evidence receipt", loads)
    return Evidence(
        fields.identity(f["device"], "device"),
        fields.identity(f["center"], "center"),
        fields.uint(f["at"], "at"),
        fields.octets(f["recording"], "recording", RECORDING_LENGTH),
        fields.uint(f["n"], "n", 1, fields.UINT32),
        fields.uint(f["bytes"], "bytes", 1),
        fields.octets(f["sha256"], "sha256", DIGEST_LENGTH),
    )
