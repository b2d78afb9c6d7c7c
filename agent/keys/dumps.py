"""A process that holds a key or a passphrase leaves no copy of its memory behind."""

import resource


def no_core_dumps() -> None:
    """Have the kernel write no core file of this process, nor of those that it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
