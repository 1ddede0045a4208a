"""``make site``: the notebooks as they were run, live explorers, interfaces and results, as pages without a server."""
