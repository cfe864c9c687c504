# expects: A tuple of one needs a comma
class Value:
    def __init__(self, data, parents=(), local_derivatives=()):
        self.data = float(data); self.grad = 0.0
        self.parents = parents; self.local_derivatives = local_derivatives
    @staticmethod
    def of(x): return x if isinstance(x, Value) else Value(x)
    def __add__(self, o):
        o = Value.of(o); return Value(self.data + o.data, (self, o), (1.0, 1.0))
    __radd__ = __add__
    def __mul__(self, o):
        o = Value.of(o); return Value(self.data * o.data, (self, o), (o.data, self.data))
    __rmul__ = __mul__
    def __neg__(self): return Value(-self.data, (self), (-1.0))
