"""Networks: inputs, layers and outputs, over one onnx_ir model.

definition.py   INetworkDefinition: what a network holds, and how its model is kept up to date
adding.py       its add_* methods
tensor.py       ITensor
layer.py        ILayer, and how a layer's properties lead to a new inference
emission.py     how a layer becomes ONNX nodes with types and shapes
windows.py, pointwise.py, arranging.py, reducing.py, quantizing.py, making.py, detecting.py
                the layers, by what they do
"""
