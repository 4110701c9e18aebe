"""Raw items as the ledger keeps them: compressed, in zlib's format, whoever packed them."""

from __future__ import annotations

import zlib

try:
    from isal import isal_zlib

    _compress = isal_zlib.compress
except ImportError:  # there is none for this machine: the standard library's takes four times as long
    _compress = zlib.compress

#: What unpacking something else raises.
BadPack = zlib.error


def pack(item: bytes) -> bytes:
    """Compress an item's JSON."""
    packed: bytes = _compress(item, 1)
    return packed


def unpack(packed: bytes) -> bytes:
    """Give back what was packed. Raises `BadPack`."""
    return zlib.decompress(packed)
