"""Wrong answers to the exercises of notebook 01."""

FIRST = {
    "reptile_gradient": [
        ("return jax.tree.map(lambda p, a: a - p, params, adapted)", "sign"),
        ("return adapted", "adapted weights themselves"),
        ("return jax.tree.map(lambda p, a: (p + a) / 2, params, adapted)", "halfway"),
        ("return [{'w': p['w'] - a['w']} for p, a in zip(params, adapted)]", "tree"),
        ("return jax.tree.map(lambda p, a: jnp.abs(p - a), params, adapted)", "absolute"),
        ("return jax.tree.map(lambda p, a: (p - a) ** 2, params, adapted)", "square"),
        ("return jax.tree.map(lambda p, a: (p - a) / 2, params, adapted)", "factor"),
        ("return jax.tree.leaves(jax.tree.map(lambda p, a: p - a, params, adapted))", "tree"),
        ("return params - adapted", "TypeError"),
    ],
    "decibels": [
        ("return 10 * np.log10(np.mean((np.clip(prediction, 0, 1) - target) ** 2))", "sign"),
        ("return -20 * np.log10(np.mean((np.clip(prediction, 0, 1) - target) ** 2))", "twice"),
        ("return -10 * np.log10(np.sqrt(np.mean((np.clip(prediction, 0, 1) - target) ** 2)))", "root"),
        ("return -10 * np.log(np.mean((np.clip(prediction, 0, 1) - target) ** 2))", "natural"),
        ("return -10 * np.log10(np.mean((prediction - target) ** 2))", "cut"),
        ("return -10 * np.log10(np.sum((np.clip(prediction, 0, 1) - target) ** 2))", "sum"),
        ("return np.mean(-10 * np.log10(np.mean((np.clip(prediction, 0, 1) - target) ** 2, axis=(0, 1))))", "channel"),
        ("return -10 * np.log10(np.mean((np.clip(prediction, 0, 1) - target) ** 2, axis=(0, 1)))", "one number"),
        ("return -10 * np.log10(np.mean(np.abs(np.clip(prediction, 0, 1) - target)))", "absolute"),
    ],
    "shuffled_layer": [
        (
            "return [{n: jax.random.permutation(key, a.ravel()).reshape(a.shape) for n, a in p.items()} for p in params]",
            "other layers",
        ),
        (
            "i = index - 1\nmixed = {n: jax.random.permutation(key, a.ravel()).reshape(a.shape) for n, a in params[i].items()}\n"
            "return [mixed if j == i % len(params) else p for j, p in enumerate(params)]",
            "layer before",
        ),
        (
            "mixed = {n: jax.random.permutation(key, a) for n, a in params[index].items()}\n"
            "return [mixed if j == index else p for j, p in enumerate(params)]",
            "row or column",
        ),
        (
            "mixed = {n: jax.random.normal(key, a.shape) for n, a in params[index].items()}\n"
            "return [mixed if j == index else p for j, p in enumerate(params)]",
            "numbers",
        ),
        ("return params", "nothing has moved"),
        (
            "for n, a in params[index].items():\n    params[index][n] = jax.random.permutation(key, a.ravel()).reshape(a.shape)\nreturn params",
            "changes what it is given",
        ),
        (
            "key = jax.random.key(0)\nmixed = {n: jax.random.permutation(key, a.ravel()).reshape(a.shape) for n, a in params[index].items()}\n"
            "return [mixed if j == index else p for j, p in enumerate(params)]",
            "`key`",
        ),
        (
            "return {n: jax.random.permutation(key, a.ravel()).reshape(a.shape) for n, a in params[index].items()}",
            "tree",
        ),
        (
            "mixed = dict(params[index], w=jax.random.permutation(key, params[index]['w'].ravel()).reshape(params[index]['w'].shape))\n"
            "return [mixed if j == index else p for j, p in enumerate(params)]",
            "biases",
        ),
    ],
    "steps_to_match": [
        ("return (curves >= targets[:, None]).argmax(axis=1)", "never"),
        ("return (curves >= targets[:, None]).argmax(axis=0)", "axis"),
        (
            "r = curves >= targets[:, None]\nreturn np.where(r.any(axis=1), r.argmax(axis=1), curves.shape[1])",
            "one too many",
        ),
        (
            "r = curves >= targets[:, None]\nreturn np.where(r.any(axis=1), r.argmax(axis=1) + 1, curves.shape[1] - 1)",
            "step 0",
        ),
        ("return (curves < targets[:, None]).sum(axis=1)", "falls back"),
        (
            "r = curves >= targets.mean()\nreturn np.where(r.any(axis=1), r.argmax(axis=1), curves.shape[1] - 1)",
            "own target",
        ),
        (
            "r = curves <= targets[:, None]\nreturn np.where(r.any(axis=1), r.argmax(axis=1), curves.shape[1] - 1)",
            "above",
        ),
        (
            "r = curves >= targets[:, None]\nreturn np.where(r.any(axis=1), r.argmax(axis=1), curves.shape[1] - 1).mean()",
            "shape",
        ),
    ],
    "mixture": [
        ("return jax.tree.map(lambda x, y: t * x + (1 - t) * y, a, b)", "other way round"),
        ("return jax.tree.map(lambda x, y: (x + y) / 2, a, b)", "`t`"),
        ("return jax.tree.map(lambda x, y: x + t * y, a, b)", "difference"),
        ("return jax.tree.map(lambda x, y: x + y, a, b)", "sum"),
        ("return [{'w': (1 - t) * p['w'] + t * q['w'], 'b': p['b']} for p, q in zip(a, b)]", "biases"),
        ("return jax.tree.map(lambda x, y: x - t * (y - x), a, b)", "away"),
    ],
}
