# expects: goes too deep
def backward(output):
    order, seen = [], set()

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(output)
    for node in order:
        if node.parents:
            node.grad = 0.0
    output.grad += 1.0
    for node in reversed(order):
        for parent, local_derivative in zip(node.parents, node.local_derivatives):
            parent.grad += local_derivative * node.grad
