# expects: Something overflows in FP16
def precision_plan(trial, error_budget, size_budget):
    return dict.fromkeys(trial.layers, "FP16")
