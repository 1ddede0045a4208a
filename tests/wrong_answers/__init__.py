"""Wrong answers to the exercises: for each check, the body of the function and a part of the sentence it should get."""

from wrong_answers import images, light, own, slices, start, views
from wrong_answers.second import SECOND as SECOND

FIRST = {
    "00_start_here": start.FIRST,
    "01_image_regression": images.FIRST,
    "02_ct_reconstruction": slices.FIRST,
    "03_view_synthesis": views.FIRST,
    "04_phototourism": light.FIRST,
    "05_your_own_signals": own.FIRST,
}
"""By notebook and check; written before the checks were."""

ALSO_RIGHT = {
    "00_start_here": {
        "inner_loop": [
            "if not steps:\n    return params\ng = jax.grad(loss)(params, x, y)\n"
            "return my_inner(loss, jax.tree.map(lambda p, g: p - rate * g, params, g), x, y, rate, steps - 1)",
            "descend = lambda p, _: (jax.tree.map(lambda p, g: p - rate * g, p, jax.grad(loss)(p, x, y)), None)\n"
            "return jax.lax.scan(descend, params, length=steps)[0]",
        ],
        "first_order": [
            "g = jax.grad(loss)(jax.lax.stop_gradient(params), x, y)\n"
            "return loss(jax.tree.map(lambda p, g: p - rate * g, params, g), x, y)"
        ],
        "reptile_step": ["return jax.tree.map(lambda p, e: (1 - share) * p + share * jnp.mean(e, 0), params, ends)"],
        "support_and_query": ["x, y = support\nfitted = inner(params, x, y)\nreturn loss(fitted, query[0], query[1])"],
    },
    "01_image_regression": {
        "reptile_gradient": [
            "return [{'b': p['b'] - a['b'], 'w': np.asarray(p['w']) - a['w']} for p, a in zip(params, adapted)]"
        ],
        "decibels": [
            "return 20 * np.log10(1 / np.sqrt(np.square(np.maximum(np.minimum(prediction, 1), 0) - target).mean()))"
        ],
        "shuffled_layer": [
            "new = list(params)\nkeys = dict(zip('wb', jax.random.split(key)))\n"
            "new[index] = {n: jax.random.permutation(keys[n], a.ravel()).reshape(a.shape) for n, a in params[index].items()}\n"
            "return new"
        ],
        "steps_to_match": [
            "return [next((i for i, v in enumerate(c) if v >= t), len(c) - 1) for c, t in zip(curves, targets)]"
        ],
        "mixture": ["return jax.tree.map(lambda x, y: x + t * (y - x), a, b)"],
    },
    "02_ct_reconstruction": {
        "two_projections": [
            "return [sum(picture), np.flip(picture.T.sum(axis=0))]",
            "return np.array([picture.sum(0), picture[::-1].sum(1)])",
        ],
        "sinogram_loss": [
            "n = picture.shape[0]\nreturn ((tomography.project(picture / n, angles) - measured / n) ** 2).sum() / measured.size"
        ],
        "unmeasured": [
            "e = found - truth\nreturn [float(np.sqrt(np.mean(e[m] ** 2))) for m in (measured, measured == 0)]"
        ],
        "full_turn": ["return np.vstack([half, np.fliplr(half)])"],
        "projection_matrix": [
            "m = np.zeros((len(angles) * size, size * size))\nfor i in range(size):\n    for j in range(size):\n"
            "        p = np.zeros((size, size))\n        p[i, j] = 1\n"
            "        m[:, i * size + j] = np.ravel(project(jnp.asarray(p), angles))\nreturn m"
        ],
    },
    "03_view_synthesis": {
        "composite": [
            "colour = np.ones(3)\nfor a, c in zip(alphas[::-1], colours[::-1]):\n    colour = a * c + (1 - a) * colour\nreturn colour",
            "colour, left = 0, 1\nfor a, c in zip(alphas, colours):\n    colour, left = colour + left * a * c, left * (1 - a)\nreturn colour + left",
        ],
        "alphas": [
            "d = np.concatenate([t[1:] - t[:-1], [last]])\nreturn -np.expm1(-density * d * np.sqrt(direction @ direction))"
        ],
        "direction": [
            "fx, fy, cx, cy = intrinsics\nr = camera_to_world\nreturn (u - cx) / fx * r[:, 0] - (v - cy) / fy * r[:, 1] - r[:, 2]"
        ],
        "depth": ["d = far\nfor a, x in zip(alphas[::-1], t[::-1]):\n    d = a * x + (1 - a) * d\nreturn d"],
        "recognised": [
            "return sum(all(row[i] > v for j, v in enumerate(row) if j != i) for i, row in enumerate(scores))",
            "return float(sum((scores >= np.diag(scores)[:, None]).sum(axis=1) == 1))",
        ],
    },
    "04_phototourism": {
        "moved": [
            "return tuple(float(np.sqrt(((b['w'] - a['w']) ** 2).sum() / (a['w'] ** 2).sum())) for a, b in zip(start, fitted))"
        ],
        "gap": [
            "m = jax.tree.map(lambda x, y: 0.5 * x + 0.5 * y, a, b)\nreturn float(jnp.square(render(m) - 0.5 * render(a) - 0.5 * render(b)).mean())"
        ],
        "square": [
            "mix = lambda a, b, t: jax.tree.map(lambda x, y: (1 - t) * x + t * y, a, b)\n"
            "return mix(mix(corners[0], corners[1], u), mix(corners[2], corners[3], u), v)"
        ],
        "way": [
            "total = jax.tree.map(jnp.zeros_like, params)\nfor _ in range(steps):\n"
            "    g = jax.grad(loss)(jax.tree.map(lambda p, t: p - t, params, total), batch)\n"
            "    total = jax.tree.map(lambda t, g: t + rate * g, total, g)\nreturn total"
        ],
        "right_half": [
            "w = picture.shape[1]\nd = (picture.clip(0, 1) - truth)[:, w // 2 : w]\nreturn 10 * np.log10(1 / (d**2).mean())"
        ],
    },
    "05_your_own_signals": {
        "positions": ["return np.indices(sizes).reshape(len(sizes), -1).T / np.array(sizes)"],
        "field_for": ["*sizes, c = signal.shape\nreturn models.siren(len(sizes), c, width=16, depth=3)"],
        "error_of": ["return np.sqrt(peak**2 / 10 ** (psnr / 10))"],
        "splits": [
            "import random\nr = list(range(n))\nrandom.Random(seed).shuffle(r)\nf = n // 10\nreturn sorted(r[2 * f:]), r[f:2 * f], r[:f]"
        ],
        "nearest": ["return [min(range(len(train)), key=lambda i: np.sum((train[i] - s) ** 2)) for s in test]"],
    },
}
"""Other ways to a right answer, by notebook and check."""
