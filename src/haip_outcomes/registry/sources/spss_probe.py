"""Asks another process whether ReadStat survives what an SPSS file says of its variables.

ReadStat refuses nearly every damaged file in good order. But a code of a label that is not in the file's encoding, or that belongs
to no variable, ends the whole process (pyreadstat 1.3.7), and a person would see no message at all. It takes 0.2 s to be sure.
"""

from __future__ import annotations

import subprocess
import sys

_READ = """
import io, sys
import pyreadstat
pyreadstat.read_sav(io.BytesIO(sys.stdin.buffer.read()), metadataonly=True, output_format="dict", encoding=sys.argv[1] or None)
"""


def survives(content: bytes, encoding: str | None = None) -> bool:
    """False when reading the file's dictionary ends the process; True when it is read, or refused in good order."""
    if not sys.executable:  # Python inside another program
        return True
    try:
        done = subprocess.run([sys.executable, "-c", _READ, encoding or ""], input=content, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return False
    except OSError:
        return True
    return 0 <= done.returncode < 2**31  # below: ended by a signal; above: the same in Windows
