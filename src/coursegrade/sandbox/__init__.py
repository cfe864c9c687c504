"""The learner's side: processes behind walls, and the narrow channel by which the judge speaks to them."""
