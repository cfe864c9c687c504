# expects: One local derivative for each parent
class Value:
    """A number that remembers what it was computed from."""

    def __init__(self, data, parents=(), local_derivatives=()):
        self.data, self.grad = float(data), 0.0
        self.parents, self.local_derivatives = parents, local_derivatives

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __truediv__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        local_derivatives = (1 / other.data, -self.data / other.data**2)
        return Value(self.data / other.data, (self,), local_derivatives)

    def __pow__(self, n):
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def relu(self):
        return Value(max(self.data, 0.0), (self,), (1.0 if self.data > 0 else 0.0,))

    __radd__, __rmul__ = __add__, __mul__
    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + -other
    __rsub__ = lambda self, other: -self + other
    __rtruediv__ = lambda self, other: Value(other) / self
