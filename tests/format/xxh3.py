"""XXH3-64 and XXH3-128 (seed 0, default secret) of 64 bytes and more, in plain Python.

Written from xxHash's published specification (doc/xxhash_spec.md). The module `xxhash` is used
instead when it is there, for speed.
"""
import struct

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")
MASK = (1 << 64) - 1
P32_1, P32_2, P32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
P64_1, P64_2, P64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P64_4, P64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def words(data, offset, count):
    return struct.unpack_from("<%dQ" % count, data, offset)


def fold(a, b):
    product = a * b
    return (product & MASK) ^ (product >> 64)


def avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & MASK
    return h ^ h >> 32


def mix16(data, at, secret_at):
    a, b = words(data, at, 2)
    s, t = words(SECRET, secret_at, 2)
    return fold(a ^ s, b ^ t)


def long_lanes(data):
    """The eight accumulators after all stripes of an input of more than 240 bytes."""
    acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1]
    secrets = [words(SECRET, 8 * i, 8) for i in range(17)]
    n = len(data)
    blocks = (n - 1) // 1024

    def stripe(at, key):
        values = words(data, at, 8)
        for i in range(8):
            value = values[i]
            keyed = value ^ key[i]
            acc[i ^ 1] += value
            acc[i] += (keyed & 0xFFFFFFFF) * (keyed >> 32)
        for i in range(8):
            acc[i] &= MASK

    for block in range(blocks):
        for i in range(16):
            stripe(1024 * block + 64 * i, secrets[i])
        for i in range(8):
            acc[i] = (acc[i] ^ acc[i] >> 47 ^ secrets[16][i]) * P32_1 & MASK
    for i in range((n - 1 - 1024 * blocks) // 64):
        stripe(1024 * blocks + 64 * i, secrets[i])
    stripe(n - 64, words(SECRET, 192 - 64 - 7, 8))
    return acc


def merge(acc, secret_at, start):
    key = words(SECRET, secret_at, 8)
    total = start
    for i in range(0, 8, 2):
        total += fold(acc[i] ^ key[i], acc[i + 1] ^ key[i + 1])
    return avalanche(total & MASK)


def pure64(data):
    n = len(data)
    assert n >= 64
    if n > 240:
        return merge(long_lanes(data), 11, n * P64_1 & MASK)
    acc = n * P64_1
    if n <= 128:
        for i in range((n - 1) // 32, -1, -1):
            acc += mix16(data, 16 * i, 32 * i) + mix16(data, n - 16 * (i + 1), 32 * i + 16)
        return avalanche(acc & MASK)
    acc = avalanche(acc + sum(mix16(data, 16 * i, 16 * i) for i in range(8)) & MASK)
    acc += sum(mix16(data, 16 * i, 16 * (i - 8) + 3) for i in range(8, n // 16))
    return avalanche(acc + mix16(data, n - 16, 136 - 17) & MASK)


def pure128(data):
    """The canonical 16 bytes. Inputs of 129 bytes and more."""
    n = len(data)
    assert n > 128
    if n > 240:
        acc = long_lanes(data)
        low = merge(acc, 11, n * P64_1 & MASK)
        high = merge(acc, 192 - 64 - 11, ~(n * P64_2) & MASK)
        return struct.pack(">QQ", high, low)
    low, high = n * P64_1 & MASK, 0

    def mix32(first, second, secret_at):
        nonlocal low, high
        low = low + mix16(data, first, secret_at) & MASK
        low ^= sum(words(data, second, 2)) & MASK
        high = high + mix16(data, second, secret_at + 16) & MASK
        high ^= sum(words(data, first, 2)) & MASK

    for i in range(4):
        mix32(32 * i, 32 * i + 16, 32 * i)
    low, high = avalanche(low), avalanche(high)
    for i in range(4, n // 32):
        mix32(32 * i, 32 * i + 16, 3 + 32 * (i - 4))
    mix32(n - 16, n - 32, 136 - 17 - 16)
    both = avalanche(low + high & MASK)
    rest = -avalanche(low * P64_1 + high * P64_4 + n * P64_2 & MASK) & MASK
    return struct.pack(">QQ", rest, both)


try:
    import xxhash

    def xxh64(data):
        return xxhash.xxh3_64_intdigest(data)

    def xxh128(data):
        return xxhash.xxh3_128_digest(data)
except ImportError:
    xxh64, xxh128 = pure64, pure128
