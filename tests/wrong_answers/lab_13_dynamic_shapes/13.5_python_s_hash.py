# expects: differs from process to process
class PlanCache:
    def __init__(self, folder, surroundings, secret):
        self.folder, self.surroundings, self.secret = Path(folder), surroundings, secret

    def get(self, model, options, build):
        name = str(hash((model, json.dumps(options, sort_keys=True), json.dumps(self.surroundings, sort_keys=True))))
        path = self.folder / f"{name}.plan"
        if path.exists():
            data = path.read_bytes()
            if hmac.compare_digest(data[:32], self.seal(name, data[32:])):
                return data[32:]
        plan = build(model, options)
        path.write_bytes(self.seal(name, plan) + plan)
        return plan

    def seal(self, name, plan):
        return hmac.new(self.secret, name.encode() + plan, "sha256").digest()
