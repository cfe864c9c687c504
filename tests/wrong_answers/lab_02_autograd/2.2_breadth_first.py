# expects: Count the uses first
def backward(output):
    order = [output]
    for node in order:
        for parent in node.parents:
            if parent not in order:
                order.append(parent)
    for node in order:
        if node.parents:
            node.grad = 0.0
    output.grad += 1.0
    for node in order:
        for parent, local_derivative in zip(node.parents, node.local_derivatives):
            parent.grad += local_derivative * node.grad
