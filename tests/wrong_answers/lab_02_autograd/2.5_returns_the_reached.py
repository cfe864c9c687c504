# expects: Asked for are the others
def unreached(loss: Tensor, parameters: dict[str, Tensor]) -> list[str]:
    """Return the names of the parameters to which no path of the graph leads from `loss`."""
    visited, waiting, leaves = set(), [loss.grad_fn], []
    while waiting:
        node = waiting.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        waiting += [next_node for next_node, _ in node.next_functions]
    return [name for name, parameter in parameters.items() if any(parameter is leaf for leaf in leaves)]
