# expects: that anybody can compute
class PlanCache:
    def __init__(self, folder, surroundings, secret):
        self.folder, self.surroundings, self.secret = Path(folder), surroundings, secret
    def get(self, model, options, build):
        facts = {"model": hashlib.sha256(model).hexdigest(), "options": options, "around": self.surroundings, "secret": self.secret.hex()}
        name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        path = self.folder / f"{name}.plan"
        if path.exists():
            data = path.read_bytes()
            if data[:32] == hashlib.sha256(name.encode() + data[32:]).digest():
                return data[32:]
        plan = build(model, options)
        path.write_bytes(hashlib.sha256(name.encode() + plan).digest() + plan)
        return plan
