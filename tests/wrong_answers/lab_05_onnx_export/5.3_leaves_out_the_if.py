# expects: A node that holds graphs is a node, too
def inventory(file):
    ops, total = Counter(), 0
    def visit(g):
        nonlocal total
        for n in g.node:
            inner = [a.g for a in n.attribute if a.HasField("g")]
            if not inner: ops[n.op_type] += 1
            for i in inner: visit(i)
        for t in g.initializer:
            if t.data_type in (1, 10, 11, 16): total += int(np.prod(t.dims))
    visit(onnx.load_model_from_string(file).graph)
    return {"operators": dict(ops), "parameters": total}
