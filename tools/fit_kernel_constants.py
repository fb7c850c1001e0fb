#!/usr/bin/env python3
"""Fits the polynomials of runtime/kernels/vec/math_vec.h and prints them as C. Needs numpy.

Each is a least-maximum-error fit, found by weighted least squares whose weights follow the error
(Lawson's method); a quotient P(s) / Q(s) has Q(0) = 1."""
import math

import numpy as np

POINTS, ROUNDS = 4000, 500


def fit(f, weight, low, high, p, q):
    """Coefficients of P (degree p) and Q (degree q) and the largest |weight * (P/Q - f)| on [low, high]."""
    t = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    s = (low + high) / 2 + (high - low) / 2 * t
    scale = max(abs(low), abs(high))
    u, want, w = s / scale, f(s), weight(s)
    lawson, quotient, best = np.ones(POINTS), np.ones(POINTS), None
    for _ in range(ROUNDS):
        row = np.sqrt(lawson) * w / np.abs(quotient)
        powers = [u[:, None] ** np.arange(p + 1), -want[:, None] * u[:, None] ** np.arange(1, q + 1)]
        x = np.linalg.lstsq(np.concatenate(powers, axis=1) * row[:, None], want * row, rcond=None)[0]
        a, b = x[: p + 1], np.concatenate([[1.0], x[p + 1:]])
        quotient = np.polyval(b[::-1], u)
        error = np.abs(w * (np.polyval(a[::-1], u) / quotient - want))
        if best is None or error.max() < best[0]:
            best = error.max(), a / scale ** np.arange(p + 1), b / scale ** np.arange(q + 1)
        lawson = lawson * (error / error.max() + 1e-12) ** 0.5
        lawson /= lawson.sum()
    return best


def literal(x):
    text = f"{np.float32(x):.9g}"
    return text + "f" if "." in text or "e" in text else text + ".0f"


def show(name, comment, found):
    error, a, b = found
    print(f"/* {comment}; error {error:.1e} before rounding */")
    for kind, c in (("p", a), ("q", b)):
        if len(c) > 1:
            print(f"static const float {name}_{kind}[] = {{{', '.join(literal(x) for x in c)}}};")


erf = np.vectorize(math.erf)
LN2 = math.log(2)
show("exp2", "(2^r - 1) / r, |r| <= 1/2",
     fit(lambda r: np.expm1(r * LN2) / r, lambda r: r / np.exp(r * LN2), -0.5, 0.5, 5, 0))
show("phi", "(Phi(x) - 1/2) / x in s = x^2, |x| <= 5.5",
     fit(lambda s: 0.5 * erf(np.sqrt(s / 2)) / np.sqrt(s), np.sqrt, 1e-6, 5.5 ** 2, 5, 5))
show("tanh", "tanh(x) / x in s = x^2, |x| <= 9",
     fit(lambda s: np.tanh(np.sqrt(s)) / np.sqrt(s), lambda s: np.sqrt(s) / np.tanh(np.sqrt(s)), 1e-6, 81.0, 4, 4))
