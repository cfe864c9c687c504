# expects: That is the number of tensors
def inventory(file):
    floating = (1, 10, 11, 16)
    operators, parameters = Counter(), 0
    def look(graph, depth):
        nonlocal parameters
        operators.update(node.op_type for node in graph.node)
        parameters += sum(1 for t in graph.initializer if t.data_type in floating)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g") and depth < 9:
                    look(attribute.g, depth + 1)
    look(onnx.load_model_from_string(file).graph, 0)
    return {"operators": dict(operators), "parameters": parameters}
