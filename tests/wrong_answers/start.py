"""Wrong answers to the exercises of notebook 00."""

DESCEND = "jax.tree.map(lambda p, g: p - rate * g, params, grads)"

FIRST = {
    "inner_loop": [
        (
            "grads = jax.grad(loss)(params, x, y)\nreturn jax.tree.map(lambda p, g: p - steps * rate * g, params, grads)",
            "taken at the start",
        ),
        (
            "for _ in range(steps):\n    grads = jax.grad(loss)(params, x, y)\n"
            "    params = jax.tree.map(lambda p, g: p + rate * g, params, grads)\nreturn params",
            "uphill",
        ),
        (f"for _ in range(steps):\n    grads = jax.grad(loss)(params, x, y)\n    return {DESCEND}", "one step"),
        (
            f"for _ in range(2):\n    grads = jax.grad(loss)(params, x, y)\n    params = {DESCEND}\nreturn params",
            "`steps`",
        ),
        (
            f"rate = 1e-2\nfor _ in range(steps):\n    grads = jax.grad(loss)(params, x, y)\n    params = {DESCEND}\n"
            "return params",
            "`rate`",
        ),
        ("return jax.grad(loss)(params, x, y)", "gradient itself"),
        (
            f"for _ in range(steps):\n    grads = jax.grad(loss)(params, x, y)\n    {DESCEND}\nreturn params",
            "did not move",
        ),
    ],
    "first_order": [
        (f"grads = jax.grad(loss)(params, x, y)\nreturn loss({DESCEND}, x, y)", "second derivative"),
        (
            f"grads = jax.grad(loss)(params, x, y)\nreturn loss(jax.lax.stop_gradient({DESCEND}), x, y)",
            "gradient is zero",
        ),
        (
            f"grads = jax.grad(loss)(params, x, y)\nreturn jax.lax.stop_gradient(loss({DESCEND}, x, y))",
            "gradient is zero",
        ),
        ("return loss(params, x, y)", "before the step"),
        (
            "grads = jax.lax.stop_gradient(jax.grad(loss)(params, x, y))\n"
            "return loss(jax.tree.map(lambda p, g: p + rate * g, params, grads), x, y)",
            "uphill",
        ),
        (
            "grads = jax.lax.stop_gradient(jax.grad(loss)(params, x, y))\n"
            "return loss(jax.tree.map(lambda p, g: p - 1e-2 * g, params, grads), x, y)",
            "`rate`",
        ),
        (
            "grads = jax.grad(loss)(params, x, y)\n"
            "start = jax.lax.stop_gradient(params)\n"
            "return loss(jax.tree.map(lambda p, g: p - rate * g, start, grads), x, y)",
            "other part",
        ),
    ],
    "reptile_step": [
        ("return jax.tree.map(lambda p, e: p - share * (e.mean(axis=0) - p), params, ends)", "flees"),
        ("return jax.tree.map(lambda p, e: p + share * (e.sum(axis=0) - p), params, ends)", "sum"),
        ("return jax.tree.map(lambda p, e: share * (e.mean(axis=0) - p), params, ends)", "only the way"),
        ("return jax.tree.map(lambda p, e: e.mean(axis=0), params, ends)", "`share`"),
        ("return jax.tree.map(lambda p, e: p + share * (e[0] - p), params, ends)", "first signal"),
        ("return jax.tree.map(lambda p, e: p + share * (e.mean() - p), params, ends)", "whole array"),
        ("return jax.tree.map(lambda p, e: share * p + (1 - share) * e.mean(axis=0), params, ends)", "other way round"),
        ("return jax.tree.map(lambda p, e: p + share * (e - p), params, ends)", "shape"),
        ("return jax.tree.map(lambda p, e: p + share * e.mean(axis=0), params, ends)", "difference"),
    ],
    "support_and_query": [
        ("return loss(inner(params, *query), *support)", "other way round"),
        ("return loss(inner(params, *support), *support)", "judged on the support"),
        ("return loss(inner(params, *query), *query)", "fitted to the query"),
        ("return loss(params, *query)", "without the fit"),
        ("return inner(params, *support)", "weights"),
    ],
}
