# expects: you spend too many bytes
def precision_plan(trial, error_budget, size_budget):
    plan = dict.fromkeys(trial.layers, "INT8")
    while trial.error(plan) > error_budget:
        changes = [plan | {layer: kind} for layer in trial.layers for kind in ("FP16", "FP32")]
        plan = min(changes, key=trial.error)
    return plan
