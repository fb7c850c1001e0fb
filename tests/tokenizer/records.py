"""Runs build/*/tests/tokenize_records: texts in, tokens out."""
import struct
import subprocess

import numpy as np


def tokenize(program, folder, texts, pairs=None, bare=False, max_length=0):
    """A list of (ids, type_ids, offsets, truncated), one for each text (str or bytes)."""
    raw = []
    for i, text in enumerate(texts):
        for part in [text] + ([pairs[i]] if pairs is not None else []):
            data = part if isinstance(part, bytes) else part.encode("utf-8")
            raw += [struct.pack("<I", len(data)), data]
    command = [str(program), str(folder)] + ["--pair"] * (pairs is not None) + ["--bare"] * bare
    command += ["--max", str(max_length)] * bool(max_length)
    done = subprocess.run(command, input=b"".join(raw), stdout=subprocess.PIPE, check=True)
    words, out, at = np.frombuffer(done.stdout, "<i4"), [], 0
    while at < len(words):
        count, truncated = int(words[at]), bool(words[at + 1])
        rows = words[at + 2:at + 2 + 4 * count].reshape(count, 4)
        out.append((rows[:, 0].tolist(), rows[:, 1].tolist(), rows[:, 2:].tolist(), truncated))
        at += 2 + 4 * count
    return out
