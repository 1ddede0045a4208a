"""Wrong answers to the exercises of notebook 04."""

FIRST = {
    "moved": [
        (
            "return [np.linalg.norm(b['w'] - a['w']) / np.linalg.norm(b['w']) for a, b in zip(start, fitted)]",
            "before the fit",
        ),
        ("return [np.linalg.norm(b['w'] - a['w']) for a, b in zip(start, fitted)]", "share"),
        ("return [np.sum((b['w'] - a['w']) ** 2) / np.sum(a['w'] ** 2) for a, b in zip(start, fitted)]", "root"),
        (
            "return [(np.linalg.norm(b['w']) - np.linalg.norm(a['w'])) / np.linalg.norm(a['w']) for a, b in zip(start, fitted)]",
            "two lengths",
        ),
        (
            "return [100 * np.linalg.norm(b['w'] - a['w']) / np.linalg.norm(a['w']) for a, b in zip(start, fitted)]",
            "per cent",
        ),
        ("return [np.linalg.norm(b['b'] - a['b']) / np.linalg.norm(a['b']) for a, b in zip(start, fitted)]", "biases"),
        (
            "return np.mean([np.linalg.norm(b['w'] - a['w']) / np.linalg.norm(a['w']) for a, b in zip(start, fitted)])",
            "shape",
        ),
        (
            "return [np.mean(np.abs(b['w'] - a['w'])) / np.mean(np.abs(a['w'])) for a, b in zip(start, fitted)]",
            "absolute",
        ),
        (
            "return [np.linalg.norm(b['w'] - a['w'], 2) / np.linalg.norm(a['w'], 2) for a, b in zip(start, fitted)]",
            "singular",
        ),
    ],
    "gap": [
        ("m = jax.tree.map(lambda x, y: (x + y) / 2, a, b)\nreturn jnp.mean((render(m) - render(a)) ** 2)", "one end"),
        (
            "m = jax.tree.map(lambda x, y: x + y, a, b)\nreturn jnp.mean((render(m) - (render(a) + render(b)) / 2) ** 2)",
            "sum of the weights",
        ),
        (
            "m = jax.tree.map(lambda x, y: (x + y) / 2, a, b)\nreturn jnp.mean((render(m) - (render(a) + render(b))) ** 2)",
            "sum of the pictures",
        ),
        ("return jnp.mean((render(a) - render(b)) ** 2)", "two pictures"),
        (
            "m = jax.tree.map(lambda x, y: (x + y) / 2, a, b)\nreturn jnp.mean(jnp.abs(render(m) - (render(a) + render(b)) / 2))",
            "absolute",
        ),
        (
            "m = jax.tree.map(lambda x, y: (x + y) / 2, a, b)\nreturn jnp.sum((render(m) - (render(a) + render(b)) / 2) ** 2)",
            "sum over",
        ),
        (
            "m = jax.tree.map(lambda x, y: (x + y) / 2, a, b)\nreturn jnp.sqrt(jnp.mean((render(m) - (render(a) + render(b)) / 2) ** 2))",
            "root",
        ),
        (
            "m = jax.tree.map(lambda x, y: (x + y) / 2, a, b)\nreturn (render(m) - (render(a) + render(b)) / 2) ** 2",
            "one number",
        ),
        ("return 0.0", "whatever it is given"),
    ],
    "square": [
        (
            "s = [(1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v]\nreturn jax.tree.map(lambda *x: sum(i * a for i, a in zip(s, x)), *corners)",
            "u and v",
        ),
        ("return jax.tree.map(lambda *x: sum(x) / 4, *corners)", "`u`"),
        (
            "s = [u * v, (1 - u) * v, u * (1 - v), (1 - u) * (1 - v)]\nreturn jax.tree.map(lambda *x: sum(i * a for i, a in zip(s, x)), *corners)",
            "opposite",
        ),
        (
            "s = [(1 - u) * v, u * v, (1 - u) * (1 - v), u * (1 - v)]\nreturn jax.tree.map(lambda *x: sum(i * a for i, a in zip(s, x)), *corners)",
            "top",
        ),
        (
            "s = [u * (1 - v), (1 - u) * (1 - v), u * v, (1 - u) * v]\nreturn jax.tree.map(lambda *x: sum(i * a for i, a in zip(s, x)), *corners)",
            "left",
        ),
        (
            "s = [(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v]\nreturn jax.tree.map(lambda *x: sum(i * a for i, a in zip(s, x)), *corners)",
            "round",
        ),
        (
            "s = [1 - u, u, 1 - v, v]\nreturn jax.tree.map(lambda *x: sum(i * a for i, a in zip(s, x)), *corners)",
            "add up",
        ),
        ("return jax.tree.map(lambda x, y: (1 - u) * x + u * y, corners[0], corners[1])", "`v`"),
    ],
    "way": [
        ("g = jax.grad(loss)(params, batch)\nreturn jax.tree.map(lambda g: rate * steps * g, g)", "at the start"),
        (
            "a = params\nfor _ in range(steps):\n    g = jax.grad(loss)(a, batch)\n    a = jax.tree.map(lambda p, g: p - rate * g, a, g)\n"
            "return jax.tree.map(lambda p, a: a - p, params, a)",
            "sign",
        ),
        (
            "a = params\nfor _ in range(steps):\n    g = jax.grad(loss)(a, batch)\n    a = jax.tree.map(lambda p, g: p - rate * g, a, g)\n"
            "return a",
            "adapted weights themselves",
        ),
        (
            "for _ in range(steps):\n    g = jax.grad(loss)(params, batch)\n    params = jax.tree.map(lambda p, g: p - rate * g, params, g)\n"
            "a = params\nreturn jax.tree.map(lambda p, a: p - a, params, a)",
            "zero",
        ),
        (
            "a = params\nfor _ in range(steps):\n    g = jax.grad(loss)(a, batch)\n    a = jax.tree.map(lambda p, g: p - rate * g, a, g)\n"
            "return jax.tree.map(lambda p, a: (p - a) / steps, params, a)",
            "divided",
        ),
        ("return jax.grad(loss)(params, batch)", "gradient at the start"),
        (
            "a = params\nfor _ in range(1):\n    g = jax.grad(loss)(a, batch)\n    a = jax.tree.map(lambda p, g: p - rate * g, a, g)\n"
            "return jax.tree.map(lambda p, a: p - a, params, a)",
            "one step",
        ),
    ],
    "right_half": [
        (
            "h = truth.shape[1] // 2\nreturn -10 * np.log10(np.mean((np.clip(picture[:, :h], 0, 1) - truth[:, :h]) ** 2))",
            "left half",
        ),
        ("return -10 * np.log10(np.mean((np.clip(picture, 0, 1) - truth) ** 2))", "whole"),
        (
            "h = truth.shape[0] // 2\nreturn -10 * np.log10(np.mean((np.clip(picture[h:], 0, 1) - truth[h:]) ** 2))",
            "lower half",
        ),
        ("h = truth.shape[1] // 2\nreturn -10 * np.log10(np.mean((picture[:, h:] - truth[:, h:]) ** 2))", "cut"),
        ("h = truth.shape[1] // 2\nreturn np.mean((np.clip(picture[:, h:], 0, 1) - truth[:, h:]) ** 2)", "decibel"),
        (
            "h = truth.shape[1] // 2\nreturn 10 * np.log10(np.mean((np.clip(picture[:, h:], 0, 1) - truth[:, h:]) ** 2))",
            "sign",
        ),
        (
            "h = (truth.shape[1] + 1) // 2\nreturn -10 * np.log10(np.mean((np.clip(picture[:, h:], 0, 1) - truth[:, h:]) ** 2))",
            "odd",
        ),
        (
            "h = truth.shape[1] // 2\nreturn -10 * np.log10(np.mean((np.clip(picture[:, h:], 0, 1) - truth[:, h:]) ** 2, axis=(0, 1)))",
            "one number",
        ),
    ],
}
