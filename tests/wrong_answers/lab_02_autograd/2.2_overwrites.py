# expects: `+=`, once for each use
def backward(output) -> None:
    """Put the gradient of `output` into the grad of each node it depends on; leaves add up, other nodes start at 0."""
    uses, waiting = {output: 0}, [output]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in uses:
                uses[parent] = 0
                waiting.append(parent)
            uses[parent] += 1
    for node in uses:
        if node.parents:
            node.grad = 0.0
    output.grad += 1.0
    ready = [output]
    while ready:
        node = ready.pop()
        for parent, local_derivative in zip(node.parents, node.local_derivatives):
            parent.grad = local_derivative * node.grad
            uses[parent] -= 1
            if uses[parent] == 0:
                ready.append(parent)
