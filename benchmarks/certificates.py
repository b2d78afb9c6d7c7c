"""How fast an authority issues certificates, each checked and on the disk in the audit log before it is given out; what that leaves behind.

The floor is what cannot be saved: the request's signature verified, the certificate built and signed, as many bytes appended and synced,
by bare calls in turn with the authority's in the same run. Memory and open files are looked at after a tenth of the certificates, and at
the end.
"""

import gc
import os
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent.keys.file import FileKey
from agent.keys.request import certificate_request
from benchmarks.figures import Figure
from benchmarks.processes import BenchmarkError
from benchmarks.scene import Context
from provisioning.authority import profiles
from provisioning.authority.authority import Authority

GROWTH_KB = 2048
RATIO = 0.5
_BATCH = 100


def measure(context: Context) -> list[Figure]:
    """Certificates for 10,000 keys of as many devices; the register read anew at the end."""
    count = context.count(10_000, 1_000)
    context.say(f"{count} certificates")
    with tempfile.TemporaryDirectory(dir=context.directory) as scratch:
        return _measured(Path(scratch), count)


def _measured(scratch: Path, count: int) -> list[Figure]:
    folder = scratch / "ca"
    authority = Authority.create(folder, "Benchmark", time.time_ns() // 1_000_000)
    ours = bare = 0.0
    early: tuple[int, int] | None = None
    with (scratch / "bare").open("ab", buffering=0) as file:
        for start in range(0, count, _BATCH):
            requests = _requests(scratch, start)
            begun = time.perf_counter()
            for number, request in enumerate(requests, start):
                authority.issue_device(request, f"device-{number}", time.time_ns() // 1_000_000)
            ours += time.perf_counter() - begun
            bare += _floor(file.fileno(), folder, requests)
            if early is None and start + _BATCH >= count // 10:
                early = _held()
    assert early is not None
    late = _held()
    begun = time.perf_counter()
    found = len(Authority.open(folder).issued())
    read = time.perf_counter() - begun
    if found != count:
        raise BenchmarkError(f"{found} of {count} certificates are in the register")
    details = {"certificates": count, "floor_per_s": count / bare, "read_again_s": read}
    return [
        Figure("certificates.per_s", count / ours, "1/s", details=details),
        Figure("certificates.of_floor", bare / ours, at_least=RATIO),
        Figure(
            "certificates.growth", max(0, late[0] - early[0]), "KB", at_most=GROWTH_KB, details={"resident_kb": late[0]}
        ),
        Figure("certificates.files_left_open", late[1] - early[1], at_most=0),
    ]


def _requests(folder: Path, start: int) -> list[str]:
    found = []
    for number in range(start, start + _BATCH):
        path = folder / "key.pem"
        path.unlink(missing_ok=True)
        found.append(certificate_request(FileKey.generate(str(path)), f"device-{number}"))
    return found


def _floor(descriptor: int, folder: Path, requests: list[str]) -> float:
    """Seconds for a batch of certificates by bare calls, with as many bytes to the disk for each as the audit log takes."""
    size = (folder / "audit.jsonl").stat().st_size
    lines = (folder / "audit.jsonl").read_bytes()[-4096:].count(b"\n")
    entry = bytes(min(size, 4096) // max(1, lines))
    issuer = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Benchmark issuing")])
    validity = profiles.Validity.of_days(time.time_ns() // 1_000_000, 90)
    begun = time.perf_counter()
    for number, text in enumerate(requests):
        request = x509.load_pem_x509_csr(text.encode("ascii"))
        public = request.public_key()
        if not request.is_signature_valid or not isinstance(public, EllipticCurvePublicKey):
            raise BenchmarkError("a request of our own is not right")
        made = profiles.leaf_certificate("device", "device-1", public, name, issuer, number + 1, validity)
        made.public_bytes(Encoding.PEM)
        os.write(descriptor, entry)
        os.fsync(descriptor)
    return time.perf_counter() - begun


def _held() -> tuple[int, int]:
    """Resident memory in KB, and open files, of this process."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]), len(list(Path("/proc/self/fd").iterdir()))
