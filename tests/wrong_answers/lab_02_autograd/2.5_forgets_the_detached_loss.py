# expects: Its `grad_fn` is None
def unreached(loss, parameters):
    waiting, reached = [loss.grad_fn], []
    while waiting:
        node = waiting.pop()
        if hasattr(node, "variable"):
            reached.append(id(node.variable))
        waiting += [following for following, _ in node.next_functions if following is not None]
    return [name for name, parameter in parameters.items() if id(parameter) not in reached]
