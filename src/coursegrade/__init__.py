"""The `course` command: set-up, the runner of lessons, the generator of labs, and the grader."""
