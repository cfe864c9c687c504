"""The judge's side: from a submission to points, reports, feedback and a gradebook, for one learner or a class."""
