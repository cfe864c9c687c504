# expects: walks every path
def backward(output):
    def send(node, gradient):
        node.grad += gradient
        for parent, local_derivative in zip(node.parents, node.local_derivatives):
            send(parent, gradient * local_derivative)

    def clear(node):
        if node.parents:
            node.grad = 0.0
        for parent in node.parents:
            clear(parent)

    clear(output)
    send(output, 1.0)
